// SPDX-License-Identifier: MIT

package main

/*
#include <stdlib.h>
#include "abi.h"
*/
import "C"

import (
	"context"
	"fmt"
	"runtime"
	"unsafe"

	"github.com/GoCodeAlone/workflow/plugin/external/sdk"
)

// A step as the engine's SDK holds it; as with modules, it ends when the SDK has let go of it.
type step struct{ stepBody }

type stepBody struct {
	plugin *plugin
	c      *C.wf_step
}

func (p *plugin) StepTypes() []string { return typeNames(p.lib.manifest.Steps) }

func (p *plugin) CreateStep(typeName, name string, config map[string]any) (sdk.StepInstance, error) {
	body := stepBody{plugin: p}
	err := p.inside(func() error {
		var pinner runtime.Pinner
		defer pinner.Unpin()
		args, err := p.factory("step", typeName, name, config, &pinner)
		if err != nil {
			return err
		}
		var why C.wf_error
		return errorOf(C.abi_new_step(&args, &body.c, &why), &why)
	})
	if err != nil {
		return nil, err
	}
	s := &step{body}
	runtime.AddCleanup(s, stepBody.destroy, body)
	return s, nil
}

func (s stepBody) destroy() {
	_ = s.plugin.inside(func() error {
		C.abi_step_destroy(s.c)
		return nil
	})
}

// Execute may run many times at once.
func (s *step) Execute(_ context.Context, triggerData map[string]any, stepOutputs map[string]map[string]any,
	current, metadata, config map[string]any) (result *sdk.StepResult, err error) {
	outputs := make(map[string]any, len(stepOutputs))
	for name, output := range stepOutputs {
		outputs[name] = output
	}
	var texts [5][]byte
	for i, object := range []map[string]any{config, triggerData, outputs, current, metadata} {
		if texts[i], err = encodeMap(object); err != nil {
			return nil, fmt.Errorf("what the pipeline holds is no JSON: %w", err)
		}
	}
	err = s.plugin.inside(func() error {
		result, err = s.run(&texts)
		return err
	})
	runtime.KeepAlive(s)
	return result, err
}

// run takes the configuration, the trigger's data, the outputs of the steps, the current data and the
// metadata.
func (s stepBody) run(texts *[5][]byte) (*sdk.StepResult, error) {
	var pinner runtime.Pinner
	defer pinner.Unpin()
	in := C.wf_step_input{
		config:       viewOf(texts[0], &pinner),
		trigger_data: viewOf(texts[1], &pinner),
		step_outputs: viewOf(texts[2], &pinner),
		current:      viewOf(texts[3], &pinner),
		metadata:     viewOf(texts[4], &pinner),
	}
	in.size = C.uint32_t(unsafe.Sizeof(in))
	var out C.struct_abi_output
	var why C.wf_error
	status := C.abi_step_execute(s.c, &in, &out, &why)
	defer C.free(unsafe.Pointer(out.data))
	if err := errorOf(status, &why); err != nil {
		return nil, err
	}
	output, err := decodeMap(unsafe.Slice((*byte)(unsafe.Pointer(out.data)), int(out.len)))
	if err != nil {
		return nil, fmt.Errorf("the step's output is no JSON object: %w", err)
	}
	return &sdk.StepResult{Output: output, StopPipeline: out.stop != 0}, nil
}
