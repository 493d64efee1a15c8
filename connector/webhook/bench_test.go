package webhook

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"vitalsink/transforms"
)

// instant is a Publisher with whom everything is safe at once.
type instant struct{}

func (instant) Publish(context.Context, *transforms.Message) error { return nil }

// BenchmarkRequests is the door on the loopback interface beside a server that
// only reads the body: what verifying, and making a message, cost. There are as
// many senders as Svix may have at work, each of which waits for its answer.
func BenchmarkRequests(b *testing.B) {
	bare := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			b.Error(err)
		}
		w.WriteHeader(http.StatusNoContent)
	})
	door := &Door{Publisher: instant{}, Secrets: mustSecrets(b, secret), Log: slog.New(slog.DiscardHandler)}
	for _, size := range []int{1_000, 100_000} {
		body := `{"event_type":"daily.data.heartrate.created","data":"` + strings.Repeat("0123456789", size/10) + `"}`
		for _, server := range []struct {
			name    string
			handler http.Handler
		}{{"bare", bare}, {"door", door}} {
			b.Run(fmt.Sprintf("bytes=%d/server=%s", size, server.name), func(b *testing.B) {
				s := httptest.NewServer(server.handler)
				defer s.Close()
				measureRequests(b, s, body)
			})
		}
	}
}

func measureRequests(b *testing.B, s *httptest.Server, body string) {
	b.Helper()
	const senders = 16
	client := s.Client()
	client.Transport.(*http.Transport).MaxIdleConnsPerHost = senders
	post := func() {
		now := time.Now()
		r, err := http.NewRequestWithContext(b.Context(), http.MethodPost, s.URL+defaultPath, strings.NewReader(body))
		if err != nil {
			b.Error(err)
			return
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("svix-id", anyID)
		r.Header.Set("svix-timestamp", fmt.Sprint(now.Unix()))
		r.Header.Set("svix-signature", sign(key, anyID, now, body))
		answer, err := client.Do(r)
		if err != nil {
			b.Error(err)
			return
		}
		_ = answer.Body.Close()
		if answer.StatusCode != http.StatusNoContent {
			b.Errorf("answer %d", answer.StatusCode)
		}
	}
	took := make([]time.Duration, b.N)
	var next atomic.Int64
	var working sync.WaitGroup
	b.ResetTimer()
	for range senders {
		working.Go(func() {
			for i := next.Add(1); i <= int64(b.N); i = next.Add(1) {
				began := time.Now()
				post()
				took[i-1] = time.Since(began)
			}
		})
	}
	working.Wait()
	b.StopTimer()
	slices.Sort(took)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
	b.ReportMetric(took[b.N/2].Seconds(), "p50-s")
	b.ReportMetric(took[b.N*99/100].Seconds(), "p99-s")
}
