package files

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"

	"vitalsink/connector"
)

// MaxLine is the longest line that is read, in bytes. It is above what a
// message may have, so that what is too large is quarantined with its bytes;
// a line beyond it is reported and not loaded.
const MaxLine = 128 << 20

// Source reads files in order.
type Source struct {
	// Paths of the files; "-" is Stdin. Required.
	Paths []string
	Stdin io.Reader
	// PublishedAt is the publish time of the first bare event. Optional,
	// default 1970-01-01.
	PublishedAt time.Time
	// Began is when the load began: bare events have no other clock. Required.
	Began time.Time

	mu       sync.Mutex
	problems []error
}

var _ connector.Source = (*Source)(nil)

// Problems are what could not be read so far, one error each.
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
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	// Reading has a goroutine of its own, for a read of a terminal or a pipe
	// does not hear the order to stop.
	r := &reading{source: s, messages: make(chan *connector.Message), published: s.PublishedAt}
	if r.published.IsZero() {
		r.published = time.Unix(0, 0).UTC()
	}
	go r.run(ctx)
	for {
		select {
		case m, ok := <-r.messages:
			if !ok {
				return nil
			}
			if err := deliver(ctx, m); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// reading reads all files in order.
type reading struct {
	source    *Source
	messages  chan *connector.Message
	published time.Time // of the next line, should it be a bare event
}

func (r *reading) run(ctx context.Context) {
	defer close(r.messages)
	for _, path := range r.source.Paths {
		name, in, err := r.source.open(path)
		if err != nil {
			r.source.problem("%s: %w", name, err)
			continue
		}
		err = r.file(ctx, name, in)
		in.Close()
		if err != nil {
			return
		}
	}
}

// file sends one file's lines. Its error is that of ctx.
func (r *reading) file(ctx context.Context, name string, in io.Reader) error {
	lines, err := newLineReader(in)
	if err != nil {
		r.source.problem("%s: %w", name, explain(err))
		return nil
	}
	for {
		line, err := lines.next()
		if errors.Is(err, io.EOF) {
			break
		}
		published := r.published
		r.published = published.Add(time.Microsecond)
		if errors.Is(err, errTooLong) {
			r.source.problem("%s:%d: the line has more than %d bytes; it was not loaded", name, lines.number, MaxLine)
			continue
		}
		if err != nil {
			r.source.problem("%s: %w; lines from %d on were not loaded", name, explain(err), lines.number)
			return nil
		}
		if len(line) == 0 {
			continue
		}
		m := &connector.Message{Ack: func() {}, Nack: func() {}}
		m.Message = parseLine(line, published, r.source.Began)
		select {
		case r.messages <- m:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if lines.bytes == 0 {
		r.source.problem("%s: the file is empty", name)
	}
	return nil
}

func (s *Source) open(path string) (name string, in io.ReadCloser, err error) {
	if path == "-" {
		return "standard input", io.NopCloser(s.Stdin), nil
	}
	f, err := os.Open(path)
	if err != nil {
		return path, nil, explain(err)
	}
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		err = errors.New("is a directory; name the files in it")
	}
	if err != nil {
		return path, nil, errors.Join(explain(err), f.Close())
	}
	return path, f, nil
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

var errTooLong = errors.New("line too long")

// lineReader reads lines of bounded length.
type lineReader struct {
	in     *bufio.Reader
	number int // of the line read last, from 1
	bytes  int64
}

// newLineReader looks at the first bytes: gzip is read as what is in it.
func newLineReader(in io.Reader) (*lineReader, error) {
	const chunk = 1 << 20
	buffered := bufio.NewReaderSize(in, chunk)
	if magic, err := buffered.Peek(2); err == nil && magic[0] == 0x1f && magic[1] == 0x8b {
		zr, err := gzip.NewReader(buffered)
		if err != nil {
			return nil, err
		}
		buffered = bufio.NewReaderSize(zr, chunk)
	}
	if mark, err := buffered.Peek(3); err == nil && string(mark) == "\ufeff" {
		_, _ = buffered.Discard(3)
	}
	return &lineReader{in: buffered}, nil
}

// next is the next line without white space around it, for the caller to
// keep. The error is io.EOF at the end, errTooLong for a line that was
// skipped, or the input's own.
func (r *lineReader) next() ([]byte, error) {
	var line []byte
	r.number++
	for tooLong := false; ; {
		piece, err := r.in.ReadSlice('\n')
		r.bytes += int64(len(piece))
		if tooLong = tooLong || len(line)+len(piece) > MaxLine; !tooLong {
			line = append(line, piece...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF) && len(line) == 0 && !tooLong:
			return nil, io.EOF
		case err != nil && !errors.Is(err, io.EOF):
			return nil, err
		case tooLong:
			return nil, errTooLong
		}
		return bytes.Trim(line, " \t\r\n"), nil // the white space of JSON
	}
}
