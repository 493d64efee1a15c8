package bigquerytest

import (
	"encoding/base64"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	bq "google.golang.org/api/bigquery/v2"
)

// value is a value of a type: nil for NULL, else a string, []byte, int64,
// float64, bool, time.Time (for TIMESTAMP and DATE), or []any of them.
type value struct {
	typ sqlType
	v   any
}

// sql is the value as a literal of DuckDB's.
func (v value) sql() string {
	if list, ok := v.v.([]any); ok {
		items := make([]string, len(list))
		for i, item := range list {
			items[i] = value{sqlType{v.typ.kind, false}, item}.sql()
		}
		return "CAST([" + strings.Join(items, ", ") + "] AS " + v.typ.duck() + ")"
	}
	switch x := v.v.(type) {
	case string:
		if v.typ.kind == "JSON" {
			return "CAST(" + quoteString(x) + " AS JSON)"
		}
		return quoteString(x)
	case []byte:
		return quoteBytes(x)
	case int64:
		return "CAST(" + strconv.FormatInt(x, 10) + " AS BIGINT)"
	case float64:
		return "CAST('" + strconv.FormatFloat(x, 'g', -1, 64) + "' AS DOUBLE)"
	case bool:
		return strings.ToUpper(strconv.FormatBool(x))
	case time.Time:
		if v.typ.kind == "DATE" {
			return "DATE '" + x.UTC().Format(time.DateOnly) + "'"
		}
		return fmt.Sprintf("make_timestamptz(%d)", x.UnixMicro())
	}
	return "CAST(NULL AS " + v.typ.duck() + ")"
}

// Bounds of TIMESTAMP.
var (
	minTime = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)
	maxTime = time.Date(9999, 12, 31, 23, 59, 59, 999_999_999, time.UTC)
)

var timestampForm = regexp.MustCompile(`^(\d{4})-(\d{1,2})-(\d{1,2})(?:[Tt ](\d{1,2}):(\d{1,2})(?::(\d{1,2})(\.\d{1,6})?)?)? ?(Z|z|UTC|[+-]\d{1,2}(?::?\d{2})?)?$`)

// parseTimestamp reads what GoogleSQL takes for a TIMESTAMP; without a zone it
// is UTC. Names of zones other than UTC are not read.
func parseTimestamp(s string) (time.Time, bool) {
	p := timestampForm.FindStringSubmatch(strings.TrimSpace(s))
	if p == nil {
		return time.Time{}, false
	}
	var n [7]int
	for i := 1; i <= 6; i++ {
		n[i], _ = strconv.Atoi(p[i]) // digits, or nothing for 0
	}
	nanos := 0
	if p[7] != "" {
		nanos, _ = strconv.Atoi((p[7][1:] + "000000000")[:9]) // digits
	}
	t := time.Date(n[1], time.Month(n[2]), n[3], n[4], n[5], n[6], nanos, time.UTC)
	if t.Month() != time.Month(n[2]) || t.Day() != n[3] || n[4] > 23 || n[5] > 59 || n[6] > 60 {
		return time.Time{}, false
	}
	if zone := p[8]; zone != "" && zone[0] != 'Z' && zone[0] != 'z' && zone != "UTC" {
		digits := strings.ReplaceAll(zone[1:], ":", "")
		if len(digits) <= 2 {
			digits += "00"
		}
		hhmm, _ := strconv.Atoi(digits) // digits
		offset := time.Duration(hhmm/100)*time.Hour + time.Duration(hhmm%100)*time.Minute
		if zone[0] == '-' {
			offset = -offset
		}
		t = t.Add(-offset)
	}
	return t, !t.Before(minTime) && !t.After(maxTime)
}

// parseTyped reads the literal of TIMESTAMP '…' or DATE '…'.
func parseTyped(kind string, literal token) (value, error) {
	v := value{sqlType{kind, false}, nil}
	var ok bool
	var t time.Time
	if kind == "DATE" {
		var err error
		t, err = time.Parse(time.DateOnly, literal.text)
		ok = err == nil && t.Year() >= 1
	} else {
		t, ok = parseTimestamp(literal.text)
	}
	if !ok {
		return v, invalid("Invalid %s literal at [%d:%d]", kind, literal.line, literal.col)
	}
	v.v = t
	return v, nil
}

