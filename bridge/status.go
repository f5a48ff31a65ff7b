// SPDX-License-Identifier: MIT

package main

/*
#include "abi.h"
*/
import "C"

// The outcomes of sdk/wf_plugin.h that the bridge itself has.
const (
	statusConfig      = C.WF_CONFIG
	statusUnsupported = C.WF_UNSUPPORTED
	statusUnavailable = C.WF_UNAVAILABLE
	statusProtocol    = C.WF_PROTOCOL
	statusCancelled   = C.WF_CANCELLED
	statusFailed      = C.WF_FAILED
)
