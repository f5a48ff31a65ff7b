// SPDX-License-Identifier: MIT

package main

import (
	"errors"
	"fmt"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// fire runs the workflow and comes back when it has ended. No lock is held meanwhile: the workflow may
// call steps of this plugin, on the source that the event came from, too.
func (t *triggerBody) fire(action string, event []byte) error {
	if t.plugin.open.isShut() {
		return errStopping
	}
	data, err := decodeMap(event)
	if err != nil {
		return &failure{statusProtocol, fmt.Sprintf("the event is no JSON object: %v", err)}
	}
	err = outcome(t.callback(action, data), t.plugin.open.isShut())
	t.plugin.noteEngine(err)
	return err
}

// noteEngine says once that events wait, when the engine cannot be reached though it has not ended.
func (p *plugin) noteEngine(err error) {
	var own *failure
	if away := errors.As(err, &own) && own.status == statusCancelled; !away {
		p.away.Store(false)
	} else if !p.away.Swap(true) {
		p.log.write(2, "events wait: "+own.text)
	}
}

// What the SDK puts before every error of a callback.
const sdkPrefix = "trigger workflow callback: "

// outcome says what an error of the engine's means to the trigger that has fired: a workflow that has
// failed is tried again by the trigger's rules; an event that came to an engine that is going away was
// not seen by any workflow, and comes again; one that no message of the engine can hold never will.
func outcome(err error, stopping bool) error {
	if err == nil {
		return nil
	}
	text := strings.TrimPrefix(err.Error(), sdkPrefix)
	remote, isRemote := grpcStatus(err)
	switch {
	case stopping:
		return &failure{statusCancelled, text}
	case !isRemote:
		return &failure{statusFailed, text}
	case remote.Code() == codes.ResourceExhausted && strings.Contains(remote.Message(), "larger than max"):
		return &failure{statusUnsupported, "the event is larger than a message to the engine may be: " + remote.Message()}
	case remote.Code() == codes.Unavailable || remote.Code() == codes.Canceled:
		return &failure{statusCancelled, "the engine is gone: " + remote.Message()}
	}
	return &failure{statusFailed, text}
}

// grpcStatus finds the status of a call that did not come through; what the engine itself answers has
// none.
func grpcStatus(err error) (*status.Status, bool) {
	var with interface{ GRPCStatus() *status.Status }
	if !errors.As(err, &with) {
		return nil, false
	}
	return with.GRPCStatus(), true
}
