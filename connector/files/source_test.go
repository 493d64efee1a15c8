package files

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"
	"go.uber.org/goleak"

	"vitalsink/connector"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// write makes files in a folder of the test and returns their paths.
func write(t *testing.T, contents ...string) []string {
	t.Helper()
	dir := t.TempDir()
	paths := make([]string, len(contents))
	for i, text := range contents {
		paths[i] = filepath.Join(dir, fmt.Sprintf("%d.ndjson", i))
		if err := os.WriteFile(paths[i], []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return paths
}

func zipped(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := io.WriteString(w, text)
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// receive collects what a source delivers, and its problems without the
// folder of the files. A single worker delivers in the order of the lines.
func receive(t *testing.T, s *Source) (messages []*connector.Message, problems []string) {
	t.Helper()
	var mu sync.Mutex
	err := s.Receive(t.Context(), func(_ context.Context, m *connector.Message) error {
		mu.Lock()
		defer mu.Unlock()
		m.Ack()
		messages = append(messages, m)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range s.Problems() {
		text := p.Error()
		for _, path := range s.Paths {
			text = strings.TrimPrefix(text, filepath.Dir(path)+"/")
		}
		problems = append(problems, text)
	}
	return messages, problems
}

func bodies(messages []*connector.Message) []string {
	var texts []string
	for _, m := range messages {
		texts = append(texts, string(m.Data))
	}
	return texts
}

func TestReceiveReadsEveryLine(t *testing.T) {
	for name, c := range map[string]struct {
		files    []string
		want     []string
		problems []string
	}{
		"one line":               {[]string{"a\n"}, []string{"a"}, nil},
		"no line end":            {[]string{"a\nb"}, []string{"a", "b"}, nil},
		"CRLF":                   {[]string{"a\r\nb\r\n"}, []string{"a", "b"}, nil},
		"blank lines":            {[]string{"\n\na\n \t \n\nb\n\n"}, []string{"a", "b"}, nil},
		"only blank lines":       {[]string{"\n \r\n"}, nil, nil},
		"white space around":     {[]string{"  a b \t\n"}, []string{"a b"}, nil},
		"a byte order mark":      {[]string{"\ufeffa\n"}, []string{"a"}, nil},
		"a mark, nothing":        {[]string{"\ufeff"}, nil, []string{"0.ndjson: the file is empty"}},
		"nothing":                {[]string{""}, nil, []string{"0.ndjson: the file is empty"}},
		"in order":               {[]string{"a\nb\n", "c\n", "d"}, []string{"a", "b", "c", "d"}, nil},
		"NUL and other bytes":    {[]string{"\x00\n\xff\n"}, []string{"\x00", "\xff"}, nil},
		"one byte of gzip":       {[]string{"\x1f"}, []string{"\x1f"}, nil},
		"longer than the buffer": {[]string{strings.Repeat("x", 3<<20) + "\ny\n"}, []string{strings.Repeat("x", 3<<20), "y"}, nil},
		"exactly the buffer":     {[]string{strings.Repeat("x", 1<<20-1) + "\ny\n"}, []string{strings.Repeat("x", 1<<20-1), "y"}, nil},
		"an empty one among": {
			[]string{"a\n", "", "b\n"}, []string{"a", "b"}, []string{"1.ndjson: the file is empty"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			messages, problems := receive(t, &Source{Paths: write(t, c.files...), Began: began, Workers: 1})
			if diff := cmp.Diff(c.want, bodies(messages)); diff != "" {
				t.Errorf("want (-), got (+):\n%s", diff)
			}
			if diff := cmp.Diff(c.problems, problems); diff != "" {
				t.Errorf("problems: want (-), got (+):\n%s", diff)
			}
		})
	}
}

func TestReceiveReadsGzip(t *testing.T) {
	whole := zipped(t, "a\nb\n")
	noise := zipped(t, strings.Repeat("0123456789\n", 200_000))
	for name, c := range map[string]struct {
		file     string
		lines    int // -1: some
		problems []string
	}{
		"whole":            {whole, 2, nil},
		"two in one":       {whole + zipped(t, "c"), 3, nil},
		"with a mark":      {zipped(t, "\ufeffa\n"), 1, nil},
		"nothing in it":    {zipped(t, ""), 0, []string{"0.ndjson: the file is empty"}},
		"only the magic":   {whole[:2], 0, []string{"0.ndjson: gzip is truncated"}},
		"without its end":  {whole[:len(whole)-8], 2, []string{"0.ndjson: gzip is truncated; lines from 3 on were not loaded"}},
		"a wrong checksum": {whole[:len(whole)-8] + "12345678", 2, []string{"0.ndjson: gzip is corrupt; lines from 3 on were not loaded"}},
		"another method":   {"\x1f\x8b\x00" + whole[3:], 0, []string{"0.ndjson: gzip is corrupt"}},
		"cut in half":      {noise[:len(noise)/2], -1, nil},
	} {
		t.Run(name, func(t *testing.T) {
			messages, problems := receive(t, &Source{Paths: write(t, c.file), Began: began})
			if c.lines < 0 {
				// Every line before the fault is there, and the fault is at the next.
				c.problems = []string{fmt.Sprintf("0.ndjson: gzip is truncated; lines from %d on were not loaded", len(messages)+1)}
			} else if len(messages) != c.lines {
				t.Errorf("%d lines, want %d", len(messages), c.lines)
			}
			if diff := cmp.Diff(c.problems, problems); diff != "" {
				t.Errorf("problems: want (-), got (+):\n%s", diff)
			}
		})
	}
}

func TestReceiveNamesWhatItCannotOpen(t *testing.T) {
	paths := write(t, "a\n", "b\n")
	missing, below := filepath.Join(filepath.Dir(paths[0]), "missing"), filepath.Join(paths[0], "below")
	messages, problems := receive(t, &Source{Paths: []string{missing, paths[0], below, paths[1]}, Began: began, Workers: 1})
	if got := bodies(messages); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("delivered %q", got)
	}
	if diff := cmp.Diff([]string{"missing: there is no such file", "0.ndjson/below: not a directory"}, problems); diff != "" {
		t.Errorf("problems: want (-), got (+):\n%s", diff)
	}
}

func TestReceiveReadsStandardInput(t *testing.T) {
	for _, in := range []string{"a\nb\n", zipped(t, "a\nb\n")} {
		messages, problems := receive(t, &Source{Paths: []string{"-"}, Stdin: strings.NewReader(in), Began: began, Workers: 1})
		if got := bodies(messages); !slices.Equal(got, []string{"a", "b"}) || len(problems) > 0 {
			t.Errorf("delivered %q, problems %q", got, problems)
		}
	}
	_, problems := receive(t, &Source{Paths: []string{"-"}, Stdin: strings.NewReader(""), Began: began})
	if diff := cmp.Diff([]string{"standard input: the file is empty"}, problems); diff != "" {
		t.Errorf("problems: want (-), got (+):\n%s", diff)
	}
}

// A bare event's id is the hash of its line, and each line, whatever it is,
// is published a microsecond after the one before it, across files.
func TestReceiveCountsPublishTimes(t *testing.T) {
	message := `{"data":"e30=","messageId":"m1","publishTime":"2026-03-01T08:00:00.123456789Z"}`
	paths := write(t, "a\n\n \n"+message+"\nb\n", zipped(t, "c"), "\n", "d\n")
	for _, start := range []time.Time{{}, published} {
		messages, _ := receive(t, &Source{Paths: paths, PublishedAt: start, Began: began})
		if start.IsZero() {
			start = time.Unix(0, 0).UTC()
		}
		lines := map[string]int{"a": 0, "b": 4, "c": 5, "d": 7}
		for _, m := range messages {
			if m.ID == "m1" {
				if !m.PublishTime.Equal(delivered) || !m.AsOf.IsZero() {
					t.Errorf("a message is published %s, as of %s", m.PublishTime, m.AsOf)
				}
				continue
			}
			line := string(m.Data)
			if want := start.Add(time.Duration(lines[line]) * time.Microsecond); !m.PublishTime.Equal(want) {
				t.Errorf("%s is published %s, want %s", line, m.PublishTime, want)
			}
			sum := sha256.Sum256(m.Data)
			if want := hex.EncodeToString(sum[:]); m.ID != want {
				t.Errorf("%s has id %s, want %s", line, m.ID, want)
			}
			if !m.AsOf.Equal(began) {
				t.Errorf("%s is as of %s, want %s", line, m.AsOf, began)
			}
		}
		if len(messages) != 5 {
			t.Errorf("%d messages, want 5", len(messages))
		}
	}
}

// A source that is told to stop delivers no more, and one whose messages are
// refused ends with the reason.
func TestReceiveEnds(t *testing.T) {
	paths := write(t, strings.Repeat("a\n", 10_000))
	refused := errors.New("refused")
	for _, workers := range []int{1, 4} {
		var offered atomic.Int64
		err := (&Source{Paths: paths, Began: began, Workers: workers}).Receive(t.Context(), func(context.Context, *connector.Message) error {
			offered.Add(1)
			return refused
		})
		if n := int(offered.Load()); !errors.Is(err, refused) || n > workers {
			t.Errorf("%d workers: after a refusal %d messages were offered, and the error is %v", workers, n, err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		offered.Store(0)
		err = (&Source{Paths: paths, Began: began, Workers: workers}).Receive(ctx, func(ctx context.Context, _ *connector.Message) error {
			offered.Add(1)
			cancel()
			return nil // it was taken all the same
		})
		if n := int(offered.Load()); !errors.Is(err, context.Canceled) || n > workers {
			t.Errorf("%d workers: after the order to stop %d messages were offered, and the error is %v", workers, n, err)
		}
	}
}

// One who cannot deliver does not keep the others waiting, nor the reading.
func TestReceiveEndsForAll(t *testing.T) {
	refused := errors.New("refused")
	first := make(chan struct{}, 1)
	first <- struct{}{}
	paths := write(t, strings.Repeat("a\n", 10_000))
	err := (&Source{Paths: paths, Began: began, Workers: 4}).Receive(t.Context(), func(ctx context.Context, _ *connector.Message) error {
		select {
		case <-first:
			return refused
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	if !errors.Is(err, refused) {
		t.Errorf("the error is %v, want %v", err, refused)
	}
}

// Somebody who types "load -" by mistake can stop it.
func TestReceiveEndsWhileInputIsOpen(t *testing.T) {
	in, out := io.Pipe()
	t.Cleanup(func() { _ = out.Close() })
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- (&Source{Paths: []string{"-"}, Stdin: in, Began: began}).Receive(ctx,
			func(context.Context, *connector.Message) error { cancel(); return nil })
	}()
	if _, err := io.WriteString(out, "a\n"+strings.Repeat("\n", 1<<20)); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("error %v, want %v", err, context.Canceled)
		}
	case <-time.After(20 * time.Second):
		t.Error("it waits for input")
	}
}
