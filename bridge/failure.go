// SPDX-License-Identifier: MIT

package main

/*
#include "abi.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
	"unsafe"
)

// A failure is an error with the outcome that the plugin, or what it calls, has to act on.
type failure struct {
	status int32
	text   string
}

func (f *failure) Error() string { return f.text }

// errorOf makes an error of what a call into the plugin came back with: its own words, nothing added.
func errorOf(status C.wf_status, err *C.wf_error) error {
	if status == C.WF_OK {
		return nil
	}
	text := strings.ToValidUTF8(C.GoString(&err.text[0]), "\uFFFD")
	if text == "" {
		text = fmt.Sprintf("failed without a reason (%d)", int(status))
	}
	return &failure{int32(status), text}
}

// setError is the way back: cut to what there is room for, between characters.
func setError(out *C.wf_error, err error) C.wf_status {
	status := C.wf_status(statusFailed)
	var own *failure
	if errors.As(err, &own) {
		status = C.wf_status(own.status)
	}
	if out == nil {
		return status
	}
	room := unsafe.Slice((*byte)(unsafe.Pointer(&out.text[0])), len(out.text))
	text := cutText(err.Error(), len(room)-1)
	room[copy(room, text)] = 0
	out.code = status
	return status
}

func cutText(text string, most int) string {
	if len(text) <= most {
		return text
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most]
}
