package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// patience is how long the tests wait for what should take no time.
const patience = 20 * time.Second

// held is a process that reads what a script does not give it yet.
type held struct {
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	output bytes.Buffer
}

type heldKey struct{}

// hold starts a program that reads standard input, and returns when it does:
// it has opened its warehouse by then. It ends with release, or the script:
//
//	hold NAME program [args]
func hold(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: hold NAME program [args]")
	}
	h := &held{cmd: exec.CommandContext(context.Background(), args[1], args[2:]...)}
	h.cmd.Dir, h.cmd.Stdout, h.cmd.Stderr = ts.MkAbs("."), &h.output, &h.output
	h.cmd.Env = append(os.Environ(), "GORACE="+quickExit())
	stdin, err := h.cmd.StdinPipe()
	ts.Check(err)
	h.stdin = stdin
	ts.Check(h.cmd.Start())
	processes := ts.Value(heldKey{}).(map[string]*held)
	processes[args[0]] = h
	ts.Defer(func() {
		if processes[args[0]] != nil {
			_ = h.cmd.Process.Kill() // the script broke off
			_ = h.cmd.Wait()
		}
	})
	// A pipe holds 64 KiB: what is more than that can only be written when
	// somebody reads it.
	if _, err := stdin.Write(bytes.Repeat([]byte("\n"), 512<<10)); err != nil {
		ts.Fatalf("%s does not read its input: %v\n%s", args[1], err, h.output.String())
	}
}

// release gives a held program a file as the rest of its input and waits for
// its end; the exit code must be N. With a signal it gets that, and no input:
//
//	release NAME N FILE | release NAME N SIGINT
func release(ts *testscript.TestScript, _ bool, args []string) {
	want(ts, args, 3, "release NAME N FILE|SIGINT")
	processes := ts.Value(heldKey{}).(map[string]*held)
	h := processes[args[0]]
	code, err := strconv.Atoi(args[1])
	ts.Check(err)
	if args[2] == "SIGINT" {
		ts.Check(h.cmd.Process.Signal(syscall.SIGINT))
	} else {
		_, err = io.WriteString(h.stdin, ts.ReadFile(args[2]))
		ts.Check(err)
		ts.Check(h.stdin.Close())
	}
	giveUp := time.AfterFunc(patience, func() { _ = h.cmd.Process.Kill() })
	_ = h.cmd.Wait() // the code tells
	giveUp.Stop()
	delete(processes, args[0])
	if got := h.cmd.ProcessState.ExitCode(); got != code {
		ts.Fatalf("exit code %d, want %d\n%s", got, code, h.output.String())
	}
}

// canMount tells whether this process may mount a file system: it is root,
// and not in a container that forbids it.
var canMount = sync.OnceValue(func() bool {
	dir, err := os.MkdirTemp("", "vitalsink-mount-")
	if err != nil {
		return false
	}
	defer os.RemoveAll(dir)
	if exec.Command("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", dir).Run() != nil {
		return false
	}
	return exec.Command("umount", dir).Run() == nil
})

// tmpfs mounts an empty file system of a size on a directory, or with
// readonly makes the one that is there read-only:
//
//	tmpfs DIR SIZE | tmpfs DIR readonly
func tmpfs(ts *testscript.TestScript, _ bool, args []string) {
	want(ts, args, 2, "tmpfs DIR SIZE|readonly")
	dir := ts.MkAbs(args[0])
	if args[1] == "readonly" {
		ts.Check(exec.Command("mount", "-o", "remount,ro", dir).Run())
		return
	}
	ts.Check(os.MkdirAll(dir, 0o700))
	ts.Check(exec.Command("mount", "-t", "tmpfs", "-o", "size="+args[1], "tmpfs", dir).Run())
	ts.Defer(func() { ts.Check(exec.Command("umount", "-l", dir).Run()) })
}

// fillDisk writes a file until the file system has just so many bytes left:
//
//	filldisk FILE LEFT
func fillDisk(ts *testscript.TestScript, _ bool, args []string) {
	want(ts, args, 2, "filldisk FILE LEFT")
	left, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	path := ts.MkAbs(args[0])
	var disk syscall.Statfs_t
	ts.Check(syscall.Statfs(filepath.Dir(path), &disk))
	size := int64(disk.Bavail)*disk.Bsize - left
	if size < 0 {
		ts.Fatalf("only %d bytes are left", size+left)
	}
	ts.Check(os.WriteFile(path, make([]byte, size), 0o600))
}
