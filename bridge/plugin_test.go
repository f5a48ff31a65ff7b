// SPDX-License-Identifier: MIT

package main

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

type object = map[string]any

func statusOf(err error) int32 {
	var own *failure
	if errors.As(err, &own) {
		return own.status
	}
	return -1
}

func execute(t *testing.T, p *plugin, typeName string, config object) (object, bool, error) {
	t.Helper()
	s, err := p.CreateStep(typeName, "s", nil)
	if err != nil {
		t.Fatal(err)
	}
	result, err := s.Execute(context.Background(), object{"t": true}, map[string]map[string]any{"one": {"n": 1.0}},
		object{"c": nil}, object{"m": "x"}, config)
	if err != nil {
		return nil, false, err
	}
	return result.Output, result.StopPipeline, nil
}

func TestAStepGetsAllThatThePipelineHas(t *testing.T) {
	p, _ := openProbe(t)
	config := object{"text": "ä \"quoted\"", "number": 1.5, "list": []any{nil, false, object{"deep": "<x>"}}}
	got, stop, err := execute(t, p, "step.probe_echo", config)
	if err != nil || stop {
		t.Fatal(err, stop)
	}
	want := object{"config": config, "trigger": object{"t": true}, "outputs": object{"one": object{"n": 1.0}},
		"current": object{"c": nil}, "metadata": object{"m": "x"}}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("got %v", got)
	}
	if _, stop, err = execute(t, p, "step.probe_echo", object{"x": "stop"}); err != nil || !stop {
		t.Fatal("the pipeline is not stopped", err)
	}
}

func TestAnErrorKeepsItsWords(t *testing.T) {
	p, _ := openProbe(t)
	_, _, err := execute(t, p, "step.probe_fail", nil)
	wantText(t, err, `step.probe_fail "f": it is ä 'no'`)
	_, _, err = execute(t, p, "step.probe_fail", object{"be": "silent"})
	wantText(t, err, "failed without a reason (9)")
	_, _, err = execute(t, p, "step.probe_fail", object{"be": "broken"})
	wantText(t, err, "no \uFFFD text")
	_, err = p.CreateStep("step.probe_echo", "s", object{"x": "refuse me"})
	wantText(t, err, "refused")
	_, err = p.CreateStep("step.other", "s", nil)
	wantText(t, err, `unknown step type "step.other"`)
	_, err = p.CreateModule("other", "m", nil)
	wantText(t, err, `unknown module type "other"`)
}

func TestManyStepsRunAtOnce(t *testing.T) {
	p, _ := openProbe(t)
	s, err := p.CreateStep("step.probe_echo", "s", nil)
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			for n := range 50 {
				config := object{"n": float64(i*1000 + n), "pad": strings.Repeat("x", 100*i)}
				result, err := s.Execute(context.Background(), nil, nil, nil, nil, config)
				if err != nil || !reflect.DeepEqual(result.Output["config"], config) {
					t.Errorf("%v, %v", result, err)
				}
			}
		})
	}
	all.Wait()
}

