//go:build cgo && (linux || darwin)

package duckdb

import "syscall"

// freeSpace is how many bytes a user may still write to the disk of a folder.
func freeSpace(dir string) (bytes uint64, known bool) {
	var disk syscall.Statfs_t
	if err := syscall.Statfs(dir, &disk); err != nil {
		return 0, false
	}
	return disk.Bavail * uint64(disk.Bsize), true
}
