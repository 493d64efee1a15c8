package files

import (
	"bytes"
	"errors"
	"io"
	"testing"
)

// repeated is an endless reader of one byte.
type repeated byte

func (r repeated) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(r)
	}
	return len(p), nil
}

// long is a line of a length, without its end.
func long(n int64) io.Reader { return io.LimitReader(repeated('x'), n) }

func TestLineReaderLimit(t *testing.T) {
	if testing.Short() {
		t.Skip("lines of 128 MiB take a while")
	}
	end := bytes.NewReader([]byte("\nlast"))
	for _, c := range []struct {
		length int64
		err    error
	}{{MaxLine - 1, nil}, {MaxLine + 1, errTooLong}} { // its end counts
		if _, err := end.Seek(0, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		r, err := newLineReader(io.MultiReader(long(c.length), end))
		if err != nil {
			t.Fatal(err)
		}
		line, err := r.next()
		if !errors.Is(err, c.err) {
			t.Errorf("a line of %d bytes: error %v, want %v", c.length, err, c.err)
		}
		if err == nil && int64(len(line)) != c.length {
			t.Errorf("a line of %d bytes is read as one of %d", c.length, len(line))
		}
		// What comes after it is read, under its own number.
		if line, err := r.next(); string(line) != "last" || err != nil || r.number != 2 {
			t.Errorf("after a line of %d bytes line %d is %q, error %v", c.length, r.number, line, err)
		}
		if _, err := r.next(); !errors.Is(err, io.EOF) {
			t.Errorf("at the end the error is %v", err)
		}
	}
}

// The last line can be too long as well.
func TestLineReaderLimitAtEnd(t *testing.T) {
	if testing.Short() {
		t.Skip("lines of 128 MiB take a while")
	}
	r, err := newLineReader(long(MaxLine + 1))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.next(); !errors.Is(err, errTooLong) {
		t.Errorf("error %v, want %v", err, errTooLong)
	}
	if _, err := r.next(); !errors.Is(err, io.EOF) {
		t.Errorf("at the end the error is %v", err)
	}
}

// Lines are the caller's to keep.
func TestLineReaderGivesLinesAway(t *testing.T) {
	r, err := newLineReader(bytes.NewReader([]byte("first\nother\n")))
	if err != nil {
		t.Fatal(err)
	}
	first, err := r.next()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.next(); err != nil {
		t.Fatal(err)
	}
	if string(first) != "first" {
		t.Errorf("the next line wrote %q over the first", first)
	}
}
