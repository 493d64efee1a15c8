package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/rogpeppe/go-internal/testscript"

	"vitalsink/connector/synth"
	"vitalsink/schemas"
	"vitalsink/transforms"
)

// restMessage is the REST form of a Pub/Sub message, written independently of
// the door that reads it.
type restMessage struct {
	Data        []byte            `json:"data"` // base64
	Attributes  map[string]string `json:"attributes,omitempty"`
	MessageID   string            `json:"messageId"`
	PublishTime time.Time         `json:"publishTime"`
}

func restLine(m transforms.Message) []byte {
	line, err := json.Marshal(restMessage{m.Data, m.Attributes, m.ID, m.PublishTime})
	if err != nil {
		panic(err) // nothing in it can fail
	}
	return append(line, '\n')
}

// someDays are three days of three people, badly delivered.
func someDays(c *schemas.Catalogue) []transforms.Message {
	p := synth.Population{
		Users: 3, Days: 3, Seed: 1, Start: time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC),
		Duplicates: 0.1, Disorder: 0.2, Updates: 0.1, Late: 0.05, Bad: 0.01,
	}
	var all []transforms.Message
	for m := range p.Messages(context.Background(), c) {
		all = append(all, m)
	}
	return all
}

// scenario writes some messages of someDays, of all kinds, and those that are
// bad; with good, without them: scenario OUT N [good]
func scenario(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: scenario OUT N [good]")
	}
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	catalogue, err := schemas.Load()
	ts.Check(err)
	decoder, err := transforms.NewDecoder(catalogue)
	ts.Check(err)
	all := someDays(catalogue)
	var out bytes.Buffer
	for i, m := range all {
		good := decoder.Decode(&m).Outcome == transforms.Landed
		chosen := i*n/len(all) != (i+1)*n/len(all) // n of them, evenly
		if good && chosen || !good && len(args) == 2 {
			out.Write(restLine(m))
		}
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), out.Bytes(), 0o600))
}

// someMessages are n messages of someDays, of all kinds.
func someMessages(c *schemas.Catalogue, n int) []transforms.Message {
	all := someDays(c)
	some := make([]transforms.Message, n)
	for i := range some {
		some[i] = all[i*len(all)/n]
	}
	return some
}

// message appends a Pub/Sub message to a file of messages:
//
//	message OUT ID BODY-FILE [gzip] [cut=N] [at=TIME] [NAME=VALUE ...]
//
// The body is that of the file without the white space at its end; cut leaves
// N bytes of it. What is neither of these words is an attribute.
func message(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 3 {
		ts.Fatalf("usage: message OUT ID BODY-FILE [gzip] [cut=N] [at=TIME] [NAME=VALUE ...]")
	}
	m := transforms.Message{
		ID: args[1], PublishTime: time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC),
		Attributes: map[string]string{}, Data: bytes.TrimSpace([]byte(ts.ReadFile(args[2]))),
	}
	for _, option := range args[3:] {
		name, value, _ := strings.Cut(option, "=")
		var err error
		switch name {
		case "gzip":
			m.Data = gzipped(m.Data)
		case "cut":
			var n int
			n, err = strconv.Atoi(value)
			m.Data = m.Data[:n]
		case "at":
			m.PublishTime, err = time.Parse(time.RFC3339Nano, value)
		default:
			m.Attributes[name] = value
		}
		ts.Check(err)
	}
	add(ts, args[0], restLine(m))
}

// rawBytes appends bytes written as a Go string, without its quotes:
//
//	bytes OUT TEXT
func rawBytes(ts *testscript.TestScript, _ bool, args []string) {
	want(ts, args, 2, "bytes OUT TEXT")
	text, err := strconv.Unquote(`"` + strings.ReplaceAll(args[1], `"`, `\"`) + `"`)
	ts.Check(err)
	add(ts, args[0], []byte(text))
}

// longLine appends a line of a size in bytes, not counting its end. With
// random it is noise that hardly compresses, and no JSON:
//
//	longline OUT SIZE [random]
func longLine(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: longline OUT SIZE [random]")
	}
	size, err := strconv.Atoi(args[1])
	ts.Check(err)
	head, tail := `{"event_type":"daily.data.heartrate.created","user_id":"`, `"}`
	line := make([]byte, 0, size+1)
	if len(args) == 2 {
		line = append(line, head...)
		line = append(line, bytes.Repeat([]byte("x"), size-len(head)-len(tail))...)
		line = append(line, tail...)
	} else {
		noise := make([]byte, size/4*3)
		_, err := rand.NewChaCha8([32]byte{}).Read(noise)
		ts.Check(err)
		line = base64.StdEncoding.AppendEncode(line, noise)
	}
	add(ts, args[0], append(line, '\n'))
}

// shuffle writes the lines of a file in another order: shuffle SEED IN OUT
func shuffle(ts *testscript.TestScript, _ bool, args []string) {
	want(ts, args, 3, "shuffle SEED IN OUT")
	seed, err := strconv.ParseUint(args[0], 10, 64)
	ts.Check(err)
	lines := linesOf(ts, args[1])
	rand.New(rand.NewPCG(seed, 0)).Shuffle(len(lines), func(i, j int) {
		lines[i], lines[j] = lines[j], lines[i]
	})
	add(ts, args[2], []byte(strings.Join(lines, "")))
}

// deal writes the lines of a file to several, in turn: deal IN OUT...
func deal(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: deal IN OUT...")
	}
	outs := make([]strings.Builder, len(args)-1)
	for i, line := range linesOf(ts, args[0]) {
		outs[i%len(outs)].WriteString(line)
	}
	for i := range outs {
		add(ts, args[i+1], []byte(outs[i].String()))
	}
}

// wrap puts every line into {"message": …}, as gcloud prints what it pulls:
//
//	wrap IN OUT
func wrap(ts *testscript.TestScript, _ bool, args []string) {
	want(ts, args, 2, "wrap IN OUT")
	for _, line := range linesOf(ts, args[0]) {
		wrapped := fmt.Sprintf(`{"ackId": "x", "message": %s, "deliveryAttempt": 1}`, strings.TrimSpace(line))
		add(ts, args[1], []byte(wrapped+"\n"))
	}
}

// gzipFile compresses a file: gzip IN OUT
func gzipFile(ts *testscript.TestScript, _ bool, args []string) {
	want(ts, args, 2, "gzip IN OUT")
	add(ts, args[1], gzipped([]byte(ts.ReadFile(args[0]))))
}

func gzipped(raw []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, err := w.Write(raw)
	if err = errors.Join(err, w.Close()); err != nil {
		panic(err) // memory does not fail
	}
	return out.Bytes()
}

func linesOf(ts *testscript.TestScript, file string) []string {
	return slices.Collect(strings.Lines(ts.ReadFile(file)))
}

// add appends to a file of the script, which need not exist.
func add(ts *testscript.TestScript, file string, raw []byte) {
	f, err := os.OpenFile(ts.MkAbs(file), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	ts.Check(err)
	_, err = f.Write(raw)
	ts.Check(errors.Join(err, f.Close()))
}

// want stops a script that calls a command wrongly.
func want(ts *testscript.TestScript, args []string, n int, usage string) {
	if len(args) != n {
		ts.Fatalf("usage: %s", usage)
	}
}
