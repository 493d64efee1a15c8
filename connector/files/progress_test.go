package files

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vitalsink/connector"
)

func TestProgressEndsWhole(t *testing.T) {
	long := strings.Repeat("0123456789\n", 30_000)
	paths := write(t, long, zipped(t, long), "", "\x1f\x8b cut", long)
	paths = append(paths, filepath.Join(filepath.Dir(paths[0]), "missing"))
	s := &Source{Paths: paths, Began: began, Workers: 1}
	if diff := cmp.Diff(Progress{}, s.Progress()); diff != "" {
		t.Errorf("before: want (-), got (+):\n%s", diff)
	}
	var last Progress
	err := s.Receive(t.Context(), func(context.Context, *connector.Message) error {
		p := s.Progress()
		if p.Bytes < last.Bytes || p.Files < last.Files || p.Bytes > p.TotalBytes || p.Files > p.TotalFiles {
			t.Errorf("after %+v comes %+v", last, p)
		}
		last = p
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var total int64
	for _, path := range paths[:5] {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		total += info.Size()
	}
	want := Progress{Bytes: total, TotalBytes: total, Files: 6, TotalFiles: 6}
	if diff := cmp.Diff(want, s.Progress()); diff != "" {
		t.Errorf("at the end: want (-), got (+):\n%s", diff)
	}
}

// Where a file is read, it says which, and how far.
func TestProgressWithinFiles(t *testing.T) {
	long := strings.Repeat("0123456789\n", 200_000)
	paths := write(t, "a\n", long)
	s := &Source{Paths: paths, Began: began, Workers: 1}
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	_ = s.Receive(ctx, func(context.Context, *connector.Message) error {
		if n++; n == 1000 {
			cancel() // the progress stays where it was
		}
		return nil
	})
	p := s.Progress()
	if p.File != paths[1] || p.Files != 1 || p.TotalFiles != 2 {
		t.Errorf("%+v, want to be in the second of two files", p)
	}
	if p.TotalBytes != int64(len(long))+2 || p.Bytes <= 2 || p.Bytes >= p.TotalBytes {
		t.Errorf("%+v, want to be within %d bytes", p, len(long))
	}
}

// The size of standard input is unknown, and then so is that of all.
func TestProgressOfStandardInput(t *testing.T) {
	paths := append(write(t, "a\nb\n"), "-")
	s := &Source{Paths: paths, Stdin: strings.NewReader("c\n"), Began: began, Workers: 1}
	receive(t, s)
	want := Progress{Bytes: 6, Files: 2, TotalFiles: 2}
	if diff := cmp.Diff(want, s.Progress()); diff != "" {
		t.Errorf("want (-), got (+):\n%s", diff)
	}
}

// A file that grows while it is read never makes more than all.
func TestProgressOfGrowingFile(t *testing.T) {
	paths := write(t, "a\n")
	in := list(t.Context(), paths)[0]
	writeFile(t, paths[0], "a\nb\n")
	s := &Source{}
	s.begin([]input{in})
	s.enter(in)
	opened, err := s.open(in)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, countedReader{opened, s.advance}); err != nil {
		t.Fatal(err)
	}
	if err := opened.Close(); err != nil {
		t.Fatal(err)
	}
	if p := s.Progress(); p.Bytes != 2 || p.TotalBytes != 2 {
		t.Errorf("%+v, want 2 bytes of 2", p)
	}
}
