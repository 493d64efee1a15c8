package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/klauspost/compress/gzip"

	"vitalsink/connector/files"
	"vitalsink/connector/synth"
	"vitalsink/schemas"
	"vitalsink/transforms"
)

type generateCommand struct {
	Users      int     `default:"10" help:"People. Default ${default}."`
	Days       int     `default:"3" help:"Days of each. Default ${default}."`
	Seed       uint64  `default:"1" help:"The same seed gives the same messages. Default ${default}."`
	Start      string  `default:"2026-03-02" placeholder:"DAY" help:"First day. Default ${default}."`
	Duplicates float64 `default:"0.02" placeholder:"SHARE" help:"Share of the messages, from 0 to 1, that come twice. Default ${default}."`
	Disorder   float64 `default:"0.05" placeholder:"SHARE" help:"Share that arrives hours after newer ones. Default ${default}."`
	Updates    float64 `default:"0.05" placeholder:"SHARE" help:"Share that is told again with other values, some before the original arrives. Default ${default}."`
	Late       float64 `default:"0.01" placeholder:"SHARE" help:"Share that is published weeks after it was measured. Default ${default}."`
	Bad        float64 `default:"0" placeholder:"SHARE" help:"Share that has to go to quarantine, in whole or in part. Default ${default}."`
	Truth      string  `placeholder:"PATH" help:"Write there which rows the tables must hold once all messages are loaded, one JSON object a line; compressed if it ends in .gz."`
}

func (c *generateCommand) Help() string {
	return `Invents people whose watches, rings, scales and glucose sensors report to
Junction, and prints the messages as Pub/Sub would deliver them, in order of
arrival and one a line, as load reads them. Nothing in it is of a real person.
About 4,000 samples a day and person, some of them twice: when a device reports,
it tells anew of the hours before:

  vitalsink generate --users 100 --days 7 | gzip >messages.ndjson.gz
  vitalsink load messages.ndjson.gz

How well a warehouse copes shows in what it must hold in the end, which is
worked out apart from the program's own decoder and fold:

  vitalsink generate --duplicates 0.2 --updates 0.2 --truth truth.ndjson.gz >messages.ndjson`
}

// population is what the flags ask for.
func (c *generateCommand) population() (*synth.Population, error) {
	start, err := time.Parse(time.DateOnly, c.Start)
	if err != nil {
		return nil, usage{fmt.Errorf("--start %s: write a day, such as 2026-03-02", c.Start)}
	}
	p := &synth.Population{
		Users: c.Users, Days: c.Days, Seed: c.Seed, Start: start,
		Duplicates: c.Duplicates, Disorder: c.Disorder, Updates: c.Updates, Late: c.Late, Bad: c.Bad,
	}
	if err := p.Check(); err != nil {
		return nil, usage{err}
	}
	return p, nil
}

func (c *generateCommand) Run(ctx context.Context, std streams) error {
	p, err := c.population()
	if err != nil {
		return err
	}
	catalogue, err := schemas.Load()
	if err != nil {
		return err
	}
	if c.Truth != "" {
		if err := writeTruth(ctx, p, catalogue, c.Truth); err != nil {
			return err
		}
	}
	g := generation{out: bufio.NewWriterSize(std.out, 1<<20)}
	stop := showProgress(std.err, g.summary)
	err = g.write(ctx, p, catalogue)
	stop()
	if errors.Is(err, syscall.EPIPE) {
		return fmt.Errorf("the reader of the messages ended before the messages did: %w", err)
	}
	if err != nil {
		return fmt.Errorf("write messages: %w", err)
	}
	fmt.Fprintf(std.err, "%s; users: %d\n", g.summary(), c.Users)
	return nil
}

// generation is the messages being written.
type generation struct {
	out               *bufio.Writer
	line              []byte
	messages, samples atomic.Int64
}

func (g *generation) summary() string {
	return fmt.Sprintf("%d messages with %d samples", g.messages.Load(), g.samples.Load())
}

func (g *generation) write(ctx context.Context, p *synth.Population, catalogue *schemas.Catalogue) error {
	for m, samples := range p.Messages(ctx, catalogue) {
		if err := g.writeMessage(&m); err != nil {
			return err
		}
		g.messages.Add(1)
		g.samples.Add(int64(samples))
	}
	if ctx.Err() != nil {
		return errors.New("stopped before the end")
	}
	return g.out.Flush()
}

// writeMessage writes a message in the REST form of Pub/Sub.
func (g *generation) writeMessage(m *transforms.Message) (err error) {
	if g.line, err = files.AppendLine(g.line[:0], m); err != nil {
		return err
	}
	_, err = g.out.Write(append(g.line, '\n'))
	return err
}

// writeTruth writes the truth to a file, which is not there if it could not be
// written in full.
func writeTruth(ctx context.Context, p *synth.Population, catalogue *schemas.Catalogue, path string) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("--truth: %w", err)
	}
	defer func() {
		err = errors.Join(err, f.Close())
		if err == nil {
			return
		}
		err = fmt.Errorf("--truth %s: %w", path, err)
		if info, statErr := os.Stat(path); statErr == nil && info.Mode().IsRegular() { // it may be a pipe
			err = errors.Join(err, os.Remove(path))
		}
	}()
	buffered := bufio.NewWriterSize(f, 1<<20)
	if !strings.HasSuffix(path, ".gz") {
		return errors.Join(p.WriteTruth(ctx, catalogue, buffered), buffered.Flush())
	}
	zipped, err := gzip.NewWriterLevel(buffered, gzip.BestSpeed)
	if err != nil {
		return err
	}
	return errors.Join(p.WriteTruth(ctx, catalogue, zipped), zipped.Close(), buffered.Flush())
}
