//go:build cgo

package bigquerytest

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"cloud.google.com/go/bigquery/storage/apiv1/storagepb"
	"golang.org/x/sync/errgroup"
	"google.golang.org/api/option"
	"google.golang.org/grpc"

	"vitalsink/connector/duckdb/duckconn"
)

// Config says how a Server is.
type Config struct {
	// Location is where jobs run that do not say. Optional, default US.
	Location string
	// CapScripts makes MaximumBytesBilled the limit of all of a script. By
	// default it is that of each of its statements: which of the two BigQuery
	// does is not proved.
	CapScripts bool
	// StreamingBuffer is for how long rows that came through the Storage Write
	// API cannot be changed in a transaction. Optional, default 30 minutes.
	StreamingBuffer time.Duration
	// SchemaLag is for how long after a column was added to a table writers
	// of the Storage Write API do not see it: rows with it are refused. (With
	// BigQuery it is minutes.) Optional, default 0.
	SchemaLag time.Duration
	// Now is the clock that StreamingBuffer and SchemaLag go by, and that answers
	// show as their Date. Optional, default time.Now.
	Now func() time.Time
	// Memory is what DuckDB may use, in bytes. Optional, default 1 GiB.
	Memory int64
	// Threads are those that DuckDB works with. Optional, default 2. With 1 small
	// statements take a quarter less of a processor.
	Threads int
}

// Server is a BigQuery with one process's tables. Close it.
type Server struct {
	faults      faults
	permissions permissions
	config      Config
	db          *sql.DB
	catalog     catalog
	locks       locks

	// altering is held while the catalog changes, and shared by all that runs
	// outside transactions meanwhile. Those see it by its version.
	altering sync.RWMutex

	transactions atomic.Int64

	spilled   string     // a directory
	inserting sync.Mutex // guards incoming
	incoming  *sql.Conn  // shows Arrow records to DuckDB

	mu    sync.Mutex
	jobs  map[string]*job
	order []*job

	ctx     context.Context // of all jobs
	stop    context.CancelFunc
	running sync.WaitGroup

	rest, storage *cuttable
	http          *http.Server
	grpc          *grpc.Server
	write         *writeServer
	serving       errgroup.Group
}

