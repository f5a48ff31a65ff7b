// SPDX-License-Identifier: MIT

package main

import "sync"

// A gate lets many through until it is shut, and shutting it waits for those that are inside. Unlike a
// read lock it never makes anybody wait to get in: whoever is inside may be waiting for that one.
type gate struct {
	mu     sync.Mutex
	left   sync.Cond
	inside int
	closed bool
}

func newGate() *gate {
	g := &gate{}
	g.left.L = &g.mu
	return g
}

// enter says whether the gate is open; leave must follow then.
func (g *gate) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return false
	}
	g.inside++
	return true
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inside--
	g.left.Broadcast()
}

// shut says whether this was the call that has shut it.
func (g *gate) shut() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	first := !g.closed
	g.closed = true
	for g.inside > 0 {
		g.left.Wait()
	}
	return first
}

func (g *gate) isShut() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.closed
}