// parameter reads a parameter of a job.
func parameter(p *bq.QueryParameter) (value, error) {
	if p.ParameterType == nil || p.ParameterValue == nil {
		return value{}, failure(reasonInvalid, "Query parameter '%s' has no type or no value", p.Name)
	}
	name, repeated := p.ParameterType.Type, false
	if name == "ARRAY" && p.ParameterType.ArrayType != nil {
		name, repeated = p.ParameterType.ArrayType.Type, true
	}
	kind, ok := kindsOf[name]
	if !ok {
		return value{}, failure(reasonMissing, "stand-in for BigQuery: a parameter of type %s is not part of it", name)
	}
	v := value{typ: sqlType{kind, repeated}}
	if repeated {
		list := make([]any, len(p.ParameterValue.ArrayValues))
		for i, item := range p.ParameterValue.ArrayValues {
			var err error
			if list[i], err = parseParameter(kind, item.Value, p.Name); err != nil {
				return v, err
			}
		}
		v.v = list
		return v, nil
	}
	if p.ParameterValue.Value == "" && isNull(p.ParameterValue) {
		return v, nil
	}
	var err error
	v.v, err = parseParameter(kind, p.ParameterValue.Value, p.Name)
	return v, err
}

// isNull tells NULL from an empty text: the client sends it as null.
func isNull(v *bq.QueryParameterValue) bool {
	for _, f := range v.NullFields {
		if f == "Value" {
			return true
		}
	}
	return false
}

func parseParameter(kind, text, name string) (v any, err error) {
	switch kind {
	case "STRING", "JSON":
		return text, nil
	case "BYTES":
		v, err = base64.StdEncoding.DecodeString(text)
	case "INTEGER":
		v, err = strconv.ParseInt(text, 10, 64)
	case "FLOAT":
		v, err = strconv.ParseFloat(text, 64)
	case "BOOLEAN":
		v, err = strconv.ParseBool(text)
	case "DATE":
		v, err = time.Parse(time.DateOnly, text)
	case "TIMESTAMP":
		t, ok := parseTimestamp(text)
		if !ok {
			err = strconv.ErrSyntax
		}
		v = t
	}
	if err != nil {
		return nil, failure(reasonInvalid, "Invalid value for type %s: query parameter '%s'", kind, name)
	}
	return v, nil
}

// cell is a value as REST sends it.
func cell(v value, int64Timestamps bool) (any, error) {
	if v.typ.repeated {
		list, _ := v.v.([]any) // NULL is an empty list
		cells := make([]any, len(list))
		for i, item := range list {
			if item == nil {
				return nil, invalid("Array cannot have a null element; error in writing field")
			}
			c, err := cell(value{sqlType{v.typ.kind, false}, item}, int64Timestamps)
			if err != nil {
				return nil, err
			}
			cells[i] = map[string]any{"v": c}
		}
		return cells, nil
	}
	switch x := v.v.(type) {
	case nil:
		return nil, nil
	case []byte:
		return base64.StdEncoding.EncodeToString(x), nil
	case int64:
		return strconv.FormatInt(x, 10), nil
	case float64:
		return floatCell(x), nil
	case bool:
		return strconv.FormatBool(x), nil
	case string:
		return x, nil
	case time.Time:
		return timeCell(v.typ.kind, x, int64Timestamps)
	}
	return nil, failure(reasonMissing, "stand-in for BigQuery: a result of type %T is not part of it", v.v)
}

func floatCell(x float64) string {
	switch {
	case math.IsInf(x, 1):
		return "Infinity"
	case math.IsInf(x, -1):
		return "-Infinity"
	}
	return strconv.FormatFloat(x, 'g', -1, 64)
}

func timeCell(kind string, x time.Time, int64Timestamps bool) (any, error) {
	switch {
	case x.Before(minTime) || x.After(maxTime):
		return nil, invalid("%s value is out of allowed range: from 0001-01-01 to 9999-12-31", kind)
	case kind == "DATE":
		return x.UTC().Format(time.DateOnly), nil
	case int64Timestamps:
		return strconv.FormatInt(x.UnixMicro(), 10), nil
	}
	// Seconds, with a fraction, in the form of a float.
	return strconv.FormatFloat(float64(x.UnixMicro())/1e6, 'E', -1, 64), nil
}
