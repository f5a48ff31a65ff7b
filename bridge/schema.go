// SPDX-License-Identifier: MIT

package main

import (
	"encoding/json"

	"github.com/GoCodeAlone/workflow/plugin/external/sdk"
)

// What the engine is told of the plugin when it runs.

func (p *plugin) Manifest() sdk.PluginManifest {
	m := &p.lib.manifest
	return sdk.PluginManifest{Name: m.Name, Version: m.Version, Author: m.Author, Description: m.Description}
}

func (p *plugin) ModuleSchemas() []sdk.ModuleSchemaData {
	var schemas []sdk.ModuleSchemaData
	for _, t := range p.lib.manifest.Modules {
		schema := sdk.ModuleSchemaData{Type: t.Type, Label: t.Label, Category: t.Category, Description: t.Summary}
		for _, f := range t.Fields {
			schema.ConfigFields = append(schema.ConfigFields, sdk.ConfigField{
				Name:         f.Name,
				Type:         f.engineType(),
				Description:  f.Help,
				DefaultValue: f.defaultText(),
				Required:     f.Required,
				Options:      f.Choices,
			})
		}
		schemas = append(schemas, schema)
	}
	return schemas
}

// engineType is the engine's word for the field's type.
func (f *manifestField) engineType() string {
	switch f.Type {
	case "bool":
		return "boolean"
	case "int", "number":
		return "number"
	case "duration", "map":
		return f.Type
	case "list":
		return "array"
	case "choice":
		return "select"
	case "any":
		return "json"
	}
	if len(f.Choices) > 0 {
		return "select"
	}
	return "string"
}

// defaultText: a text without its quotes, everything else as JSON.
func (f *manifestField) defaultText() string {
	var text string
	if json.Unmarshal(f.Default, &text) == nil {
		return text
	}
	return string(f.Default)
}
