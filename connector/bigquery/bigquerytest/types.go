package bigquerytest

import (
	"strings"
)

// sqlType is the type of a column, a variable or a parameter.
type sqlType struct {
	kind     string // as column has it
	repeated bool
}

// kindsOf are the names of types, in GoogleSQL and in REST.
var kindsOf = map[string]string{
	"STRING": "STRING", "BYTES": "BYTES", "INT64": "INTEGER", "INTEGER": "INTEGER", "INT": "INTEGER", "SMALLINT": "INTEGER",
	"BIGINT": "INTEGER", "TINYINT": "INTEGER", "BYTEINT": "INTEGER", "FLOAT64": "FLOAT", "FLOAT": "FLOAT", "BOOL": "BOOLEAN",
	"BOOLEAN": "BOOLEAN", "TIMESTAMP": "TIMESTAMP", "DATE": "DATE", "JSON": "JSON",
}

// duckTypes are DuckDB's types for kinds.
var duckTypes = map[string]string{
	"STRING": "VARCHAR", "BYTES": "BLOB", "INTEGER": "BIGINT", "FLOAT": "DOUBLE", "BOOLEAN": "BOOLEAN",
	"TIMESTAMP": "TIMESTAMPTZ", "DATE": "DATE", "JSON": "JSON",
}

// names are the names of kinds in GoogleSQL.
var standardNames = map[string]string{"INTEGER": "INT64", "FLOAT": "FLOAT64", "BOOLEAN": "BOOL"}

func (t sqlType) duck() string {
	name := duckTypes[t.kind]
	if t.repeated {
		return name + "[]"
	}
	return name
}

// String is the type in GoogleSQL.
func (t sqlType) String() string {
	name := t.kind
	if s, ok := standardNames[name]; ok {
		name = s
	}
	if t.repeated {
		return "ARRAY<" + name + ">"
	}
	return name
}

// comparable tells whether BigQuery compares and groups values of the type.
func (t sqlType) comparable() bool { return !t.repeated && t.kind != "JSON" }

// readType reads the type at the start of tokens, and how many they are.
func readType(tokens []token) (t sqlType, n int, err error) {
	if len(tokens) == 0 {
		return t, 0, syntaxError(token{line: 1, col: 1}, "Expected a type")
	}
	first := tokens[0]
	if first.is("ARRAY") && len(tokens) > 3 && tokens[1].is("<") {
		inner, n, err := readType(tokens[2:])
		if err != nil {
			return t, 0, err
		}
		if inner.repeated || n+2 >= len(tokens) || !tokens[n+2].is(">") {
			return t, 0, unexpected(tokens[2])
		}
		return sqlType{inner.kind, true}, n + 3, nil
	}
	if kind, ok := kindsOf[upper(first)]; ok {
		return sqlType{kind, false}, 1, nil
	}
	switch upper(first) {
	case "NUMERIC", "BIGNUMERIC", "DECIMAL", "DATETIME", "TIME", "INTERVAL", "GEOGRAPHY", "STRUCT", "RANGE", "ARRAY":
		return t, 0, missing(first, "type %s", upper(first))
	}
	return t, 0, invalid("Type not found: %s at [%d:%d]", first.text, first.line, first.col)
}

// typeOfDuck is the type for a type of DuckDB's; ok is false if it has none
// here.
func typeOfDuck(name string) (t sqlType, ok bool) {
	name, t.repeated = strings.CutSuffix(name, "[]")
	if i := strings.IndexByte(name, '('); i >= 0 {
		name = name[:i]
	}
	switch name {
	case "VARCHAR", "\"NULL\"", "ENUM":
		t.kind = "STRING"
	case "BLOB":
		t.kind = "BYTES"
	case "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT", "SQLNULL":
		t.kind = "INTEGER"
	case "FLOAT", "DOUBLE", "DECIMAL":
		t.kind = "FLOAT"
	case "BOOLEAN":
		t.kind = "BOOLEAN"
	case "TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE":
		t.kind = "TIMESTAMP"
	case "DATE", "JSON":
		t.kind = name
	default:
		return t, false
	}
	return t, true
}
