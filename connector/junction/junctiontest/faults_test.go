package junctiontest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"testing"
	"time"

	"vitalsink/connector/junction/junctiontest"
)

// TestShares: every fault comes about as often as it should, as what it is.
func TestShares(t *testing.T) {
	j := open(t, junctiontest.Config{Faults: junctiontest.Faults{
		TooMany: 0.1, Unavailable: 0.1, Broken: 0.1, Slow: 0.1, Malformed: 0.1, Cut: 0.1, RetryAfter: 1, InARow: -1,
	}})
	const n = 1500
	got := map[junctiontest.Fault]int{}
	for range n {
		response, body, err := j.ask("/v2/user")
		switch {
		case err != nil:
			got[junctiontest.Cut]++
		case response.StatusCode == http.StatusTooManyRequests && response.Header.Get("Retry-After") == "1":
			got[junctiontest.TooMany]++
		case response.StatusCode == http.StatusServiceUnavailable:
			got[junctiontest.Unavailable]++
		case response.StatusCode == http.StatusInternalServerError:
			got[junctiontest.Broken]++
		case !json.Valid(body):
			got[junctiontest.Malformed]++
		}
	}
	for _, fault := range []junctiontest.Fault{
		junctiontest.TooMany, junctiontest.Unavailable, junctiontest.Broken, junctiontest.Malformed, junctiontest.Cut,
	} {
		if share := float64(got[fault]) / n; math.Abs(share-0.1) > 0.03 || j.Met(fault) < got[fault] {
			t.Errorf("%s: %.3f of the requests, %d met it", fault, share, j.Met(fault))
		}
	}
	if j.Met(junctiontest.Slow) == 0 || j.Requests(junctiontest.Users) < n {
		t.Error(j.Met(junctiontest.Slow), j.Requests(junctiontest.Users))
	}
}

// TestInARow: who asks often enough gets an answer, whatever others ask.
func TestInARow(t *testing.T) {
	j := open(t, junctiontest.Config{Faults: junctiontest.Faults{Unavailable: 1, InARow: 2}})
	for i := range 9 {
		for _, limit := range []int{1, 2} {
			want := http.StatusServiceUnavailable
			if i%3 == 2 {
				want = http.StatusOK
			}
			j.get(fmt.Sprint("/v2/user?limit=", limit), want, nil)
		}
	}
	j.SetFaults(junctiontest.Faults{})
	j.get("/v2/user?limit=1", http.StatusOK, nil)
}

// TestHang: the headers come, and then nothing until the client leaves.
func TestHang(t *testing.T) {
	j := open(t, junctiontest.Config{Faults: junctiontest.Faults{Hang: 1}})
	ctx, leave := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, j.URL+"/v2/user", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Vital-API-Key", j.Key)
	response, err := j.client.Do(r)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatal(response, err)
	}
	defer response.Body.Close()
	leave()
	if n, err := response.Body.Read(make([]byte, 1)); n != 0 || !errors.Is(err, context.Canceled) {
		t.Error(n, err)
	}
}

// TestCloseEndsWhatHangs: or a test that failed would never end.
func TestCloseEndsWhatHangs(t *testing.T) {
	client := &http.Client{Transport: &http.Transport{}}
	served := make(chan struct{})
	s := junctiontest.New(junctiontest.Config{
		Before: func(*http.Request) { close(served) },
		Faults: junctiontest.Faults{Slow: 0.5, Hang: 0.5, SlowFor: time.Hour},
	})
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/v2/user", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Vital-API-Key", s.Key)
	left := make(chan struct{})
	go func() {
		defer close(left)
		if response, err := client.Do(r); err == nil {
			_ = response.Body.Close()
		}
	}()
	<-served
	s.Close()
	<-left
}
