package files

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"vitalsink/connector"
	"vitalsink/transforms"
)

// numbered are lines of all kinds, the i-th with the number from + i in it.
func numbered(from, n int) string {
	var b strings.Builder
	for i := from; i < from+n; i++ {
		switch i % 7 {
		case 0:
			b.WriteString(" \r\n")
		case 1:
			fmt.Fprintf(&b, `{"data":"e30=","messageId":"m%d","publishTime":"2026-03-01T08:00:00Z"}`+"\n", i)
		case 2:
			fmt.Fprintf(&b, `{"data":"!","messageId":"m%d"}`+"\n", i)
		case 3: // larger than a chunk may be
			fmt.Fprintf(&b, `{"event_type":"x","n":%d,"text":%q}`+"\n", i, strings.Repeat("x", i%50*2000))
		default:
			fmt.Fprintf(&b, `{"event_type":"x","n":%d}`+"\n", i)
		}
	}
	return b.String()
}

// However many make messages of the lines, they are the same messages.
func TestReceiveIsTheSameWithAnyWorkers(t *testing.T) {
	const each = 400
	paths := write(t, numbered(0, each), zipped(t, numbered(each, each)), "", numbered(2*each, each))
	var want []transforms.Message
	for _, workers := range []int{1, 2, 9, 0} {
		messages, problems := receive(t, &Source{Paths: paths, PublishedAt: published, Began: began, Workers: workers})
		var got []transforms.Message
		for _, m := range messages {
			got = append(got, m.Message)
		}
		slices.SortFunc(got, func(a, b transforms.Message) int {
			return cmp.Or(a.PublishTime.Compare(b.PublishTime), cmp.Compare(a.ID, b.ID))
		})
		if workers == 1 {
			want = got
		}
		if diff := gocmp.Diff(want, got, asMessages); diff != "" {
			t.Errorf("%d workers: messages of one (-), of them (+):\n%s", workers, diff)
		}
		if !slices.Equal(problems, []string{"2.ndjson: the file is empty"}) {
			t.Errorf("%d workers: problems %q", workers, problems)
		}
	}
	// A line is published when its number says, whoever took it.
	checkPublished(t, want, 3*each)
}

// checkPublished looks at the messages of n numbered lines.
func checkPublished(t *testing.T, messages []transforms.Message, n int) {
	t.Helper()
	seen := 0
	for _, m := range messages {
		var i int
		if _, err := fmt.Sscanf(string(m.Data), `{"event_type":"x","n":%d`, &i); err != nil {
			continue // not a bare event
		}
		seen++
		if want := published.Add(time.Duration(i) * time.Microsecond); !m.PublishTime.Equal(want) {
			t.Errorf("line %d is published %s, want %s", i, m.PublishTime, want)
		}
	}
	bare := 0
	for i := range n {
		if i%7 > 2 {
			bare++
		}
	}
	if seen != bare {
		t.Errorf("%d bare events, want %d", seen, bare)
	}
}

// A line that is there is delivered, though the next one is still being
// written: "tail -f | vitalsink load -".
func TestReceiveDoesNotWaitForMore(t *testing.T) {
	in, out := io.Pipe()
	delivered, ended := make(chan string), make(chan error, 1)
	go func() {
		ended <- (&Source{Paths: []string{"-"}, Stdin: in, Began: began}).Receive(t.Context(),
			func(_ context.Context, m *connector.Message) error { delivered <- string(m.Data); return nil })
	}()
	for _, step := range []struct{ write, want string }{{"first\nsec", "first"}, {"ond\n", "second"}, {"third\n", "third"}} {
		if _, err := io.WriteString(out, step.write); err != nil {
			t.Fatal(err)
		}
		select {
		case got := <-delivered:
			if got != step.want {
				t.Errorf("delivered %q, want %q", got, step.want)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("waited in vain for %s", step.want)
		}
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func BenchmarkReceive(b *testing.B) {
	path := b.TempDir() + "/lines.ndjson"
	text := strings.Repeat(restLine(16<<10), 500)
	writeFile(b, path, text)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		err := (&Source{Paths: []string{path}, Began: began}).Receive(b.Context(),
			func(context.Context, *connector.Message) error { return nil })
		if err != nil {
			b.Fatal(err)
		}
	}
}

// restLine is a message with so many bytes of base64.
func restLine(n int) string {
	return `{"data":"` + strings.Repeat("e30K", n/4) + `","messageId":"m","publishTime":"2026-03-01T08:00:00Z"}` + "\n"
}
