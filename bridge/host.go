// SPDX-License-Identifier: MIT

package main

/*
#include "abi.h"
*/
import "C"

import (
	"fmt"
	"runtime/cgo"
	"unsafe"
)

// What a plugin calls. These run on its threads; abi.c is their caller.

func pluginOf(host C.uintptr_t) *plugin { return cgo.Handle(host).Value().(*plugin) }

// answered turns what a function of the host's came to, also a panic of Go's, into a status.
func answered(out *C.wf_error, f func() error) (status C.wf_status) {
	defer func() {
		if r := recover(); r != nil {
			status = setError(out, fmt.Errorf("the bridge has failed: %v", r))
		}
	}()
	if err := f(); err != nil {
		return setError(out, err)
	}
	return C.WF_OK
}

//export bridgeLog
func bridgeLog(host C.uintptr_t, level C.int32_t, line C.wf_str) {
	pluginOf(host).log.write(int(level), textOf(line))
}

//export bridgeFire
func bridgeFire(callback C.uintptr_t, action, event C.wf_str, out *C.wf_error) C.wf_status {
	return answered(out, func() error {
		return cgo.Handle(callback).Value().(*triggerBody).fire(textOf(action), bytesOf(event))
	})
}

//export bridgePublish
func bridgePublish(host C.uintptr_t, topic, payload, metadata C.wf_str, out *C.wf_error) C.wf_status {
	return answered(out, func() error {
		return pluginOf(host).bus.publish(textOf(topic), bytesOf(payload), bytesOf(metadata))
	})
}

//export bridgeSubscribe
func bridgeSubscribe(host C.uintptr_t, topic C.wf_str, fn C.wf_on_message, fnCtx unsafe.Pointer, outID *C.uint64_t, out *C.wf_error) C.wf_status {
	return answered(out, func() error {
		id, err := pluginOf(host).bus.subscribe(textOf(topic), receiverOf(fn, fnCtx))
		if err == nil {
			*outID = C.uint64_t(id)
		}
		return err
	})
}

//export bridgeUnsubscribe
func bridgeUnsubscribe(host C.uintptr_t, id C.uint64_t) {
	pluginOf(host).bus.unsubscribe(uint64(id))
}
