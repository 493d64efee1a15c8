package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// process is "run" in a process of its own.
type process struct {
	*exec.Cmd
	wrote bytes.Buffer
}

func startProcess(t *testing.T, file string) *process {
	t.Helper()
	p := &process{Cmd: exec.Command("vitalsink", runArgs(file)...)} // see TestMain
	p.Env = append(os.Environ(), "GORACE="+quickExit())
	p.Stdout, p.Stderr = &p.wrote, &p.wrote
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // if the test broke off
		if p.ProcessState == nil {
			_ = p.Process.Kill()
			_ = p.Wait()
		}
	})
	return p
}

// kill is kill -9: nothing in the process gets a word in.
func (p *process) kill(t *testing.T) {
	t.Helper()
	if err := p.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = p.Wait() // it was killed, and says so
	if status := p.ProcessState.Sys().(syscall.WaitStatus); status.Signal() != syscall.SIGKILL {
		t.Fatalf("it ended by itself: %s\n%s", p.ProcessState, p.wrote.String())
	}
}

// Whenever the process is killed, in the end every message is in the tables,
// once.
func TestRunSurvivesKill(t *testing.T) {
	s := newService(t)
	file := filepath.Join(t.TempDir(), "run.duckdb")
	messages := someMessages(t, 120)
	moments := []struct {
		name  string
		holds func(delivered, acked int) bool
	}{
		{"the first message arrives", func(delivered, _ int) bool { return delivered > 0 }},
		{"the first batch is committed", func(_, acked int) bool { return acked > 0 }},
		{"half is committed", func(_, acked int) bool { return acked >= 60 }},
		{"all that is published is committed, but perhaps not folded", func(_, acked int) bool { return acked == 96 }},
	}
	for i, moment := range moments {
		s.publish(messages[24*i : 24*(i+1)])
		p := startProcess(t, file)
		s.await(t, moment.name, moment.holds)
		p.kill(t)
		s.expireLeases()
	}
	s.publish(messages[96:])
	p := startProcess(t, file)
	s.awaitAcks(t, len(messages))
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(); err != nil {
		t.Errorf("on SIGTERM it ended with %v: %s", err, p.wrote.String())
	}
	if diff := cmp.Diff(s.loaded(t), mustTables(t, file)); diff != "" {
		t.Errorf("tables of a load (-) and of the killed runs (+):\n%s", diff)
	}
}
