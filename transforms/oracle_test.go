package transforms_test

import (
	"encoding/json"
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"vitalsink/schemas"
)

// The oracle of "nothing is dropped": it reads the event with encoding/json
// and wants every scalar of it back from the rows, knowing of the decoder only
// what the catalogue and the package comment say.

// leaf is a scalar of an event: where it is (field names and positions), and
// what.
type leaf struct {
	path  []any
	value any // json.Number, string or bool
}

// leavesOf are the scalars of a value; null is absence.
func leavesOf(v any, path []any) []leaf {
	switch v := v.(type) {
	case nil:
		return nil
	case map[string]any:
		var all []leaf
		for name, inner := range v {
			all = append(all, leavesOf(inner, append(slices.Clone(path), name))...)
		}
		return all
	case []any:
		var all []leaf
		for i, inner := range v {
			all = append(all, leavesOf(inner, append(slices.Clone(path), i))...)
		}
		return all
	}
	return []leaf{{path, v}}
}

// parse reads JSON, numbers as they are written.
func parse(t tb, text string) any {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("parse: %v", err)
	}
	return v
}

// checkNothingDropped wants every leaf of the event in every row it belongs to.
func checkNothingDropped(t tb, o outcome, event string) {
	t.Helper()
	// Half a surrogate pair is kept as text; its one spelling in these tests.
	whole := parse(t, strings.ReplaceAll(event, `"\ud800"`, `"\\ud800"`)).(map[string]any)
	rows := map[int]row{}
	for _, r := range o.rows {
		rows[r.position()] = r
	}
	for _, l := range leavesOf(whole, nil) {
		sample, spellings, rest := locate(o.Table, whole, l.path)
		for position, r := range rows {
			if sample >= 0 && sample != position {
				continue
			}
			if !holds(t, o.Table, r, spellings, rest, l.value) {
				t.Errorf("row %d of %s has lost %v at %v: %v", position, o.Table.Name, l.value, l.path, r)
			}
		}
	}
}

// locate is which sample a leaf belongs to (-1: the whole event), how paths
// to it may begin, and what follows then.
func locate(table *schemas.Table, whole map[string]any, path []any) (sample int, spellings []string, rest []any) {
	const root, data = "$", "$.data"
	if path[0] != "data" || table.Rows == schemas.RowsEvent {
		return -1, []string{root}, path
	}
	if table.Rows == schemas.RowsObject {
		return -1, []string{"", data}, path[1:]
	}
	if i, ok := path[1].(int); ok { // samples with their own context
		return i, []string{"", data}, path[2:]
	}
	inner, _ := whole["data"].(map[string]any)
	samples, ok := inner["data"]
	switch samples.(type) {
	case []any:
		if path[1] == "data" {
			return path[2].(int), []string{""}, path[3:]
		}
	case map[string]any:
		if path[1] == "data" {
			return 0, []string{""}, path[2:]
		}
	}
	if !ok { // data is itself a sample
		return 0, []string{"", data}, path[1:]
	}
	return -1, []string{data}, path[1:]
}

// holds tells whether a row has a value at a path, or at what stands for all
// that begins with it.
func holds(t tb, table *schemas.Table, r row, spellings []string, path []any, value any) bool {
	t.Helper()
	if table.Rows == schemas.RowsEvent {
		return within(parse(t, r["payload"].(string)), path, value)
	}
	extra := map[string]any{}
	if text, ok := r["_extra"].(string); ok {
		extra = parse(t, text).(map[string]any)
	}
	for _, at := range spellings {
		for n, name := range path {
			if _, ok := name.(string); !ok {
				break
			}
			at = join(at, name.(string))
			rest := path[n+1:]
			if at == "$.event_type" || slices.Contains(table.Ignored, at) {
				return true
			}
			if kept, ok := extra[at]; ok && within(kept, rest, value) {
				return true
			}
			if inColumn(t, table, r, at, rest, value) {
				return true
			}
		}
	}
	return false
}

// join names a field below a path, as the package documents it.
func join(path, name string) string {
	switch {
	case name == "" || strings.ContainsAny(name, `.[]"$`):
		return path + "[" + strconv.Quote(name) + "]"
	case path == "":
		return name
	}
	return path + "." + name
}

// within tells whether a value is found by a path in what was kept whole.
func within(v any, path []any, want any) bool {
	for _, step := range path {
		switch step := step.(type) {
		case string:
			m, ok := v.(map[string]any)
			if !ok {
				return false
			}
			v = m[step]
		case int:
			list, ok := v.([]any)
			if !ok || step >= len(list) {
				return false
			}
			v = list[step]
		}
	}
	return v == want
}

// inColumn tells whether a column that has the path holds the value.
func inColumn(t tb, table *schemas.Table, r row, at string, rest []any, value any) bool {
	t.Helper()
	for i := range table.Columns {
		c := &table.Columns[i]
		if !slices.Contains(c.Paths(), at) {
			continue
		}
		if value == "" && len(rest) == 0 && (len(c.Fallbacks) > 0 || c.Default != nil) {
			return true // stands for a missing value
		}
		switch got := r[c.Name]; {
		case got == nil:
		case c.Type == schemas.JSON:
			if within(parse(t, got.(string)), rest, value) {
				return true
			}
		case c.Repeated && len(rest) == 1:
			list, i := got.([]any), rest[0].(int)
			if i < len(list) && same(c.Type, list[i], value) {
				return true
			}
		case len(rest) == 0 && !c.Repeated && same(c.Type, got, value):
			return true
		}
	}
	return false
}

// same tells whether a column's value says what a literal says.
func same(typ schemas.Type, got, value any) bool {
	if got == value {
		return true // strings and bools
	}
	text := fmt.Sprint(value)
	switch typ {
	case schemas.String: // a key that is written as a number
		_, number := value.(json.Number)
		return number && got == text
	case schemas.Int64:
		exact, ok := rational(text)
		return ok && exact.Cmp(new(big.Rat).SetInt64(got.(int64))) == 0
	case schemas.Float64:
		return sameFloat(got.(float64), text)
	case schemas.Timestamp:
		micros, ok := reference(text)
		return ok && got == time.UnixMicro(micros).UTC().Format(time.RFC3339Nano)
	}
	return false
}

// sameFloat: the nearest float to a decimal, but an integer exactly.
func sameFloat(got float64, text string) bool {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || f != got {
		return false
	}
	if whole, ok := new(big.Int).SetString(text, 10); ok {
		return new(big.Rat).SetInt(whole).Cmp(new(big.Rat).SetFloat64(got)) == 0
	}
	return true
}

var decimal = regexp.MustCompile(`^-?\d+(\.\d+)?([eE][+-]?\d{1,3})?$`)

// rational is a number exactly; what package big might take hours for is none.
func rational(text string) (*big.Rat, bool) {
	if !decimal.MatchString(text) {
		return nil, false
	}
	return new(big.Rat).SetString(text)
}
