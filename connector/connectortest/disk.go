//go:build linux

package connectortest

import (
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
	if err := exec.Command("mount", "-t", "tmpfs", "-o", "size="+size, "tmpfs", d.Dir).Run(); err != nil {
		t.Skipf("a disk that can be filled up needs root and mount: %v", err)
	}
	t.Cleanup(func() {
		if err := exec.Command("umount", d.Dir).Run(); err != nil {
			t.Error(err)
		}
	})
	d.filler = filepath.Join(d.Dir, "filler")
	return d
}

// Fill leaves just so many bytes, or fewer if there are not so many.
func (d *Disk) Fill(t testing.TB, left int64) {
	t.Helper()
	var disk syscall.Statfs_t
	if err := syscall.Statfs(d.Dir, &disk); err != nil {
		t.Fatal(err)
	}
	size := max(0, int64(disk.Bavail)*disk.Bsize-left)
	// Somebody else may have written meanwhile.
	if err := os.WriteFile(d.filler, make([]byte, size), 0o600); err != nil && !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
}

// Free gives back what Fill took.
func (d *Disk) Free(t testing.TB) {
	t.Helper()
	if err := os.Remove(d.filler); err != nil {
		t.Fatal(err)
	}
}
