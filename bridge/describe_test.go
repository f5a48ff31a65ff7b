// SPDX-License-Identifier: MIT

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

func TestTheLibraryOfTheExecutablesNameIsTaken(t *testing.T) {
	dir := t.TempDir()
	executable := filepath.Join(dir, "plugin")
	expect := func(want, wrong string) {
		t.Helper()
		got, err := findLibraryBeside(executable)
		if wrong != "" {
			if err == nil {
				t.Fatalf("found %s", got)
			}
			wantIn(t, err.Error(), wrong)
		} else if err != nil || got != filepath.Join(dir, want) {
			t.Fatalf("found %s, %v", got, err)
		}
	}
	put := func(name string) {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("plugin")
	put("plugin.json")
	expect("", "there is no shared object")
	put("other.so")
	expect("other.so", "")
	put("third.so")
	expect("", "several shared objects")
	put("plugin.so")
	expect("plugin.so", "")
}

func TestAManifestThatTheEngineWouldRefuseIsRefused(t *testing.T) {
	for text, wrong := range map[string]string{
		`x`:                                      "manifest: invalid character 'x' looking for beginning of value",
		`{"abi":1,"version":"1.0.0"}`:            "manifest: 'name' is missing",
		`{"name":"a","abi":2,"version":"1.0.0"}`: "speaks ABI 2, this host speaks 1",
		`{"name":"a","abi":1,"version":"1.0"}`:   "manifest: 'version' must be x.y.z for the engine, not '1.0'",
		`{"name":"a","abi":1,"version":"1.0.0","steps":[{"summary":"x"}]}`: "manifest: an entry has no 'type'",
	} {
		_, err := parseManifest([]byte(text), 1)
		wantText(t, err, wrong)
	}
}

func TestFactoriesAreNamedByTheRuleOfTheHeader(t *testing.T) {
	for _, c := range [][3]string{
		{"module", "cdc.source", "new_module_cdc_source"}, {"step", "step.cdc_start", "new_step_cdc_start"},
		{"trigger", "trigger.cdc", "new_trigger_cdc"}, {"step", "Odd-Näme.x", "new_step__dd____me_x"},
	} {
		if got := symbolOf(c[0], c[1]); got != c[2] {
			t.Errorf("%s: %s", c[1], got)
		}
	}
}

func TestTheEngineIsToldWhatTheManifestSays(t *testing.T) {
	p, _ := openProbe(t)
	if got := p.Manifest(); got.Name != "workflow-plugin-probe" || got.Version != "1.2.3" || got.Author != "nobody" {
		t.Errorf("manifest %v", got)
	}
	steps := []string{"step.probe_echo", "step.probe_fail", "step.probe_crash", "step.probe_abort", "step.probe_fire", "step.probe_publish"}
	if got := p.StepTypes(); !reflect.DeepEqual(got, steps) {
		t.Errorf("steps %v", got)
	}
	schema := p.ModuleSchemas()[0]
	mode, limit, names := schema.ConfigFields[0], schema.ConfigFields[1], schema.ConfigFields[2]
	if schema.Type != "probe.module" || schema.Label != "Probe" || mode.Type != "select" || mode.DefaultValue != "a" ||
		!mode.Required || len(mode.Options) != 2 || limit.Type != "string" || limit.DefaultValue != "7" || names.Type != "array" {
		t.Errorf("schema %+v", schema)
	}
}

func TestTheDescriptionHasEveryTypeOnce(t *testing.T) {
	p, _ := openProbe(t)
	d := describePlugin(&p.lib.manifest)
	if d.Version != "1.2.3" || d.Type != "external" || len(d.StepSchemas) != len(d.Capabilities.StepTypes) {
		t.Fatalf("%+v", d)
	}
	echo := d.StepSchemas[0]
	if !echo.ConfigFields[0].Sensitive || echo.Outputs[0].Type != "any" || echo.Plugin != d.Name {
		t.Errorf("%+v", echo)
	}
	text, err := json.Marshal(describeContracts(&p.lib.manifest))
	if err != nil {
		t.Fatal(err)
	}
	wantIn(t, string(text), `{"kind":"trigger","type":"trigger.probe","mode":"legacy_struct"}`)
}
