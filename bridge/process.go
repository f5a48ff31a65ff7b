// SPDX-License-Identifier: MIT

package main

import (
	"errors"
	"os"
	"os/signal"
	"time"

	"golang.org/x/sys/unix"
)

// The engine never ends the plugins that it has started. Left alone, one would keep its source, and the
// next engine could not have it.

// An engine is the process that has started this one.
type engine struct {
	pid  int
	fd   int           // -1: this system has no such descriptor
	gone chan struct{} // closed when it has ended
}

func watchedParent() *engine {
	e := &engine{pid: os.Getppid(), fd: -1, gone: make(chan struct{})}
	if fd, err := unix.PidfdOpen(e.pid, 0); err == nil {
		e.fd = fd
	}
	return e
}

// wait returns when the engine has ended.
func (e *engine) wait() {
	defer close(e.gone)
	for e.fd >= 0 && os.Getppid() == e.pid {
		fds := []unix.PollFd{{Fd: int32(e.fd), Events: unix.POLLIN}}
		if _, err := unix.Poll(fds, -1); err == nil {
			return
		} else if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	for os.Getppid() == e.pid {
		time.Sleep(250 * time.Millisecond)
	}
}

// endWith ends this process with the engine, at once: an engine that has stopped as it should has
// stopped the plugin's triggers and modules before, and one that was killed leaves nobody to work for.
func endWith(e *engine) {
	e.wait()
	os.Exit(0)
}

// How long a bridge that was told to end waits for its engine to end, too. Whoever stops all processes of
// a service at once gives the engine that time to see everything stopped.
const engineEnds = 5 * time.Second

// stopOnSignal stops everything at a SIGTERM, with all positions confirmed; a second one ends at once.
func stopOnSignal(p *plugin, e *engine) {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, unix.SIGTERM)
	<-signals
	go func() {
		<-signals
		os.Exit(143)
	}()
	p.log.write(1, "the plugin was told to end, and stops")
	p.running.stop(p.log)
	select {
	case <-e.gone:
	case <-time.After(engineEnds):
	}
	p.close()
	os.Exit(0)
}
