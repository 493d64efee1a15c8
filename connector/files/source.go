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
	"time"

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

	lines    int64 // over all files
	problems []error
}

var _ connector.Source = (*Source)(nil)

// Problems are what could not be read, one error each. It may be called once
// Receive has returned.
func (s *Source) Problems() []error { return s.problems }

// Receive delivers every line. A file that cannot be read does not keep the
// others from being read; see Problems.
func (s *Source) Receive(ctx context.Context, deliver func(context.Context, *connector.Message) error) error {
	if s.PublishedAt.IsZero() {
		s.PublishedAt = time.Unix(0, 0).UTC()
	}
	for _, path := range s.Paths {
		if err := s.file(ctx, path, deliver); err != nil {
			return err
		}
	}
	return nil
}

// problem remembers what could not be read.
func (s *Source) problem(format string, args ...any) {
	s.problems = append(s.problems, fmt.Errorf(format, args...))
}

// file delivers one file's lines. Its error is deliver's.
func (s *Source) file(ctx context.Context, path string, deliver func(context.Context, *connector.Message) error) error {
	name, in, err := s.open(path)
	if err != nil {
		s.problem("%s: %w", name, err)
		return nil
	}
	defer in.Close()
	lines, err := newLineReader(in)
	if err != nil {
		s.problem("%s: %w", name, explain(err))
		return nil
	}
	for {
		line, err := lines.next()
		if errors.Is(err, io.EOF) {
			break
		}
		s.lines++
		if errors.Is(err, errTooLong) {
			s.problem("%s:%d: the line has more than %d bytes; it was not loaded", name, lines.number, MaxLine)
			continue
		}
		if err != nil {
			s.problem("%s: %w; lines from %d on were not loaded", name, explain(err), lines.number)
			return nil
		}
		if len(line) == 0 {
			continue
		}
		if err := deliver(ctx, s.message(line)); err != nil {
			return err
		}
	}
	if lines.bytes == 0 {
		s.problem("%s: the file is empty", name)
	}
	return nil
}

// message makes a message of a line, which it keeps.
func (s *Source) message(line []byte) *connector.Message {
	published := s.PublishedAt.Add(time.Duration(s.lines-1) * time.Microsecond)
	m := &connector.Message{Ack: func() {}, Nack: func() {}}
	m.Message = parseLine(line, published, s.Began)
	return m
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
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return errors.New("there is no such file")
	case errors.As(err, &pe):
		return pe.Err
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("gzip is truncated")
	case errors.Is(err, gzip.ErrChecksum) || errors.Is(err, gzip.ErrHeader):
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
		return bytes.TrimSpace(line), nil
	}
}
