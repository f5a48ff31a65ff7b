// SPDX-License-Identifier: MIT

package main

/*
#cgo CFLAGS: -std=gnu17 -O2 -Wall -Wextra -Wshadow -I${SRCDIR}/..
#cgo LDFLAGS: -ldl
#include <stdlib.h>
#include "abi.h"
#include "crash.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"runtime/cgo"
	"strings"
	"sync/atomic"
	"unsafe"
)

// A library is a loaded shared object; it stays loaded.
type library struct {
	c         C.struct_abi_library
	path      string
	manifest  manifest
	factories map[string]unsafe.Pointer // by kind and type
}

func loadLibrary(path string) (*library, error) {
	lib := &library{path: path, factories: map[string]unsafe.Pointer{}}
	name := C.CString(path)
	defer C.free(unsafe.Pointer(name))
	runtime.LockOSThread() // dlerror() is per thread
	why := C.abi_load(name, &lib.c)
	var err error
	if why != nil {
		err = errors.New(C.GoString(why))
	}
	runtime.UnlockOSThread()
	if err != nil {
		return nil, err
	}
	text := C.abi_manifest(&lib.c)
	lib.manifest, err = parseManifest(C.GoBytes(unsafe.Pointer(text.ptr), C.int(text.len)), C.WF_ABI_VERSION)
	if err != nil {
		return nil, err
	}
	for kind, types := range map[string][]manifestType{
		"module": lib.manifest.Modules, "step": lib.manifest.Steps, "trigger": lib.manifest.Triggers,
	} {
		if err := lib.addFactories(kind, types); err != nil {
			return nil, err
		}
	}
	return lib, nil
}

func (lib *library) addFactories(kind string, types []manifestType) error {
	for _, t := range types {
		symbol := symbolOf(kind, t.Type)
		name := C.CString(symbol)
		factory := C.abi_find(&lib.c, name)
		C.free(unsafe.Pointer(name))
		if factory == nil {
			return fmt.Errorf("type '%s' is in the manifest, but there is no '%s'", t.Type, symbol)
		}
		lib.factories[kind+" "+t.Type] = factory
	}
	return nil
}

// watchCrashes: see crash.h.
func (lib *library) watchCrashes(program string) {
	for _, factory := range lib.factories {
		name, file := C.CString(program), C.CString(filepath.Base(lib.path))
		C.crash_watch(name, file, factory)
		C.free(unsafe.Pointer(name))
		C.free(unsafe.Pointer(file))
		return
	}
}

// A plugin is an opened library, and what the engine's SDK talks to.
type plugin struct {
	lib     *library
	c       *C.wf_plugin
	log     *pluginLog
	bus     *bus
	open    *gate // who calls into the plugin is inside
	running running
	away    atomic.Bool // the engine could not be reached the last time
}

func (lib *library) open(log io.Writer) (*plugin, error) {
	p := &plugin{lib: lib, log: newPluginLog(log), bus: newBus(), open: newGate()}
	var why C.wf_error
	status := C.abi_open(&lib.c, C.uintptr_t(cgo.NewHandle(p)), &p.c, &why)
	if err := errorOf(status, &why); err != nil {
		return nil, err
	}
	return p, nil
}

// close ends all that still runs in the plugin; nothing calls into it afterwards.
func (p *plugin) close() {
	if p.open.shut() {
		C.abi_close(&p.lib.c, p.c)
	}
}

var errStopping = &failure{statusCancelled, "the plugin is being stopped"}

// inside runs f, which calls into the plugin, unless that is closed.
func (p *plugin) inside(f func() error) error {
	if !p.open.enter() {
		return errStopping
	}
	defer p.open.leave()
	return f()
}

// factory fills in what all factories get. The views are pinned until unpin is called.
func (p *plugin) factory(kind, typeName, name string, config map[string]any, unpin *runtime.Pinner) (C.struct_abi_new, error) {
	var args C.struct_abi_new
	factory, known := p.lib.factories[kind+" "+typeName]
	if !known {
		return args, fmt.Errorf("unknown %s type \"%s\"", kind, typeName)
	}
	text, err := encodeMap(config)
	if err != nil {
		return args, fmt.Errorf("%s '%s': configuration: %w", typeName, name, err)
	}
	args.factory = factory
	args.plugin = p.c
	args.name = viewOf([]byte(name), unpin)
	args.config = viewOf(text, unpin)
	return args, nil
}

// viewOf lends bytes of Go's to C, until they are unpinned.
func viewOf(text []byte, pinner *runtime.Pinner) C.wf_str {
	if len(text) == 0 {
		return C.wf_str{}
	}
	first := unsafe.SliceData(text)
	pinner.Pin(first)
	return C.wf_str{ptr: (*C.char)(unsafe.Pointer(first)), len: C.size_t(len(text))}
}

// bytesOf looks at bytes of C's.
func bytesOf(view C.wf_str) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(view.ptr)), int(view.len))
}

func textOf(view C.wf_str) string {
	return strings.ToValidUTF8(string(bytesOf(view)), "\uFFFD")
}
