// SPDX-License-Identifier: MIT

package main

import (
	"io"
	"strings"
	"sync"
)

// pluginLog writes the plugin's lines where the engine reads them: one line each on stderr, with the
// word that the engine knows the level by.
type pluginLog struct {
	mu sync.Mutex
	to io.Writer
}

func newPluginLog(to io.Writer) *pluginLog { return &pluginLog{to: to} }

var logLevels = []string{"[DEBUG] ", "[INFO] ", "[WARN] ", "[ERROR] "}

func (l *pluginLog) write(level int, line string) {
	level = max(0, min(level, len(logLevels)-1))
	text := logLevels[level] + strings.ReplaceAll(line, "\n", " ") + "\n"
	l.mu.Lock()
	defer l.mu.Unlock()
	_, _ = io.WriteString(l.to, text) // without a log the work goes on
}
