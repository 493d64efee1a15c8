package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// process is "run" in a process of its own.
type process struct {
	*exec.Cmd
	wrote screen
}

func startProcess(t testing.TB, s *service, file string, more ...string) *process {
	t.Helper()
	return startProcessAt(t, s.Addr, file, more...)
}

// startProcessAt receives from a server at an address.
func startProcessAt(t testing.TB, address, file string, more ...string) *process {
	t.Helper()
	p := newProcess(address, file, more...)
	p.start(t)
	return p
}

// newProcess is one to be started.
func newProcess(address, file string, more ...string) *process {
	p := &process{Cmd: exec.Command("vitalsink", append(runArgs(file), more...)...)} // see TestMain
	p.Env = append(os.Environ(), "GORACE="+quickExit(), emulator+"="+address)
	p.Stdout, p.Stderr = &p.wrote, &p.wrote
	return p
}

// start starts it, until the test ends at the latest.
func (p *process) start(t testing.TB) {
	t.Helper()
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // if the test broke off
		if p.ProcessState == nil {
			_ = p.Process.Kill()
			_ = p.Wait()
		}
	})
}

// kill is kill -9: nothing in the process gets a word in.
func (p *process) kill(t testing.TB) {
	t.Helper()
	if err := p.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = p.Wait() // it was killed, and says so
	if status := p.ProcessState.Sys().(syscall.WaitStatus); status.Signal() != syscall.SIGKILL {
		t.Fatalf("it ended by itself: %s\n%s", p.ProcessState, p.wrote.String())
	}
}

// terminate ends it as it is to be ended.
func (p *process) terminate(t testing.TB) {
	t.Helper()
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(); err != nil {
		t.Errorf("on SIGTERM it ended with %v: %s", err, p.wrote.String())
	}
}

// Whenever the process is killed, in the end every message is in the tables,
// once.
func TestRunSurvivesKill(t *testing.T) {
	t.Parallel()
	s := newService(t)
	file := filepath.Join(t.TempDir(), "run.duckdb")
	messages := scenarioPart(t, 120)
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
		p := startProcess(t, s, file)
		s.await(t, moment.name, moment.holds)
		p.kill(t)
		s.expireLeases()
	}
	s.publish(messages[96:])
	p := startProcess(t, s, file)
	s.awaitAcks(t, len(messages))
	p.terminate(t)
	s.wantLoaded(t, file)
}

// A process that cannot reach its server says so, and can be stopped. The client
// does not hear the order then (seen with pubsub/v2 v2.8.1), so this has a
// process of its own.
func TestRunStopsWithoutServer(t *testing.T) {
	t.Parallel()
	cmd := exec.Command("vitalsink", runArgs(filepath.Join(t.TempDir(), "run.duckdb"))...)
	// Nobody listens at port 1.
	cmd.Env = append(os.Environ(), "GORACE="+quickExit(), emulator+"=127.0.0.1:1")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	giveUp := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	defer giveUp.Stop()
	lines := bufio.NewScanner(stderr)
	said := false
	for lines.Scan() && !strings.Contains(lines.Text(), "msg=receiving") {
		said = said || strings.Contains(lines.Text(), "out of reach")
	}
	if !said {
		t.Error("it does not say that the server is out of reach")
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	var rest strings.Builder
	for lines.Scan() {
		fmt.Fprintln(&rest, lines.Text())
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("it ended with %v: %s", err, rest.String())
	}
}
