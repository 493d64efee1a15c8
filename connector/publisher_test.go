package connector_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"vitalsink/connector"
	"vitalsink/transforms"
)

// TestInlet: a message is safe when it is acknowledged, and no sooner; who
// publishes is told if it is given back, or if nobody settles it in time.
func TestInlet(t *testing.T) {
	settleAfter := func(d time.Duration, settle func(*connector.Message)) func(context.Context, *connector.Message) error {
		return func(_ context.Context, m *connector.Message) error {
			time.AfterFunc(d, func() { settle(m) })
			return nil
		}
	}
	for name, test := range map[string]struct {
		deliver func(context.Context, *connector.Message) error // nil: nobody receives
		takes   time.Duration
		fails   bool
	}{
		"committed":     {settleAfter(time.Second, func(m *connector.Message) { m.Ack() }), time.Second, false},
		"given back":    {settleAfter(time.Second, func(m *connector.Message) { m.Nack() }), time.Second, true},
		"refused":       {func(context.Context, *connector.Message) error { return errors.New("no room") }, 0, true},
		"never settled": {settleAfter(time.Hour, func(m *connector.Message) { m.Ack() }), 8 * time.Second, true},
		"never taken":   {nil, 8 * time.Second, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				inlet := connector.NewInlet()
				ctx, stop := context.WithCancel(t.Context())
				ended := make(chan error, 1)
				if test.deliver == nil {
					ended <- nil
				} else {
					go func() { ended <- inlet.Receive(ctx, test.deliver) }()
				}
				publishing, cancel := context.WithTimeout(t.Context(), 8*time.Second)
				defer cancel()
				began := time.Now()
				err := inlet.Publish(publishing, &transforms.Message{ID: "m1"})
				if took := time.Since(began); (err != nil) != test.fails || took != test.takes {
					t.Errorf("after %s: %v; want an error: %t, after %s", took, err, test.fails, test.takes)
				}
				stop()
				if err := <-ended; err != nil {
					t.Error(err)
				}
				time.Sleep(2 * time.Hour) // what is settled late troubles nobody
			})
		})
	}
}
