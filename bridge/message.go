// SPDX-License-Identifier: MIT

package main

/*
#include "abi.h"
*/
import "C"

import (
	"encoding/json"
	"runtime"
	"unsafe"
)

// receiverOf is a subscriber of the plugin's as a function of Go's.
func receiverOf(fn C.wf_on_message, ctx unsafe.Pointer) receiver {
	return func(topic string, payload []byte, metadata map[string]string) error {
		text, err := json.Marshal(metadata)
		if err != nil {
			return err
		}
		var pinner runtime.Pinner
		defer pinner.Unpin()
		message := C.struct_abi_message{
			fn:       fn,
			fn_ctx:   ctx,
			topic:    viewOf([]byte(topic), &pinner),
			payload:  viewOf(payload, &pinner),
			metadata: viewOf(text, &pinner),
		}
		var why C.wf_error
		return errorOf(C.abi_deliver(&message, &why), &why)
	}
}