func TestAModuleIsInitialisedStartedAndStopped(t *testing.T) {
	p, log := openProbe(t)
	bad, err := p.CreateModule("probe.module", "m", object{"x": "bad init"})
	if err != nil {
		t.Fatal(err)
	}
	wantText(t, bad.Init(), "'mode' is wrong")
	m, err := p.CreateModule("probe.module", "m", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []func() error{m.Init, func() error { return m.Start(context.Background()) },
		func() error { return m.Stop(context.Background()) }} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	wantIn(t, log.String(), "[INFO] starts here\n[INFO] module stops\n")
}

func TestAStartThatNobodyWaitsForIsGivenUp(t *testing.T) {
	p, _ := openProbe(t)
	m, err := p.CreateModule("probe.module", "m", object{"x": "wait"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	answer := make(chan error)
	go func() { answer <- m.Start(ctx) }()
	cancel()
	wantText(t, <-answer, "the start was given up")
}

func TestWhatTheSDKHasLetGoOfIsDestroyed(t *testing.T) {
	p, log := openProbe(t)
	if _, err := p.CreateModule("probe.module", "m", nil); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(10 * time.Second); !strings.Contains(log.String(), "module is destroyed"); runtime.GC() {
		if time.Now().After(end) {
			t.Fatal("the module is still there")
		}
	}
	p.running.stop(p.log)
	if strings.Contains(log.String(), "module stops") {
		t.Fatal("it was stopped after its end")
	}
}

// fire lets the plugin fire event on a thread of its own, and gives what its callback was told.
func fire(t *testing.T, p *plugin, event object, callback func(string, map[string]any) error) (float64, string) {
	t.Helper()
	trigger, err := p.CreateTrigger("trigger.probe", object{"workflowType": "pipeline:p"}, callback)
	if err != nil {
		t.Fatal(err)
	}
	if err := trigger.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := trigger.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	got, _, err := execute(t, p, "step.probe_fire", event)
	if err != nil {
		t.Fatal(err)
	}
	return got["status"].(float64), got["text"].(string)
}

func TestAnEventReachesTheWorkflow(t *testing.T) {
	p, _ := openProbe(t)
	var action string
	var data object
	code, _ := fire(t, p, object{"id": "a", "n": 3.0}, func(a string, d map[string]any) error {
		action, data = a, d
		return nil
	})
	if code != 0 || action != "act" || !reflect.DeepEqual(data, object{"id": "a", "n": 3.0}) {
		t.Fatal(code, action, data)
	}
}

func TestAWorkflowsFailureComesBackAsItsError(t *testing.T) {
	p, log := openProbe(t)
	long := strings.Repeat("ä", 1000)
	for _, c := range []struct {
		err    error
		status float64
		text   string
	}{
		{fmt.Errorf("trigger workflow callback: workflow execution failed: x"), statusFailed, "workflow execution failed: x"},
		{errors.New(long), statusFailed, long[:1018]},
		{fmt.Errorf("trigger workflow callback: %w", status.Error(codes.Unavailable, "gone")), statusCancelled, "the engine is gone: gone"},
		{fmt.Errorf("trigger workflow callback: %w", status.Error(codes.Canceled, "gone")), statusCancelled, "the engine is gone: gone"},
		{fmt.Errorf("trigger workflow callback: %w", status.Error(codes.ResourceExhausted, "grpc: received message larger than max (5 vs. 4)")),
			statusUnsupported, "the event is larger than a message to the engine may be: grpc: received message larger than max (5 vs. 4)"},
		{status.Error(codes.Internal, "other"), statusFailed, "rpc error: code = Internal desc = other"},
	} {
		code, text := fire(t, p, object{}, func(string, map[string]any) error { return c.err })
		if code != c.status || text != c.text {
			t.Errorf("%v became %v %q", c.err, code, text)
		}
	}
	if got := log.String(); strings.Count(got, "[WARN] events wait: the engine is gone: gone\n") != 1 {
		t.Errorf("the log has %q", got)
	}
	code, text := fire(t, p, object{}, func(string, map[string]any) error { panic("oh") })
	if code != statusFailed || text != "the bridge has failed: oh" {
		t.Errorf("a panic became %v %q", code, text)
	}
}

func TestAStepOfTheWorkflowMayEnterThePlugin(t *testing.T) {
	p, _ := openProbe(t)
	code, text := fire(t, p, object{"x": "stop"}, func(_ string, data map[string]any) error {
		_, stop, err := execute(t, p, "step.probe_echo", data)
		if !stop {
			return errors.New("not stopped")
		}
		return err
	})
	if code != 0 {
		t.Fatal(text)
	}
}

func TestMessagesGoThroughTheModules(t *testing.T) {
	p, log := openProbe(t)
	_, _, err := execute(t, p, "step.probe_publish", nil)
	wantText(t, err, errNoBus.text)
	m, err := p.CreateModule("probe.module", "m", object{"x": "listen"})
	if err != nil {
		t.Fatal(err)
	}
	f := &fakeMessages{handlers: map[string]func([]byte, map[string]string) error{}}
	m.(*module).SetMessagePublisher(f)
	m.(*module).SetMessageSubscriber(f)
	if err := m.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	if _, _, err := execute(t, p, "step.probe_publish", object{"say": "hello"}); err != nil {
		t.Fatal(err)
	}
	wantIn(t, log.String(), `got t {"say":"hello"} {"a":"b"}`)
	_, _, err = execute(t, p, "step.probe_publish", object{"say": "refuse"})
	wantText(t, err, "not this one")
	if err := m.Stop(context.Background()); err != nil || len(f.handlers) != 0 {
		t.Fatal(err, f.handlers)
	}
}

func TestNothingEntersAClosedPlugin(t *testing.T) {
	p, log := openProbe(t)
	s, err := p.CreateStep("step.probe_echo", "s", nil)
	if err != nil {
		t.Fatal(err)
	}
	p.close()
	p.close()
	if strings.Count(log.String(), "plugin closes") != 1 {
		t.Error(log)
	}
	_, err = s.Execute(context.Background(), nil, nil, nil, nil, nil)
	wantText(t, err, errStopping.text)
	_, err = p.CreateModule("probe.module", "m", nil)
	wantText(t, err, errStopping.text)
}

func TestAPluginOfWhichEverythingWasStoppedIsClosed(t *testing.T) {
	p, log := openProbe(t)
	ctx := context.Background()
	trigger, err := p.CreateTrigger("trigger.probe", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	var modules [2]interface {
		Start(context.Context) error
		Stop(context.Context) error
	}
	for i := range modules {
		if modules[i], err = p.CreateModule("probe.module", "m", nil); err != nil {
			t.Fatal(err)
		}
	}
	// One module is never started.
	for _, call := range []func(context.Context) error{modules[0].Start, trigger.Start, trigger.Stop, modules[1].Stop, trigger.Stop} {
		if err := call(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if strings.Contains(log.String(), "plugin closes") {
		t.Fatal("it was closed before the last module had stopped")
	}
	if err := modules[0].Stop(ctx); err != nil {
		t.Fatal(err)
	}
	wantIn(t, log.String(), "[INFO] module stops\n[INFO] plugin closes\n")
	for _, stop := range []func(context.Context) error{modules[0].Stop, modules[1].Stop, trigger.Stop} {
		if err := stop(ctx); err != nil {
			t.Error(err)
		}
	}
}

func TestAFaultOfGosOwnIsStillAnError(t *testing.T) {
	p, _ := openProbe(t)
	p.lib.watchCrashes("test")
	var nowhere *failure
	code, text := fire(t, p, object{}, func(string, map[string]any) error { return errors.New(nowhere.text) })
	if code != statusFailed || text != "the bridge has failed: runtime error: invalid memory address or nil pointer dereference" {
		t.Errorf("it became %v %q", code, text)
	}
}
