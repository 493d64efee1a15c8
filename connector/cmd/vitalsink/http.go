package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"vitalsink/connector"
	"vitalsink/connector/status"
)

// httpFlag opens a window on a running service.
type httpFlag struct {
	HTTP string `name:"http" placeholder:"HOST:PORT" help:"Serve the status page / (and /status.json), /healthz, /readyz and /metrics (Prometheus) here, such as 127.0.0.1:9090. Default: nowhere."`
}

// listen takes the address; nil if there is none.
func (f httpFlag) listen(ctx context.Context) (net.Listener, error) {
	if f.HTTP == "" {
		return nil, nil
	}
	return listen(ctx, "http", f.HTTP)
}

func listen(ctx context.Context, flag, address string) (net.Listener, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, usage{fmt.Errorf("--%s %s: %w", flag, address, err)}
	}
	return l, nil
}

// window shows a service over HTTP.
type window struct {
	registry *prometheus.Registry
	board    *board
	server   *http.Server
	ended    chan error
}

// show serves on the listener until close, what is measured included. Without
// one it does nothing.
func show(listener net.Listener, t *telemetry, of watched, log *slog.Logger) *window {
	if listener == nil {
		return nil
	}
	w := &window{registry: t.registry, board: newBoard(of, log), ended: make(chan error, 1)}
	w.server = &http.Server{
		Handler: w.routes(of.ready), ReadTimeout: 5 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	go func() { w.ended <- w.server.Serve(listener) }()
	log.Info("serving /, /status.json, /healthz, /readyz and /metrics", "address", listener.Addr().String())
	return w
}

func (w *window) routes(ready func() error) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", w.board.serve("text/html; charset=utf-8", status.HTML))
	mux.HandleFunc("GET /status.json", w.board.serve("application/json", status.JSON))
	mux.Handle("GET /metrics", promhttp.HandlerFor(w.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(rw http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(rw, "ok\n")
	})
	mux.HandleFunc("GET /readyz", func(rw http.ResponseWriter, _ *http.Request) {
		if err := ready(); err != nil {
			http.Error(rw, err.Error(), http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(rw, "ok\n")
	})
	return mux
}

// working tells why nothing is taken in just now.
func working(in *connector.Ingest) error {
	if since := in.Paused(); !since.IsZero() {
		return fmt.Errorf("paused for %s: the warehouse fails", time.Since(since).Round(time.Second))
	}
	return nil
}

// close ends the server.
func (w *window) close() error {
	if w == nil {
		return nil
	}
	err := w.server.Close()
	if serveErr := <-w.ended; !errors.Is(serveErr, http.ErrServerClosed) {
		err = errors.Join(err, serveErr)
	}
	w.board.stop()
	return err
}
