package transforms_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vitalsink/schemas"
	"vitalsink/transforms"
)

var update = flag.Bool("update", false, "write testdata/golden anew")

const goldenDir = "../testdata/golden"

// golden is a message as the files tell it.
type golden struct {
	MessageID   string            `json:"message_id"`
	PublishTime time.Time         `json:"publish_time"`
	Attributes  map[string]string `json:"attributes,omitempty"`
	// One of the two is the body: an event, or what is none.
	Event json.RawMessage `json:"event,omitempty"`
	Text  string          `json:"text,omitempty"`
}

// TestGolden decodes what is in NAME.input.json and compares with
// NAME.rows.json. With -update the inputs come from the generator.
func TestGolden(t *testing.T) {
	if *update {
		writeInputs(t)
	}
	inputs, err := filepath.Glob(filepath.Join(goldenDir, "*.input.json"))
	if err != nil || len(inputs) < 30 {
		t.Fatalf("%d inputs: %v", len(inputs), err)
	}
	for _, input := range inputs {
		name := strings.TrimSuffix(filepath.Base(input), ".input.json")
		t.Run(name, func(t *testing.T) {
			o := decodeWith(t, newDecoder(t), readGolden(t, input))
			got := describe(t, o)
			rows := filepath.Join(goldenDir, name+".rows.json")
			if *update {
				writeFile(t, rows, got)
			}
			want, err := os.ReadFile(rows)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), string(got)); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
		})
	}
}

// TestGoldenComplete: every output has an input, and every table that events
// fill is among them.
func TestGoldenComplete(t *testing.T) {
	outputs, err := filepath.Glob(filepath.Join(goldenDir, "*.rows.json"))
	if err != nil {
		t.Fatal(err)
	}
	all := ""
	for _, output := range outputs {
		if _, err := os.Stat(strings.TrimSuffix(output, ".rows.json") + ".input.json"); err != nil {
			t.Error(err)
		}
		text, err := os.ReadFile(output)
		if err != nil {
			t.Fatal(err)
		}
		all += string(text)
	}
	for _, table := range catalogue().Tables {
		if table.Rows != "" && !strings.Contains(all, fmt.Sprintf(`"table": %q`, table.Name)) {
			t.Errorf("no golden event for %s", table.Name)
		}
	}
}

func readGolden(t *testing.T, file string) *transforms.Message {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var g golden
	if err := json.Unmarshal(text, &g); err != nil {
		t.Fatal(err)
	}
	body := bytes.NewBufferString(g.Text)
	if g.Event != nil {
		// Without the indentation of the file, as events come.
		if err := json.Compact(body, g.Event); err != nil {
			t.Fatal(err)
		}
	}
	return &transforms.Message{ID: g.MessageID, PublishTime: g.PublishTime, Attributes: g.Attributes, Data: body.Bytes()}
}

// describe is an outcome as readable text: columns in the order of the table,
// NULL ones left out.
func describe(t *testing.T, o outcome) []byte {
	t.Helper()
	words := map[transforms.Outcome]string{
		transforms.Landed: "landed", transforms.PartlyQuarantined: "partly quarantined",
		transforms.Quarantined: "quarantined", transforms.Empty: "empty",
	}
	table := ""
	if o.Table != nil {
		table = o.Table.Name
	}
	refusals := []string{}
	for _, r := range o.refusals {
		refusals = append(refusals, r.Error())
	}
	return indented(t, object{
		{"outcome", words[o.Outcome]}, {"table", table}, {"resource", o.Resource},
		{"late", o.Late}, {"clamped", o.Clamped}, {"refusals", refusals},
		{"rows", readable(o.Table, o.rows)},
		{"quarantine", readable(catalogue().Table(schemas.QuarantineTable), o.quarantine)},
	})
}

// readable are rows with JSON as such and BYTES as hex.
func readable(table *schemas.Table, rows []row) []object {
	list := []object{}
	for _, r := range rows {
		var o object
		for _, c := range table.Columns {
			v, ok := r[c.Name]
			switch {
			case !ok:
				continue
			case c.Type == schemas.JSON:
				v = json.RawMessage(v.(string))
			case c.Name == "payload":
				// Its bytes depend on the version of the compressor; other
				// tests gunzip it.
				v = "gzip"
			case c.Type == schemas.Bytes:
				v = hex.EncodeToString(v.([]byte))
			}
			o = append(o, field{c.Name, v})
		}
		list = append(list, o)
	}
	return list
}

// object is a JSON object that keeps the order of its fields.
type object []field

type field struct {
	name  string
	value any
}

func (o object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, f := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		value, err := json.Marshal(f.value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.name, err)
		}
		fmt.Fprintf(&b, "%q:%s", f.name, value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

func indented(t *testing.T, v any) []byte {
	t.Helper()
	var b bytes.Buffer
	w := json.NewEncoder(&b)
	w.SetEscapeHTML(false)
	w.SetIndent("", "  ")
	if err := w.Encode(v); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func writeFile(t *testing.T, name string, text []byte) {
	t.Helper()
	if err := os.WriteFile(name, text, 0o644); err != nil {
		t.Fatal(err)
	}
}
