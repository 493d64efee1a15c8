package files

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"golang.org/x/sync/errgroup"

	"vitalsink/connector"
)

// Source reads files. One goroutine reads lines, in order, and counts them;
// several make messages of them, whose order is left open.
type Source struct {
	// Paths of files, and of directories: of one every file in it and below
	// whose name ends as one of messages does, in the order of their paths;
	// "-" is Stdin. Required.
	Paths []string
	Stdin io.Reader
	// PublishedAt is the publish time of the first bare event. Optional,
	// default 1970-01-01.
	PublishedAt time.Time
	// Began is when the load began: bare events have no other clock. Required.
	Began time.Time
	// Workers make messages of lines in parallel. Optional, default one per
	// CPU.
	Workers int

	mu       sync.Mutex
	problems []error
	position position
}

var _ connector.Source = (*Source)(nil)

// Problems are what could not be read so far, one error each, in the order of
// the files.
func (s *Source) Problems() []error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.problems)
}

// problem remembers what could not be read.
func (s *Source) problem(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.problems = append(s.problems, fmt.Errorf(format, args...))
}

// Receive delivers every line. A file that cannot be read does not keep the
// others from being read; see Problems.
func (s *Source) Receive(ctx context.Context, deliver func(context.Context, *connector.Message) error) error {
	workers := s.Workers
	if workers == 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	g, ctx := errgroup.WithContext(ctx)
	r := &reading{source: s, chunks: make(chan []line), published: s.PublishedAt}
	if r.published.IsZero() {
		r.published = time.Unix(0, 0).UTC()
	}
	// Nobody waits for the reading, for a read of a terminal or a pipe does
	// not hear the order to stop.
	go r.run(ctx)
	for range workers {
		g.Go(func() error { return s.cut(ctx, r.chunks, deliver) })
	}
	return g.Wait()
}

// cut makes messages of lines until there are no more.
func (s *Source) cut(ctx context.Context, chunks <-chan []line, deliver func(context.Context, *connector.Message) error) error {
	for {
		select {
		case chunk, ok := <-chunks:
			if !ok {
				return nil
			}
			for _, l := range chunk {
				if ctx.Err() != nil {
					return ctx.Err()
				}
				m := &connector.Message{Ack: func() {}, Nack: func() {}}
				m.Message = ParseLine(l.text, l.published, s.Began)
				if err := deliver(ctx, m); err != nil {
					return err
				}
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// line is a line of a file.
type line struct {
	text      []byte
	published time.Time // should it be a bare event
}

// A chunk of lines is handed over at this size, so that handing over costs
// little and few lines wait in memory.
const (
	chunkLines = 64
	chunkBytes = 256 << 10
)

// reading reads all files in order.
type reading struct {
	source    *Source
	chunks    chan []line
	published time.Time // of the next line, should it be a bare event
	chunk     []line
	bytes     int // in the chunk
}

// run closes chunks after the last, but not if ctx is done before: nobody is
// to take that for the end.
func (r *reading) run(ctx context.Context) {
	inputs := list(ctx, r.source.Paths)
	r.source.begin(inputs)
	for _, in := range inputs {
		r.source.enter(in)
		if r.input(ctx, in) != nil || r.handOver(ctx) != nil {
			return
		}
		r.source.leave(in)
	}
	if ctx.Err() == nil {
		close(r.chunks)
	}
}

// input reads one file. Its error is that of ctx.
func (r *reading) input(ctx context.Context, in input) error {
	opened, err := r.source.open(in)
	if err != nil {
		r.source.problem("%s: %w", in.name(), err)
		return nil
	}
	defer opened.Close()
	lines, err := newLineReader(countedReader{opened, r.source.advance})
	if err != nil {
		r.source.problem("%s: %w", in.name(), explain(err))
		return nil
	}
	for {
		text, err := lines.next()
		if errors.Is(err, io.EOF) {
			break
		}
		published := r.published
		r.published = published.Add(time.Microsecond)
		if err != nil && !errors.Is(err, errTooLong) {
			r.source.problem("%s: %w; lines from %d on were not loaded", in.name(), explain(err), lines.number)
			return nil
		}
		if err != nil {
			r.source.problem("%s:%d: the line has more than %d bytes; it was not loaded", in.name(), lines.number, MaxLine)
		}
		if err := r.add(ctx, line{text, published}, lines.ready()); err != nil {
			return err
		}
	}
	if lines.bytes == 0 {
		r.source.problem("%s: the file is empty", in.name())
	}
	return nil
}

// add puts a line, unless it is empty, into the chunk. A chunk does not wait
// for a line that nobody may write for an hour.
func (r *reading) add(ctx context.Context, l line, more bool) error {
	if len(l.text) > 0 {
		r.chunk = append(r.chunk, l)
		r.bytes += len(l.text)
	}
	if more && len(r.chunk) < chunkLines && r.bytes < chunkBytes {
		return ctx.Err()
	}
	return r.handOver(ctx)
}

// handOver gives the chunk to the first worker that is free.
func (r *reading) handOver(ctx context.Context) error {
	if len(r.chunk) == 0 {
		return ctx.Err()
	}
	select {
	case r.chunks <- r.chunk:
		r.chunk, r.bytes = nil, 0
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *Source) open(in input) (io.ReadCloser, error) {
	switch {
	case in.fault != nil:
		return nil, in.fault
	case in.path == "-":
		return io.NopCloser(s.Stdin), nil
	}
	f, err := os.Open(in.path)
	if err != nil {
		return nil, explain(err)
	}
	return f, nil
}

// explain leaves out what the caller says already.
func explain(err error) error {
	var pe *fs.PathError
	var corrupt flate.CorruptInputError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return errors.New("there is no such file")
	case errors.As(err, &pe):
		return pe.Err
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("gzip is truncated")
	case errors.Is(err, gzip.ErrChecksum) || errors.Is(err, gzip.ErrHeader) || errors.As(err, &corrupt):
		return errors.New("gzip is corrupt")
	}
	return err
}
