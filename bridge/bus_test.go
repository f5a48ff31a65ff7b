// SPDX-License-Identifier: MIT

package main

import (
	"errors"
	"fmt"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// fakeMessages stands for the engine's messages, as the SDK hands them out.
type fakeMessages struct {
	handlers map[string]func([]byte, map[string]string) error
	refuse   error
}

func (f *fakeMessages) Publish(topic string, payload []byte, metadata map[string]string) (string, error) {
	if f.refuse != nil {
		return "", f.refuse
	}
	if handler := f.handlers[topic]; handler != nil {
		return "", handler(payload, metadata)
	}
	return "", nil
}

func (f *fakeMessages) Subscribe(topic string, handler func([]byte, map[string]string) error) error {
	if f.refuse != nil {
		return f.refuse
	}
	if f.handlers[topic] != nil {
		return fmt.Errorf("already subscribed to topic %s", topic)
	}
	f.handlers[topic] = handler
	return nil
}

func (f *fakeMessages) Unsubscribe(topic string) error {
	delete(f.handlers, topic)
	return nil
}

func busOf(f *fakeMessages) *bus {
	b := newBus()
	b.setPublisher(f)
	b.setSubscriber(f)
	return b
}

func TestSubscriptionsOfOneTopicShareOneOfTheEngines(t *testing.T) {
	f := &fakeMessages{handlers: map[string]func([]byte, map[string]string) error{}}
	b := busOf(f)
	got := map[int]int{}
	var ids []uint64
	for i := range 2 {
		id, err := b.subscribe("t", func(string, []byte, map[string]string) error { got[i]++; return nil })
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	send := func() {
		if err := b.publish("t", []byte("x"), []byte(`{"k":"v"}`)); err != nil {
			t.Fatal(err)
		}
	}
	send()
	b.unsubscribe(ids[0])
	b.unsubscribe(ids[0])
	send()
	b.unsubscribe(ids[1])
	send()
	if got[0] != 1 || got[1] != 2 || len(f.handlers) != 0 {
		t.Fatalf("%v, %d left", got, len(f.handlers))
	}
}

func TestUnsubscribeWaitsForWhatRuns(t *testing.T) {
	b := busOf(&fakeMessages{handlers: map[string]func([]byte, map[string]string) error{}})
	running, goOn, published, ended := make(chan int), make(chan int), make(chan int), make(chan int)
	finished := false
	id, err := b.subscribe("t", func(string, []byte, map[string]string) error {
		close(running)
		<-goOn
		finished = true
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	go func() { defer close(published); _ = b.publish("t", nil, nil) }()
	<-running
	go func() { defer close(ended); b.unsubscribe(id) }()
	close(goOn)
	<-ended
	if !finished {
		t.Fatal("unsubscribe came back before the subscriber had")
	}
	<-published
}

func TestAnEngineWithoutMessagesIsSaidToBeOne(t *testing.T) {
	wantText(t, newBus().publish("t", nil, nil), errNoBus.text)
	_, err := newBus().subscribe("t", nil)
	wantText(t, err, errNoBus.text)

	b := busOf(&fakeMessages{refuse: errors.New("publish message: message publish handler not configured")})
	err = b.publish("t", nil, nil)
	wantText(t, err, "this engine has no message bus for plugins: message publish handler not configured")
	if statusOf(err) != statusUnsupported {
		t.Error(err)
	}
	b = busOf(&fakeMessages{refuse: fmt.Errorf("publish message: %w", status.Error(codes.Unavailable, "away"))})
	if err := b.publish("t", nil, nil); statusOf(err) != statusUnavailable {
		t.Error(err)
	}
	wantText(t, b.publish("t", nil, []byte(`{"a":1}`)),
		"metadata: json: cannot unmarshal number into Go value of type string")
}
