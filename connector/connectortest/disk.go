//go:build linux

package connectortest

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// Disk is a small file system of its own, to be filled up.
type Disk struct {
	Dir    string
	filler string
}

// NewDisk mounts an empty file system of a size, such as 64m, until the test
// ends. It skips the test where that is not allowed: it takes root.
func NewDisk(t testing.TB, size string) *Disk {
	t.Helper()
	d := &Disk{Dir: t.TempDir()}
	if err := exec.CommandContext(t.Context(), "mount", "-t", "tmpfs", "-o", "size="+size, "tmpfs", d.Dir).Run(); err != nil {
		t.Skipf("a disk that can be filled up needs root and mount: %v", err)
	}
	t.Cleanup(func() {
		// Lazily: a process that another test is just starting holds copies of
		// this one's open files for a moment, and the disk is busy.
		if err := exec.CommandContext(context.Background(), "umount", "-l", d.Dir).Run(); err != nil {
			t.Error(err)
		}
	})
	d.filler = filepath.Join(d.Dir, "filler")
	return d
}

// Fill leaves just so many bytes, or fewer if there are not so many. It may be
// called again, to take what has become free since.
func (d *Disk) Fill(t testing.TB, left int64) {
	t.Helper()
	var disk syscall.Statfs_t
	if err := syscall.Statfs(d.Dir, &disk); err != nil {
		t.Fatal(err)
	}
	size := max(0, int64(disk.Bavail)*disk.Bsize-left)
	f, err := os.OpenFile(d.filler, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	// Somebody else may have written meanwhile.
	if _, err := f.Write(make([]byte, size)); err != nil && !errors.Is(err, syscall.ENOSPC) {
		t.Error(err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}

// Free gives back what Fill took.
func (d *Disk) Free(t testing.TB) {
	t.Helper()
	if err := os.Remove(d.filler); err != nil {
		t.Fatal(err)
	}
}
