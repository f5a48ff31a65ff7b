// SPDX-License-Identifier: MIT

// The peer of bench/engine: a plugin of Go's whose trigger does nothing but call TriggerWorkflow, with an
// event that lies ready, and says how long that took. No plugin of this engine can be faster.
package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/GoCodeAlone/workflow/plugin/external/sdk"
)

type provider struct{}

type trigger struct {
	threads, events int
	fire            sdk.TriggerCallback
}

func (provider) Manifest() sdk.PluginManifest {
	return sdk.PluginManifest{Name: "roundtrip", Version: "1.0.0", Author: "workflow-plugin-bridge", Description: "TriggerWorkflow and back"}
}

func (provider) TriggerTypes() []string { return []string{"trigger.roundtrip"} }

func (provider) CreateTrigger(_ string, config map[string]any, fire sdk.TriggerCallback) (sdk.TriggerInstance, error) {
	threads, _ := config["threads"].(float64)
	events, _ := config["events"].(float64)
	if threads < 1 || events < threads {
		return nil, fmt.Errorf("threads and events are required")
	}
	return &trigger{int(threads), int(events), fire}, nil
}

func (t *trigger) Start(context.Context) error {
	go t.run()
	return nil
}

func (t *trigger) Stop(context.Context) error { return nil }

func event(id int) map[string]any {
	return map[string]any{
		"id": fmt.Sprintf("sqlite:0123456789ab:%d", id), "source_id": "orders", "provider": "sqlite",
		"table": "main.orders", "op": "INSERT", "action": "INSERT", "key": map[string]any{"id": float64(id)},
		"before": nil, "after": map[string]any{"id": float64(id), "customer": "somebody", "state": "new", "at": 0.0},
		"ts": "2026-01-01T00:00:00.000000Z", "position": fmt.Sprint(id), "txid": nil, "seq": nil, "snapshot": false,
	}
}

func (t *trigger) run() {
	each := t.events / t.threads
	took := make([]time.Duration, each*t.threads)
	var all sync.WaitGroup
	begin := time.Now()
	for thread := range t.threads {
		all.Go(func() {
			for i := range each {
				at := time.Now()
				if err := t.fire("roundtrip", event(i)); err != nil {
					fmt.Fprintln(os.Stderr, "roundtrip failed:", err)
				}
				took[thread*each+i] = time.Since(at)
			}
		})
	}
	all.Wait()
	whole := time.Since(begin)
	slices.Sort(took)
	result := fmt.Sprintf("%.0f %d %d\n", float64(len(took))/whole.Seconds(),
		took[len(took)/2].Microseconds(), took[len(took)*99/100].Microseconds())
	if err := os.WriteFile(os.Getenv("ROUNDTRIP_RESULT"), []byte(result), 0o600); err != nil {
		fmt.Fprintln(os.Stderr, "roundtrip failed:", err)
	}
}

func main() { sdk.Serve(provider{}) }
