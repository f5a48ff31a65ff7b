// SPDX-License-Identifier: MIT

package main

import (
	"encoding/json"
	"strings"
	"sync"

	"github.com/GoCodeAlone/workflow/plugin/external/sdk"
)

type receiver func(topic string, payload []byte, metadata map[string]string) error

type subscription struct {
	topic   string
	receive receiver
	open    *gate // calls of receive are inside
}

// A bus is the plugin's way to the engine's messages. The engine hands its own to each module; any of
// them serves. Of one topic the engine wants one subscription, so those of the plugin share it.
type bus struct {
	asking     sync.Mutex // one change of what the engine knows at a time; before mu
	mu         sync.Mutex
	publisher  sdk.MessagePublisher
	subscriber sdk.MessageSubscriber
	last       uint64
	all        map[uint64]*subscription
}

func newBus() *bus { return &bus{all: map[uint64]*subscription{}} }

func (b *bus) setPublisher(p sdk.MessagePublisher) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.publisher = p
}

func (b *bus) setSubscriber(s sdk.MessageSubscriber) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.subscriber = s
}

var errNoBus = &failure{statusUnsupported,
	"the engine gives a plugin its messages only through a module of the plugin's, and the configuration has none"}

// busError puts what the engine says about a message, without the SDK's words before it.
func busError(err error, sdkWords string) error {
	if err == nil {
		return nil
	}
	text := strings.TrimPrefix(err.Error(), sdkWords+": ")
	if _, isRemote := grpcStatus(err); isRemote {
		return &failure{statusUnavailable, "the engine is gone: " + text}
	}
	if strings.HasSuffix(text, "handler not configured") {
		return &failure{statusUnsupported, "this engine has no message bus for plugins: " + text}
	}
	return &failure{statusFailed, text}
}

func (b *bus) publish(topic string, payload, metadata []byte) error {
	b.mu.Lock()
	publisher := b.publisher
	b.mu.Unlock()
	if publisher == nil {
		return errNoBus
	}
	var words map[string]string
	if len(metadata) > 0 {
		if err := json.Unmarshal(metadata, &words); err != nil {
			return &failure{statusConfig, "metadata: " + err.Error()}
		}
	}
	_, err := publisher.Publish(topic, append([]byte(nil), payload...), words)
	return busError(err, "publish message")
}

func (b *bus) subscribe(topic string, receive receiver) (uint64, error) {
	b.asking.Lock()
	defer b.asking.Unlock()
	b.mu.Lock()
	subscriber, known := b.subscriber, b.knows(topic)
	b.mu.Unlock()
	if subscriber == nil {
		return 0, errNoBus
	}
	if !known {
		err := subscriber.Subscribe(topic, func(payload []byte, metadata map[string]string) error {
			return b.deliver(topic, payload, metadata)
		})
		if err != nil {
			return 0, busError(err, "subscribe to "+topic)
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.last++
	b.all[b.last] = &subscription{topic: topic, receive: receive, open: newGate()}
	return b.last, nil
}

// knows says whether the topic has a subscription; mu is held.
func (b *bus) knows(topic string) bool {
	for _, s := range b.all {
		if s.topic == topic {
			return true
		}
	}
	return false
}

// deliver hands a message to all; the first that refuses it speaks for them.
func (b *bus) deliver(topic string, payload []byte, metadata map[string]string) (first error) {
	b.mu.Lock()
	var wanted []*subscription
	for _, s := range b.all {
		if s.topic == topic {
			wanted = append(wanted, s)
		}
	}
	b.mu.Unlock()
	for _, s := range wanted {
		if !s.open.enter() {
			continue
		}
		if err := s.receive(topic, payload, metadata); err != nil && first == nil {
			first = err
		}
		s.open.leave()
	}
	return first
}

func (b *bus) unsubscribe(id uint64) {
	b.asking.Lock()
	b.mu.Lock()
	s := b.all[id]
	delete(b.all, id)
	subscriber, last := b.subscriber, s != nil && !b.knows(s.topic)
	b.mu.Unlock()
	if last {
		_ = subscriber.Unsubscribe(s.topic) // nothing is delivered any more, whatever the engine says
	}
	b.asking.Unlock()
	if s != nil {
		s.open.shut()
	}
}
