// SPDX-License-Identifier: MIT

package main

import "runtime/debug"

// The files that the engine and its tools read beside the executable, made of the plugin's manifest.

const engineModule = "github.com/GoCodeAlone/workflow"

type pluginDescription struct {
	Name             string       `json:"name"`
	Version          string       `json:"version"`
	Author           string       `json:"author"`
	Description      string       `json:"description"`
	Type             string       `json:"type"`
	Tier             string       `json:"tier"`
	License          string       `json:"license,omitempty"`
	MinEngineVersion string       `json:"minEngineVersion,omitempty"`
	Capabilities     capabilities `json:"capabilities"`
	StepSchemas      []stepSchema `json:"stepSchemas"`
}

type capabilities struct {
	ConfigProvider bool     `json:"configProvider"`
	ModuleTypes    []string `json:"moduleTypes"`
	StepTypes      []string `json:"stepTypes"`
	TriggerTypes   []string `json:"triggerTypes"`
}

type stepSchema struct {
	Type         string       `json:"type"`
	Plugin       string       `json:"plugin"`
	Description  string       `json:"description"`
	ConfigFields []fieldDef   `json:"configFields"`
	Outputs      []stepOutput `json:"outputs"`
}

type fieldDef struct {
	Key           string   `json:"key"`
	Label         string   `json:"label"`
	Type          string   `json:"type"`
	Description   string   `json:"description,omitempty"`
	Required      bool     `json:"required,omitempty"`
	DefaultValue  string   `json:"defaultValue,omitempty"`
	Options       []string `json:"options,omitempty"`
	ArrayItemType string   `json:"arrayItemType,omitempty"`
	Sensitive     bool     `json:"sensitive,omitempty"`
}

type stepOutput struct {
	Key         string `json:"key"`
	Type        string `json:"type"`
	Description string `json:"description"`
}

func describePlugin(m *manifest) pluginDescription {
	d := pluginDescription{
		Name: m.Name, Version: m.Version, Author: m.Author, Description: m.Description, License: m.License,
		Type: "external", Tier: "community", MinEngineVersion: engineVersion(),
		Capabilities: capabilities{
			ModuleTypes:  typeNames(m.Modules),
			StepTypes:    typeNames(m.Steps),
			TriggerTypes: typeNames(m.Triggers),
		},
		StepSchemas: []stepSchema{},
	}
	for i := range m.Steps {
		d.StepSchemas = append(d.StepSchemas, describeStep(m.Name, &m.Steps[i]))
	}
	return d
}

func describeStep(plugin string, t *manifestType) stepSchema {
	s := stepSchema{Type: t.Type, Plugin: plugin, Description: t.Summary, ConfigFields: []fieldDef{}, Outputs: []stepOutput{}}
	for _, f := range t.Fields {
		s.ConfigFields = append(s.ConfigFields, fieldDef{
			Key: f.Name, Label: f.Name, Type: f.engineType(), Description: f.Help, Required: f.Required,
			DefaultValue: f.defaultText(), Options: f.Choices, ArrayItemType: f.Items, Sensitive: f.Secret,
		})
	}
	for _, o := range t.Outputs {
		s.Outputs = append(s.Outputs, stepOutput{o.Name, o.outputType(), o.Help})
	}
	return s
}

// outputType is the engine's word for what a step gives.
func (f *manifestField) outputType() string {
	if f.Type == "any" {
		return "any"
	}
	return f.engineType()
}

type contractList struct {
	Version   string          `json:"version"`
	Contracts []contractEntry `json:"contracts"`
}

type contractEntry struct {
	Kind string `json:"kind"`
	Type string `json:"type"`
	Mode string `json:"mode"`
}

// describeContracts: all values go as google.protobuf.Struct, the engine's word for it is legacy_struct.
func describeContracts(m *manifest) contractList {
	all := contractList{Version: "1", Contracts: []contractEntry{}}
	for _, kind := range []struct {
		name  string
		types []manifestType
	}{{"module", m.Modules}, {"step", m.Steps}, {"trigger", m.Triggers}} {
		for _, t := range kind.types {
			all.Contracts = append(all.Contracts, contractEntry{kind.name, t.Type, "legacy_struct"})
		}
	}
	return all
}

// engineVersion is the version whose SDK this program was built with, which is the oldest that it is
// tested with.
func engineVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, module := range info.Deps {
		if module.Path == engineModule && len(module.Version) > 1 {
			return module.Version[1:]
		}
	}
	return ""
}
