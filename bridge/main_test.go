// SPDX-License-Identifier: MIT

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// What this test program does instead of testing, when it is started as a process of a test's.
const (
	roleVariable = "BRIDGE_TEST_ROLE"
	roleBridge   = "bridge" // it is the bridge
	roleEngine   = "engine" // it starts a bridge, says its number, and waits to be killed
)

var probeFile string // the shared object of testdata/probe.c

func TestMain(m *testing.M) {
	switch os.Getenv(roleVariable) {
	case roleBridge:
		main()
		return
	case roleEngine:
		playEngine()
		return
	}
	os.Exit(withProbe(m))
}

func withProbe(m *testing.M) int {
	dir, err := os.MkdirTemp("", "bridge-test-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	probeFile = filepath.Join(dir, "workflow-plugin-probe.so")
	compiler := os.Getenv("CC")
	if compiler == "" {
		compiler = "cc"
	}
	out, err := exec.Command(compiler, "-D_GNU_SOURCE", "-std=gnu17", "-Wall", "-Wextra", "-fPIC", "-shared", "-g",
		"-I..", "testdata/probe.c", "-o", probeFile, "-lpthread").CombinedOutput()
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n%s", compiler, err, out)
		return 1
	}
	return m.Run()
}

// A journal is a log that a test can read while it is written.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

func openProbe(t *testing.T) (*plugin, *journal) {
	t.Helper()
	lib, err := loadLibrary(probeFile)
	if err != nil {
		t.Fatal(err)
	}
	log := &journal{}
	p, err := lib.open(log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.close)
	return p, log
}

func wantText(t *testing.T, err error, text string) {
	t.Helper()
	if err == nil || err.Error() != text {
		t.Fatalf("got %v, want %q", err, text)
	}
}

func wantIn(t *testing.T, text, part string) {
	t.Helper()
	if !strings.Contains(text, part) {
		t.Fatalf("%q is not in %q", part, text)
	}
}
