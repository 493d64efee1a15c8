package files

import (
	"bytes"
	"compress/gzip"
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

// FuzzLines: the lines of a file are those of its text, however it comes:
// plain or gzip'd, whole or cut, in pieces of any size.
func FuzzLines(f *testing.F) {
	f.Add([]byte("a\n\r\n b\t\r\n\x00"), false, 0, 1)
	f.Add([]byte("\ufeff{}\n{}"), true, 0, 3)
	f.Add([]byte("\ufeff"), false, 0, 7)
	f.Add([]byte("one\ntwo\nthree"), true, 12, 2)
	f.Add(bytes.Repeat([]byte("0123456789\n"), 300), true, 9, 1000)
	f.Fuzz(func(t *testing.T, text []byte, zipped bool, cut, piece int) {
		data := text
		if zipped {
			var b bytes.Buffer
			w := gzip.NewWriter(&b)
			_, err := w.Write(text)
			if err := errors.Join(err, w.Close()); err != nil {
				t.Fatal(err)
			}
			data = b.Bytes()
			cut = max(0, min(cut, len(data)-2)) // so much that it is still known for gzip
			data = data[:len(data)-cut]
		} else if bytes.HasPrefix(text, []byte("\x1f\x8b")) {
			return
		}
		got, err := allLines(pieces{bytes.NewReader(data), 1 + piece&0xfff})
		plain := bytes.TrimPrefix(text, []byte("\ufeff"))
		want := bytes.Split(plain, []byte("\n"))
		if last := len(want) - 1; len(want[last]) == 0 {
			want = want[:last]
		}
		if zipped && cut > 0 {
			// What was read before the cut is whole lines.
			if err == nil || len(got) > len(want) {
				t.Fatalf("%d lines of a file that is cut, error %v", len(got), err)
			}
			want = want[:len(got)]
		} else if err != nil || len(got) != len(want) {
			t.Fatalf("%d lines, want %d; error %v", len(got), len(want), err)
		}
		for i := range want {
			if !bytes.Equal(got[i], bytes.Trim(want[i], " \t\r\n")) {
				t.Errorf("line %d is %q, want %q", i+1, got[i], want[i])
			}
		}
	})
}

// pieces reads no more than so many bytes at once.
type pieces struct {
	io.Reader
	size int
}

func (p pieces) Read(b []byte) (int, error) { return p.Reader.Read(b[:min(len(b), p.size)]) }

func allLines(in io.Reader) (all [][]byte, err error) {
	r, err := newLineReader(in)
	for err == nil {
		var line []byte
		if line, err = r.next(); err == nil {
			all = append(all, line)
		}
	}
	if errors.Is(err, io.EOF) {
		return all, nil
	}
	return all, err
}
