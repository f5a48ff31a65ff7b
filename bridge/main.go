// SPDX-License-Identifier: MIT

// The bridge puts a plugin of sdk/wf_plugin.h into the workflow engine: the engine starts it as one of
// its plugin programs, it loads the shared object that lies beside it and offers whatever that one's
// manifest lists. It knows no type and nothing of what the plugin does.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"

	"github.com/GoCodeAlone/workflow/plugin/external/sdk"
)

func main() {
	pluginJSON := flag.Bool("plugin-json", false, "print the engine's plugin.json for the shared object, and end")
	contracts := flag.Bool("contracts-json", false, "print its plugin.contracts.json, and end")
	flag.Parse()
	if err := run(*pluginJSON, *contracts); err != nil {
		fmt.Fprintf(os.Stderr, "[ERROR] %s: %v\n", filepath.Base(os.Args[0]), err)
		os.Exit(1)
	}
}

func run(pluginJSON, contracts bool) error {
	out, err := guardStdout()
	if err != nil {
		return err
	}
	parent := watchedParent()
	path, err := findLibrary()
	if err != nil {
		return err
	}
	lib, err := loadLibrary(path)
	if err != nil {
		return fmt.Errorf("plugin '%s': %w", path, err)
	}
	switch {
	case pluginJSON:
		return writeJSON(out, describePlugin(&lib.manifest))
	case contracts:
		return writeJSON(out, describeContracts(&lib.manifest))
	}
	plugin, err := lib.open(os.Stderr)
	if err != nil {
		return fmt.Errorf("plugin '%s': %w", path, err)
	}
	lib.watchCrashes(lib.manifest.Name)
	if os.Getenv("GOGC") == "" {
		// There is little that lives and much that is short-lived; clearing up at every 4 MB costs more than 16.
		debug.SetGCPercent(400)
	}
	go endWith(parent)
	go stopOnSignal(plugin, parent)
	os.Stdout = out // where the SDK writes the line that the engine waits for
	sdk.Serve(plugin)
	plugin.close()
	return nil
}
