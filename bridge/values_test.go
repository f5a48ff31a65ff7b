// SPDX-License-Identifier: MIT

package main

import (
	"reflect"
	"strings"
	"testing"
)

func TestNumbersThatADoubleWouldChangeAreTheirDigits(t *testing.T) {
	for digits, want := range map[string]any{
		"0": 0.0, "-1": -1.0, "1.5": 1.5, "1e3": 1000.0, "9007199254740992": 9007199254740992.0,
		"-9007199254740992": -9007199254740992.0, "9007199254740993": "9007199254740993",
		"-9007199254740993": "-9007199254740993", "9223372036854775807": "9223372036854775807",
		"18446744073709551615": "18446744073709551615", "1e999": "1e999", "1e20": 1e20,
		"123456789012345678901234567890": "123456789012345678901234567890",
	} {
		got, err := decodeMap([]byte(`{"a":[{"b":` + digits + `}]}`))
		if err != nil {
			t.Fatal(err)
		}
		if all := map[string]any{"a": []any{map[string]any{"b": want}}}; !reflect.DeepEqual(got, all) {
			t.Errorf("%s became %v", digits, got)
		}
	}
}

func TestEveryTypeOfJSONComesThrough(t *testing.T) {
	const text = `{"a":"<&>\u2028ä","b":true,"c":null,"d":[1,"2",[],{}],"e":{"f":1.25,"g":9007199254740992}}`
	object, err := decodeMap([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	got, err := encodeMap(object)
	if err != nil || string(got) != text {
		t.Fatalf("got %s, %v", got, err)
	}
}

func TestNothingIsTheEmptyObject(t *testing.T) {
	for _, object := range []map[string]any{nil, {}} {
		if got, err := encodeMap(object); err != nil || string(got) != "{}" {
			t.Fatalf("got %s, %v", got, err)
		}
	}
	if got, err := decodeMap(nil); err != nil || len(got) != 0 || got == nil {
		t.Fatalf("got %v, %v", got, err)
	}
}

func TestWhatIsNoObjectIsAnError(t *testing.T) {
	for _, text := range []string{"[]", "1", "{", `{"a"}`, "x"} {
		if got, err := decodeMap([]byte(text)); err == nil {
			t.Errorf("%s became %v", text, got)
		}
	}
}

func TestATextIsCutBetweenCharacters(t *testing.T) {
	for most, want := range map[int]string{0: "", 1: "a", 2: "a", 3: "aä", 4: "aäb", 9: "aäb"} {
		if got := cutText("aäb", most); got != want {
			t.Errorf("%d: %q", most, got)
		}
	}
}

const benchEvent = `{"id":"sqlite:0123456789ab:12345","source_id":"orders","provider":"sqlite","table":"main.orders",` +
	`"op":"INSERT","action":"INSERT","key":{"id":12345},"before":null,"after":{"id":12345,"customer":"somebody",` +
	`"state":"new","at":0},"ts":"2026-01-01T00:00:00.000000Z","position":"12345","txid":null,"seq":null,"snapshot":false}`

func BenchmarkAnEvent(b *testing.B) {
	for b.Loop() {
		if _, err := decodeMap([]byte(benchEvent)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAnEventWithALongNumber(b *testing.B) {
	event := strings.Replace(benchEvent, `"at":0`, `"at":9007199254740993`, 1)
	for b.Loop() {
		if _, err := decodeMap([]byte(event)); err != nil {
			b.Fatal(err)
		}
	}
}
