package webhook

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/net/netutil"
)

const (
	// mostConnections are open at once; others wait until one is closed, which
	// is soon: one that says nothing is.
	mostConnections = 4096
	// mostHeader is the size of all headers of a request, in bytes. Svix's take
	// less than 1 KiB, and whatever is in front adds its own.
	mostHeader = 16 << 10 // to which Go adds 4 KiB
	// headerTime is how long a connection may take to send a request's headers.
	headerTime = 3 * time.Second
	idleTime   = 30 * time.Second
	// answerTime is how long an answer may take from the end of the headers:
	// reading, publishing and writing, within the 15 s that Svix waits.
	answerTime = 14 * time.Second
	// drainTime is for how long requests that are under way may go on when the
	// server is told to end.
	drainTime = 7 * time.Second
)

// Serve answers until ctx is done. Then no new event is taken, and requests
// that are under way have 7 seconds to end.
func (d *Door) Serve(ctx context.Context, listener net.Listener) error {
	server := &http.Server{
		Handler: d, MaxHeaderBytes: mostHeader,
		ReadHeaderTimeout: headerTime, ReadTimeout: readTime, WriteTimeout: answerTime, IdleTimeout: idleTime,
		// It names the addresses of those who break off, and quotes nothing; an
		// attack would fill the log.
		ErrorLog: slog.NewLogLogger(d.Log.Handler(), slog.LevelDebug),
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(netutil.LimitListener(listener, mostConnections)) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	d.draining.Store(true)
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer cancel()
	err := server.Shutdown(late)
	if errors.Is(err, context.DeadlineExceeded) {
		err = server.Close() // who waits will send it again
	}
	if serveErr := <-ended; !errors.Is(serveErr, http.ErrServerClosed) {
		err = errors.Join(err, serveErr)
	}
	return err
}
