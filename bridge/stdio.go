// SPDX-License-Identifier: MIT

package main

import (
	"encoding/json"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// guardStdout gives the file that was stdout, and lets descriptor 1 lead to stderr from now on. The
// engine takes the first line of stdout for the handshake; whatever a library prints, at its loading or
// later, goes to the engine's log instead.
func guardStdout() (*os.File, error) {
	saved, err := unix.FcntlInt(1, unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, fmt.Errorf("stdout: %w", err)
	}
	if err := unix.Dup3(2, 1, 0); err != nil {
		return nil, fmt.Errorf("stderr: %w", err)
	}
	return os.NewFile(uintptr(saved), "/dev/stdout"), nil
}

func writeJSON(to *os.File, value any) error {
	encoder := json.NewEncoder(to)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}
