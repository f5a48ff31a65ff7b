// SPDX-License-Identifier: MIT

package main

/*
#include "abi.h"
*/
import "C"

import (
	"context"
	"runtime"
	"runtime/cgo"
	"sync"

	"github.com/GoCodeAlone/workflow/plugin/external/sdk"
)

// A trigger as the engine's SDK holds it; as with modules, it ends when the SDK has let go of it.
type trigger struct{ *triggerBody }

type triggerBody struct {
	plugin   *plugin
	c        *C.wf_trigger
	control  sync.Mutex // the plugin wants one call at a time
	callback sdk.TriggerCallback
	handle   cgo.Handle // what the plugin knows the callback by
}

func (p *plugin) TriggerTypes() []string { return typeNames(p.lib.manifest.Triggers) }

func (p *plugin) CreateTrigger(typeName string, config map[string]any, callback sdk.TriggerCallback) (sdk.TriggerInstance, error) {
	body := &triggerBody{plugin: p, callback: callback}
	body.handle = cgo.NewHandle(body)
	err := p.inside(func() error {
		var pinner runtime.Pinner
		defer pinner.Unpin()
		args, err := p.factory("trigger", typeName, "", config, &pinner)
		if err != nil {
			return err
		}
		args.callback = C.uintptr_t(body.handle)
		var why C.wf_error
		return errorOf(C.abi_new_trigger(&args, &body.c, &why), &why)
	})
	if err != nil {
		body.handle.Delete()
		return nil, err
	}
	p.running.add(body, true)
	t := &trigger{body}
	runtime.AddCleanup(t, (*triggerBody).destroy, body)
	return t, nil
}

func (t *triggerBody) call(function func(*C.wf_trigger, *C.wf_error) C.wf_status) error {
	t.control.Lock()
	defer t.control.Unlock()
	return t.plugin.inside(func() error {
		var why C.wf_error
		return errorOf(function(t.c, &why), &why)
	})
}

func (t *triggerBody) Start(context.Context) error {
	return t.plugin.start(t, func() error {
		return t.call(func(c *C.wf_trigger, why *C.wf_error) C.wf_status { return C.abi_trigger_start(c, why) })
	})
}

// Stop returns when the workflows that the trigger has started have ended.
func (t *triggerBody) Stop(ctx context.Context) error {
	return t.plugin.stop(ctx, t, func() error {
		return t.call(func(c *C.wf_trigger, why *C.wf_error) C.wf_status { return C.abi_trigger_stop(c, why) })
	})
}

func (t *triggerBody) destroy() {
	t.plugin.running.remove(t)
	t.control.Lock()
	defer t.control.Unlock()
	_ = t.plugin.inside(func() error {
		C.abi_trigger_destroy(t.c)
		t.handle.Delete()
		return nil
	})
}
