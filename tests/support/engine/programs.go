// SPDX-License-Identifier: MIT

//go:build tools

// Package engine names the programs of the engine that tests/peers runs.
package engine

import (
	_ "github.com/GoCodeAlone/workflow/cmd/server"
	_ "github.com/GoCodeAlone/workflow/cmd/wfctl"
)
