//go:build cgo && linux

package main

import (
	"bufio"
	"encoding/json"
	"maps"
	"math"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/pubsub/v2"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// emulatorProgram is Google's own emulator, by its name or where Debian's
// package google-cloud-cli-pubsub-emulator puts it.
var emulatorProgram = []string{
	"cloud-pubsub-emulator",
	"/usr/lib/google-cloud-sdk/platform/pubsub-emulator/bin/cloud-pubsub-emulator",
}

// publisher publishes to a Pub/Sub server: the official emulator if it is
// installed, else pstest.
type publisher struct {
	name, address string
	client        *pubsub.Client
	pstest        *service // nil for the emulator
}

func newPublisher(t *testing.T) *publisher {
	t.Helper()
	p := &publisher{name: "the emulator", address: startEmulator(t)}
	if p.address == "" {
		p.pstest = newService(t)
		p.name, p.address = "pstest", p.pstest.Addr
	}
	p.connect(t)
	if p.pstest == nil {
		p.createTopic(t, demoTopic)
		p.subscribe(t, demoSubscription, demoTopic)
	}
	return p
}

func (p *publisher) connect(t testing.TB) {
	t.Helper()
	var err error
	p.client, err = pubsub.NewClient(t.Context(), demoProject, option.WithEndpoint(p.address), option.WithoutAuthentication(),
		option.WithGRPCDialOption(grpc.WithTransportCredentials(insecure.NewCredentials())))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.client.Close(); err != nil {
			t.Error(err)
		}
	})
}

func (p *publisher) createTopic(t testing.TB, name string) {
	t.Helper()
	if _, err := p.client.TopicAdminClient.CreateTopic(t.Context(), &pubsubpb.Topic{Name: name}); err != nil {
		t.Fatal(err)
	}
}

// subscribe creates a subscription on a topic.
func (p *publisher) subscribe(t testing.TB, name, topic string) {
	t.Helper()
	_, err := p.client.SubscriptionAdminClient.CreateSubscription(t.Context(), &pubsubpb.Subscription{
		Name: name, Topic: topic, AckDeadlineSeconds: 60,
	})
	if err != nil {
		t.Fatal(err)
	}
}

// startEmulator returns the address of an emulator that runs until the test
// ends; "" if none is installed.
func startEmulator(t testing.TB) string {
	t.Helper()
	for _, name := range emulatorProgram {
		path, err := exec.LookPath(name)
		if _, noJava := exec.LookPath("java"); err != nil || noJava != nil {
			continue
		}
		address := freeAddress(t)
		host, port, err := net.SplitHostPort(address)
		if err != nil {
			t.Fatal(err)
		}
		p := &process{Cmd: exec.Command(path, "--host="+host, "--port="+port)}
		p.Stdout, p.Stderr = &p.wrote, &p.wrote
		p.start(t)
		for giveUp := time.Now().Add(patience); !strings.Contains(p.wrote.String(), "listening on"); {
			if time.Now().After(giveUp) {
				t.Fatalf("the emulator does not start: %s", p.wrote.String())
			}
			time.Sleep(50 * time.Millisecond) // it has no other way to say so
		}
		return address
	}
	t.Logf("the Pub/Sub emulator is not installed")
	return ""
}

// publishLines publishes a file of messages at the pace at which the process
// receives them: the work of both servers grows with their backlog.
func (p *publisher) publishLines(t testing.TB, to *process, path string) (n int64) {
	t.Helper()
	const backlog = 2000
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }() // only read
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, math.MaxInt32)
	topic := p.client.Publisher(demoTopic)
	defer topic.Stop()
	giveUp := time.Now().Add(20 * time.Minute)
	for lines.Scan() {
		for n%100 == 0 && n-to.received(t) > backlog {
			if time.Now().After(giveUp) {
				t.Fatalf("%d messages are published and %d received", n, to.received(t))
			}
			time.Sleep(20 * time.Millisecond) // the pace of another process
		}
		topic.Publish(t.Context(), replayed(t, lines.Bytes()))
		n++
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return n
}

// replayed is a line as a replay publishes it, with its identity and time: the
// server would make up its own.
func replayed(t testing.TB, line []byte) *pubsub.Message {
	t.Helper()
	var m restMessage
	if err := json.Unmarshal(line, &m); err != nil {
		t.Fatal(err)
	}
	attributes := map[string]string{
		"original-message-id":   m.MessageID,
		"original-publish-time": m.PublishTime.UTC().Format(time.RFC3339Nano),
	}
	maps.Copy(attributes, m.Attributes)
	return &pubsub.Message{Data: m.Data, Attributes: attributes}
}
