// SPDX-License-Identifier: MIT

package main

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"strings"
)

// The engine's messages know one kind of number, the double. An integer that no double can be trusted
// with goes as its digits, a string; so does what would be infinite.
const exactInteger = 1 << 53

// decodeMap reads a JSON object as the engine can carry it. An empty text is an empty object.
func decodeMap(text []byte) (map[string]any, error) {
	if len(text) == 0 {
		return map[string]any{}, nil
	}
	if !hasLongNumber(text) {
		var object map[string]any
		if err := json.Unmarshal(text, &object); err == nil {
			return object, nil
		} // or else it has a number beyond the double's, or is no object
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var object map[string]any
	if err := decoder.Decode(&object); err != nil {
		return nil, err
	}
	for key, value := range object {
		object[key] = carried(value)
	}
	return object, nil
}

// hasLongNumber says whether a number may be there that a double would change: most objects have none, and
// are read at half the cost. Digits of a text count as well.
func hasLongNumber(text []byte) bool {
	digits := 0
	for _, c := range text {
		if c < '0' || c > '9' {
			digits = 0
		} else if digits++; digits >= 16 {
			return true
		}
	}
	return false
}

func carried(value any) any {
	switch v := value.(type) {
	case json.Number:
		return carriedNumber(string(v))
	case map[string]any:
		for key, member := range v {
			v[key] = carried(member)
		}
	case []any:
		for i, element := range v {
			v[i] = carried(element)
		}
	}
	return value
}

func carriedNumber(digits string) any {
	number, err := strconv.ParseFloat(digits, 64)
	if err != nil {
		return digits
	}
	if math.Abs(number) >= exactInteger && !strings.ContainsAny(digits, ".eE") {
		if integer, err := strconv.ParseInt(digits, 10, 64); err != nil || integer > exactInteger || integer < -exactInteger {
			return digits
		}
	}
	return number
}

// encodeMap writes what the engine has sent as JSON; nothing is the empty object.
func encodeMap(object map[string]any) ([]byte, error) {
	if len(object) == 0 {
		return []byte("{}"), nil
	}
	return encode(object)
}

func encode(value any) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}
