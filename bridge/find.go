// SPDX-License-Identifier: MIT

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// findLibrary gives the shared object that lies beside the executable: the one of its own name, else the
// only one. The working directory says nothing, not every tool of the engine sets it.
func findLibrary() (string, error) {
	executable, err := os.Executable()
	if err != nil {
		return "", err
	}
	if real, err := filepath.EvalSymlinks(executable); err == nil {
		executable = real
	}
	return findLibraryBeside(executable)
}

func findLibraryBeside(executable string) (string, error) {
	named := executable + ".so"
	if info, err := os.Stat(named); err == nil && info.Mode().IsRegular() {
		return named, nil
	}
	dir := filepath.Dir(executable)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	var found []string
	for _, entry := range entries {
		if strings.HasSuffix(entry.Name(), ".so") {
			found = append(found, entry.Name())
		}
	}
	switch len(found) {
	case 0:
		return "", fmt.Errorf("there is no shared object in '%s'", dir)
	case 1:
		return filepath.Join(dir, found[0]), nil
	}
	return "", fmt.Errorf("there are several shared objects in '%s' (%s), and none is called '%s'",
		dir, strings.Join(found, ", "), filepath.Base(named))
}
