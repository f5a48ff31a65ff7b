// SPDX-License-Identifier: MIT

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// A manifest is what a plugin says of itself; sdk/README.md has the members.
type manifest struct {
	Name        string         `json:"name"`
	Version     string         `json:"version"`
	ABI         int            `json:"abi"`
	Description string         `json:"description"`
	Author      string         `json:"author"`
	License     string         `json:"license"`
	Modules     []manifestType `json:"modules"`
	Steps       []manifestType `json:"steps"`
	Triggers    []manifestType `json:"triggers"`
}

type manifestType struct {
	Type     string          `json:"type"`
	Label    string          `json:"label"`
	Category string          `json:"category"`
	Summary  string          `json:"summary"`
	Fields   []manifestField `json:"fields"`
	Outputs  []manifestField `json:"outputs"`
}

type manifestField struct {
	Name     string          `json:"name"`
	Type     string          `json:"type"`
	Items    string          `json:"items"`
	Required bool            `json:"required"`
	Secret   bool            `json:"secret"`
	Default  json.RawMessage `json:"default"`
	Help     string          `json:"help"`
	Choices  []string        `json:"choices"`
}

// A type may be only its name.
func (t *manifestType) UnmarshalJSON(text []byte) error {
	if json.Unmarshal(text, &t.Type) == nil {
		return nil
	}
	type plain manifestType
	return json.Unmarshal(text, (*plain)(t))
}

var manifestVersion = regexp.MustCompile(`^\d+\.\d+\.\d+$`)

// parseManifest also checks what the engine would refuse later, in worse words.
func parseManifest(text []byte, abi int) (m manifest, err error) {
	if err := json.Unmarshal(text, &m); err != nil {
		return m, fmt.Errorf("manifest: %w", err)
	}
	if m.Name == "" {
		return m, errors.New("manifest: 'name' is missing")
	}
	if m.ABI != abi {
		return m, fmt.Errorf("speaks ABI %d, this host speaks %d", m.ABI, abi)
	}
	if !manifestVersion.MatchString(m.Version) {
		return m, fmt.Errorf("manifest: 'version' must be x.y.z for the engine, not '%s'", m.Version)
	}
	for _, types := range [][]manifestType{m.Modules, m.Steps, m.Triggers} {
		for _, t := range types {
			if t.Type == "" {
				return m, errors.New("manifest: an entry has no 'type'")
			}
		}
	}
	// The engine wants both.
	if m.Description == "" {
		m.Description = m.Name
	}
	if m.Author == "" {
		m.Author = m.Name
	}
	return m, nil
}

// symbolOf is the name of a type's factory: sdk/wf_plugin.h has the rule.
func symbolOf(kind, typeName string) string {
	symbol := []byte("new_" + kind + "_" + strings.TrimPrefix(typeName, kind+"."))
	for i := len("new_") + len(kind) + 1; i < len(symbol); i++ {
		if c := symbol[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			symbol[i] = '_'
		}
	}
	return string(symbol)
}

func typeNames(types []manifestType) []string {
	names := make([]string, len(types))
	for i := range types {
		names[i] = types[i].Type
	}
	return names
}
