// SPDX-License-Identifier: MIT

package main

import (
	"context"
	"errors"
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
	started  []stoppable
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
	r.started = slices.DeleteFunc(r.started, is)
}

func (r *running) hasStarted(one stoppable) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !slices.Contains(r.started, one) {
		r.started = append(r.started, one)
	}
}

// hasStopped says whether that was the last one.
func (r *running) hasStopped(one stoppable) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	before := len(r.started)
	r.started = slices.DeleteFunc(r.started, func(other stoppable) bool { return one == other })
	return before > 0 && len(r.started) == 0
}

// start and stop see to it that the plugin is closed when everything has been stopped: the engine that
// this process was started for is at its end then. After a reload that is all that the process gets to
// know, it lives on, and must not keep from the next one what steps have started.

func (p *plugin) start(one stoppable, start func() error) error {
	err := start()
	if err == nil {
		p.running.hasStarted(one)
	}
	return err
}

func (p *plugin) stop(ctx context.Context, one stoppable, stop func() error) error {
	err := stop()
	if errors.Is(err, errStopping) {
		return nil // in a closed plugin nothing runs
	}
	if err == nil && p.running.hasStopped(one) {
		closed := make(chan struct{})
		go func() {
			defer close(closed)
			p.close()
		}()
		select {
		case <-closed:
		case <-ctx.Done():
		}
	}
	return err
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
