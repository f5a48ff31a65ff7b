// SPDX-License-Identifier: MIT

package main

import (
	"context"
	"slices"
	"sync"
)

type stoppable interface {
	Stop(context.Context) error
}

// running knows what has to be stopped when it is not the engine that does it.
type running struct {
	mu       sync.Mutex
	triggers []stoppable
	modules  []stoppable
}

func (r *running) add(one stoppable, isTrigger bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if isTrigger {
		r.triggers = append(r.triggers, one)
	} else {
		r.modules = append(r.modules, one)
	}
}

func (r *running) remove(one stoppable) {
	r.mu.Lock()
	defer r.mu.Unlock()
	is := func(other stoppable) bool { return one == other }
	r.triggers = slices.DeleteFunc(r.triggers, is)
	r.modules = slices.DeleteFunc(r.modules, is)
}

// stop ends everything as the engine would: the triggers, which waits for the workflows that they have
// started, then the modules, the newest first.
func (r *running) stop(log *pluginLog) {
	r.mu.Lock()
	all := slices.Clone(r.modules)
	all = append(all, r.triggers...)
	r.mu.Unlock()
	for _, one := range slices.Backward(all) {
		if err := one.Stop(context.Background()); err != nil {
			log.write(2, "stop: "+err.Error())
		}
	}
}
