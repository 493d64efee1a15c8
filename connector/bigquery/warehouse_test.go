//go:build cgo

package bigquery

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"google.golang.org/api/option"
)

// told calls told on each line that is logged.
type told func(line string)

func (f told) Write(p []byte) (int, error) {
	f(string(p))
	return len(p), nil
}

// TestNoAnswerAtStart: a BigQuery that answers nothing was waited for a minute
// without a word, and nobody could tell it from a start that is slow.
func TestNoAnswerAtStart(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer silent.Close()
	lines := make(chan string, 1)
	_, err := Open(ctx, Config{
		Project: testProject, Dataset: testDataset, Catalogue: loadCatalogue(t),
		Log:  slog.New(slog.NewTextHandler(told(func(line string) { lines <- line; cancel() }), nil)),
		REST: []option.ClientOption{option.WithEndpoint(silent.URL), option.WithoutAuthentication()},
		Write: []option.ClientOption{
			option.WithEndpoint("127.0.0.1:1"), option.WithoutAuthentication(),
		},
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Open: %v; want an end when the caller gives up", err)
	}
	select {
	case <-lines:
	default:
		t.Error("nothing was said of the wait")
	}
}
