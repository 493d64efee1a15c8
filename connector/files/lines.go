package files

import (
	"bufio"
	"bytes"
	"errors"
	"io"

	"github.com/klauspost/compress/gzip"
)

// MaxLine is the longest line that is read, in bytes. It is above what a
// message may have, so that what is too large is quarantined with its bytes;
// a line beyond it is reported and not loaded.
const MaxLine = 128 << 20

var errTooLong = errors.New("line too long")

// lineReader reads lines of bounded length.
type lineReader struct {
	in     *bufio.Reader
	number int // of the line read last, from 1
	bytes  int64
}

// newLineReader looks at the first bytes: gzip is read as what is in it.
func newLineReader(in io.Reader) (*lineReader, error) {
	// Of a file that is read in small pieces one can say how far it is.
	raw := bufio.NewReaderSize(in, 128<<10)
	plain := io.Reader(raw)
	if magic, err := raw.Peek(2); err == nil && magic[0] == 0x1f && magic[1] == 0x8b {
		zr, err := gzip.NewReader(raw)
		if err != nil {
			return nil, err
		}
		plain = zr
	}
	buffered := bufio.NewReaderSize(plain, 1<<20)
	if mark, err := buffered.Peek(3); err == nil && string(mark) == "\ufeff" {
		_, _ = buffered.Discard(3)
	}
	return &lineReader{in: buffered}, nil
}

// ready tells whether the next line is here already, so that next does not
// have to wait for it.
func (r *lineReader) ready() bool {
	here, _ := r.in.Peek(r.in.Buffered())
	return bytes.IndexByte(here, '\n') >= 0
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