// New starts a Server on ports of the loopback interface.
func New(cfg Config) (*Server, error) {
	cfg.Location = cmp.Or(cfg.Location, "US")
	cfg.StreamingBuffer = cmp.Or(cfg.StreamingBuffer, 30*time.Minute)
	cfg.Memory = cmp.Or(cfg.Memory, 1<<30)
	cfg.Threads = cmp.Or(cfg.Threads, 2)
	s := &Server{config: cfg, jobs: map[string]*job{}, catalog: catalog{datasets: map[string]*dataset{}}}
	s.ctx, s.stop = context.WithCancel(context.Background())
	if err := errors.Join(s.openDatabase(), s.listen()); err != nil {
		return nil, errors.Join(fmt.Errorf("start stand-in for BigQuery: %w", err), s.Close())
	}
	s.write = newWriteServer(s, &s.faults, s.storage.cut)
	s.grpc = grpc.NewServer(writeOptions()...)
	storagepb.RegisterBigQueryWriteServer(s.grpc, s.write)
	s.http = &http.Server{Handler: s.handler(), ReadHeaderTimeout: time.Minute}
	s.serving.Go(func() error { return s.grpc.Serve(s.storage) })
	s.serving.Go(func() error {
		if err := s.http.Serve(s.rest); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	return s, nil
}

func (s *Server) listen() (err error) {
	if s.rest, err = listen(); err != nil {
		return err
	}
	s.storage, err = listen()
	return err
}

// openDatabase makes the database in memory.
func (s *Server) openDatabase() (err error) {
	// What has no room goes into a directory of its own: by default it would be
	// one in whatever directory the process is.
	if s.spilled, err = os.MkdirTemp("", "vitalsink-standin-"); err != nil {
		return err
	}
	settings := fmt.Sprintf("memory_limit=%dB&threads=%d&default_null_order=nulls_first_on_asc_last_on_desc&temp_directory=%s",
		s.config.Memory, s.config.Threads, url.QueryEscape(s.spilled))
	if s.db, err = duckconn.Open("", settings); err != nil {
		return err
	}
	if s.incoming, err = s.db.Conn(s.ctx); err != nil {
		return err
	}
	for _, q := range []string{
		"CREATE TABLE memory.main.snapshot (n BIGINT)",
		// Views of Arrow data live in a database of their own.
		"ATTACH ':memory:' AS incoming", "USE incoming",
	} {
		if _, err := s.incoming.ExecContext(s.ctx, q); err != nil {
			return err
		}
	}
	return nil
}

// Close stops jobs, connections and the database.
func (s *Server) Close() error {
	s.mu.Lock()
	s.stop() // from here on no job begins
	s.mu.Unlock()
	var errs []error
	if s.http != nil {
		errs = append(errs, s.http.Close())
		s.grpc.Stop()
		errs = append(errs, s.serving.Wait())
	} else {
		for _, l := range []*cuttable{s.rest, s.storage} {
			if l != nil {
				errs = append(errs, l.Close())
			}
		}
	}
	s.running.Wait()
	if s.write != nil {
		s.write.forget()
	}
	if s.incoming != nil {
		s.inserting.Lock()
		defer s.inserting.Unlock()
		errs = append(errs, s.incoming.Close())
	}
	if s.db != nil {
		errs = append(errs, s.db.Close())
	}
	return errors.Join(append(errs, os.RemoveAll(s.spilled))...)
}

// REST are options for cloud.google.com/go/bigquery.
func (s *Server) REST() []option.ClientOption {
	return []option.ClientOption{
		option.WithEndpoint("http://" + s.RESTAddr() + basePath), option.WithoutAuthentication(), option.WithTelemetryDisabled(),
	}
}

// Write are options for the client of the Storage Write API.
func (s *Server) Write() []option.ClientOption { return clientOptions(s.WriteAddr()) }

// RESTAddr is where the REST API is: http://ADDR/bigquery/v2/.
func (s *Server) RESTAddr() string { return addr(s.rest) }

// WriteAddr is where the Storage Write API is, without TLS.
func (s *Server) WriteAddr() string { return addr(s.storage) }

func addr(l net.Listener) string { return l.Addr().String() }

func (s *Server) now() time.Time {
	if s.config.Now != nil {
		return s.config.Now()
	}
	return time.Now()
}

// Jobs are all jobs, in the order they were asked for.
func (s *Server) Jobs() []Job {
	s.mu.Lock()
	order := s.order[:len(s.order):len(s.order)]
	s.mu.Unlock()
	list := make([]Job, len(order))
	for i, j := range order {
		list[i] = j.copy()
	}
	return list
}

// Empty makes a Server as if its tables had just been made: no rows, but one
// with 0 in tables named …_fence; no jobs, no streams. It cancels jobs that
// run, and waits for them. Faults, counts of calls and changes of schemas stay.
func (s *Server) Empty() error {
	s.mu.Lock()
	order := s.order
	s.jobs, s.order = map[string]*job{}, nil
	s.mu.Unlock()
	for _, j := range order {
		j.cancel(context.Canceled)
		<-j.finished
	}
	s.write.forget()
	return s.alter(func() error {
		for _, d := range s.catalog.all() {
			for _, r := range s.catalog.of(d) {
				if !r.isFilled() || r.view != nil {
					continue
				}
				if err := s.emptyTable(r); err != nil {
					return fmt.Errorf("empty %s: %w", r.id, err)
				}
			}
		}
		return nil
	})
}

// littered is how many deleted rows a table may drag along until it is made
// anew, which takes longer.
const littered = 20_000

func (s *Server) emptyTable(r *relation) error {
	r.forget()
	res, err := s.db.ExecContext(s.ctx, "DELETE FROM "+r.sql)
	if err != nil {
		return err
	}
	n, err := res.RowsAffected()
	if err != nil {
		return err
	}
	if r.deleted += n; r.deleted > littered {
		r.deleted = 0
		if _, err := s.db.ExecContext(s.ctx, r.create("CREATE OR REPLACE TABLE")); err != nil {
			return err
		}
	}
	if strings.HasSuffix(r.id, "_fence") {
		r.fill()
		_, err = s.db.ExecContext(s.ctx, "INSERT INTO "+r.sql+" VALUES (0)")
	}
	return err
}
