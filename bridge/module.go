// SPDX-License-Identifier: MIT

package main

/*
#include "abi.h"
*/
import "C"

import (
	"context"
	"runtime"
	"sync"

	"github.com/GoCodeAlone/workflow/plugin/external/sdk"
)

// A module as the engine's SDK holds it. When the SDK has let go of it, the plugin's module ends: the
// SDK has no other word for that.
type module struct{ *moduleBody }

type moduleBody struct {
	plugin  *plugin
	c       *C.wf_module
	control sync.Mutex // the plugin wants one call at a time
}

func (p *plugin) ModuleTypes() []string { return typeNames(p.lib.manifest.Modules) }

func (p *plugin) CreateModule(typeName, name string, config map[string]any) (sdk.ModuleInstance, error) {
	body := &moduleBody{plugin: p}
	err := p.inside(func() error {
		var pinner runtime.Pinner
		defer pinner.Unpin()
		args, err := p.factory("module", typeName, name, config, &pinner)
		if err != nil {
			return err
		}
		var why C.wf_error
		return errorOf(C.abi_new_module(&args, &body.c, &why), &why)
	})
	if err != nil {
		return nil, err
	}
	p.running.add(body, false)
	m := &module{body}
	runtime.AddCleanup(m, (*moduleBody).destroy, body)
	return m, nil
}

// call runs one of the plugin's functions, alone.
func (m *moduleBody) call(function func(*C.wf_module, *C.wf_error) C.wf_status) error {
	m.control.Lock()
	defer m.control.Unlock()
	return m.plugin.inside(func() error {
		var why C.wf_error
		return errorOf(function(m.c, &why), &why)
	})
}

func (m *moduleBody) Init() error {
	return m.call(func(c *C.wf_module, why *C.wf_error) C.wf_status { return C.abi_module_init(c, why) })
}

// Start gives up when the engine does not want the answer any more.
func (m *moduleBody) Start(ctx context.Context) error {
	cancelled := make(chan struct{})
	keep := context.AfterFunc(ctx, func() {
		defer close(cancelled)
		C.abi_module_cancel(m.c)
	})
	err := m.plugin.start(m, func() error {
		return m.call(func(c *C.wf_module, why *C.wf_error) C.wf_status { return C.abi_module_start(c, why) })
	})
	if !keep() {
		<-cancelled
	}
	return err
}

func (m *moduleBody) Stop(ctx context.Context) error {
	return m.plugin.stop(ctx, m, func() error {
		return m.call(func(c *C.wf_module, why *C.wf_error) C.wf_status { return C.abi_module_stop(c, why) })
	})
}

func (m *moduleBody) destroy() {
	m.plugin.running.remove(m)
	m.control.Lock()
	defer m.control.Unlock()
	_ = m.plugin.inside(func() error {
		C.abi_module_destroy(m.c)
		return nil
	})
}

// The engine gives its bus to modules only; the plugin's is the same for all.

func (m *moduleBody) SetMessagePublisher(p sdk.MessagePublisher)   { m.plugin.bus.setPublisher(p) }
func (m *moduleBody) SetMessageSubscriber(s sdk.MessageSubscriber) { m.plugin.bus.setSubscriber(s) }
