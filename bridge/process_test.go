// SPDX-License-Identifier: MIT

package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	goplugin "github.com/GoCodeAlone/go-plugin"
	"github.com/GoCodeAlone/workflow/plugin/external/contract"
	pb "github.com/GoCodeAlone/workflow/plugin/external/proto"
	"github.com/hashicorp/go-hclog"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/emptypb"
)

// bridgeCommand is a bridge beside the probe, as a program of its own.
func bridgeCommand(t *testing.T, role string, variables ...string) *exec.Cmd {
	t.Helper()
	dir := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "workflow-plugin-probe")
	for from, to := range map[string]string{self: program, probeFile: program + ".so"} {
		text, err := os.ReadFile(from)
		if err == nil {
			err = os.WriteFile(to, text, 0o700)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	command := exec.Command(program)
	command.Env = append(os.Environ(), append(variables, roleVariable+"="+role)...)
	return command
}

// remote is the engine's end of the protocol.
type remote struct {
}

func (remote) GRPCServer(*goplugin.GRPCBroker, *grpc.Server) error { return nil }
func (remote) GRPCClient(_ context.Context, _ *goplugin.GRPCBroker, conn *grpc.ClientConn) (any, error) {
	return pb.NewPluginServiceClient(conn), nil
}

func startBridge(t *testing.T, variables ...string) (pb.PluginServiceClient, *goplugin.Client, *journal) {
	t.Helper()
	log := &journal{}
	client := goplugin.NewClient(&goplugin.ClientConfig{
		HandshakeConfig:  contract.Handshake,
		Plugins:          goplugin.PluginSet{"plugin": remote{}},
		Cmd:              bridgeCommand(t, roleBridge, variables...),
		Stderr:           log,
		AllowedProtocols: []goplugin.Protocol{goplugin.ProtocolGRPC},
		Logger:           hclog.NewNullLogger(),
	})
	t.Cleanup(client.Kill)
	connected, err := client.Client()
	if err != nil {
		t.Fatal(err, log)
	}
	service, err := connected.Dispense("plugin")
	if err != nil {
		t.Fatal(err)
	}
	return service.(pb.PluginServiceClient), client, log
}

func within(t *testing.T, limit time.Duration, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(limit); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("still not: %s", what)
		}
	}
}

func TestTheHandshakeIsFirstWhateverALibraryPrints(t *testing.T) {
	service, _, log := startBridge(t, "PROBE_NOISE=1")
	manifest, err := service.GetManifest(context.Background(), &emptypb.Empty{})
	if err != nil || manifest.Name != "workflow-plugin-probe" || manifest.Version != "1.2.3" {
		t.Fatal(manifest, err)
	}
	wantIn(t, log.String(), "a library says something on stdout")
}

func TestACrashLeavesOneReadableLine(t *testing.T) {
	for step, words := range map[string]string{
		"step.probe_crash": "[ERROR] workflow-plugin-probe has crashed: SIGSEGV at address 0x8, in workflow-plugin-probe.so+0x",
		"step.probe_abort": "[ERROR] workflow-plugin-probe has crashed: SIGABRT, in a library that workflow-plugin-probe.so uses",
	} {
		service, client, log := startBridge(t)
		made, err := service.CreateStep(context.Background(), &pb.CreateStepRequest{Type: step, Name: "s"})
		if err != nil || made.Error != "" {
			t.Fatal(made, err)
		}
		if _, err := service.ExecuteStep(context.Background(), &pb.ExecuteStepRequest{HandleId: made.HandleId}); err == nil {
			t.Fatal("it did not crash")
		}
		within(t, 10*time.Second, "ended", client.Exited)
		wantIn(t, log.String(), words)
		if strings.Contains(log.String(), "goroutine") {
			t.Errorf("more than a line: %s", log)
		}
	}
}

func TestASignalStopsEverythingBeforeTheEnd(t *testing.T) {
	service, client, log := startBridge(t)
	made, err := service.CreateModule(context.Background(), &pb.CreateModuleRequest{Type: "probe.module", Name: "m"})
	if err != nil || made.Error != "" {
		t.Fatal(made, err)
	}
	if err := syscall.Kill(client.ReattachConfig().Pid, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	within(t, engineEnds+10*time.Second, "ended", client.Exited)
	wantIn(t, log.String(), "[INFO] module stops\n[INFO] plugin closes\n")
}

func TestTheToolsShutdownClosesThePlugin(t *testing.T) {
	_, client, log := startBridge(t)
	client.Kill()
	wantIn(t, log.String(), "[INFO] plugin closes\n")
}

// playEngine starts a bridge and waits to be killed.
func playEngine() {
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	command := exec.Command(self)
	command.Env = append(os.Environ(), roleVariable+"="+roleBridge,
		contract.Handshake.MagicCookieKey+"="+contract.Handshake.MagicCookieValue)
	command.Stderr = os.Stderr
	out, err := command.StdoutPipe()
	if err == nil {
		err = command.Start()
	}
	if err == nil {
		_, err = bufio.NewReader(out).ReadString('\n')
	}
	if err != nil {
		panic(err)
	}
	fmt.Println(command.Process.Pid)
	_, _ = io.Copy(io.Discard, os.Stdin)
}

func TestItEndsWithTheEngine(t *testing.T) {
	engine := bridgeCommand(t, roleEngine)
	in, err := engine.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := engine.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := engine.Start(); err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Fscan(out, &pid); err != nil {
		t.Fatal(err)
	}
	bridge, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(bridge)
	if err := engine.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = engine.Wait()
	ended, err := unix.Poll([]unix.PollFd{{Fd: int32(bridge), Events: unix.POLLIN}}, 10000)
	if err != nil || ended != 1 {
		t.Fatal("the bridge lives on", err)
	}
}
