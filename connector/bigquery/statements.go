package bigquery

import (
	"embed"
	"fmt"
	"strings"
	"text/template"
	"time"
	"unicode"

	"vitalsink/schemas"
)

//go:embed sql/*.sql
var sqlFiles embed.FS

// statements renders the files in sql for a dataset.
type statements struct{ templates *template.Template }

// newStatements parses the files. They quote every identifier.
func newStatements(project, dataset string) (*statements, error) {
	t, err := template.New("").Funcs(template.FuncMap{
		"ident":     ident,
		"idents":    idents,
		"table":     func(name string) string { return ident(project + "." + storeOf(dataset) + "." + name) },
		"literal":   literal,
		"timestamp": timestamp,
		"fence":     fenceOf,
		"on":        onKey,
	}).ParseFS(sqlFiles, "sql/*.sql")
	if err != nil {
		return nil, fmt.Errorf("parse statements: %w", err)
	}
	return &statements{t}, nil
}

// render fills in the statement of a file.
func (s *statements) render(file string, names any) (string, error) {
	var b strings.Builder
	if err := s.templates.ExecuteTemplate(&b, file, names); err != nil {
		return "", fmt.Errorf("render %s: %w", file, err)
	}
	return strings.TrimSpace(b.String()), nil
}

// ident quotes an identifier, or a path of them.
func ident(name string) string { return "`" + escape.Replace(name) + "`" }

// escape is made once: that takes longer than what it does.
var escape = strings.NewReplacer("\\", "\\\\", "`", "\\`")

func idents(names []string) string {
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = ident(n)
	}
	return strings.Join(quoted, ", ")
}

// literal quotes a text that is no value of a row: a name of the catalogue, or
// a resource.
func literal(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\\' || r == '\'':
			b.WriteByte('\\')
			b.WriteRune(r)
		case unicode.IsControl(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return "'" + b.String() + "'"
}

func literals(texts []string) string {
	quoted := make([]string, len(texts))
	for i, t := range texts {
		quoted[i] = literal(t)
	}
	return strings.Join(quoted, ", ")
}

// timestamp is a typed literal, which prunes; a parameter might not.
func timestamp(t time.Time) string {
	return "TIMESTAMP '" + t.UTC().Format("2006-01-02 15:04:05.999999") + "+00'"
}

// onKey joins T and S by the key, whose columns are never NULL.
func onKey(key []string) string {
	terms := make([]string, len(key))
	for i, k := range key {
		terms[i] = fmt.Sprintf("T.%s = S.%s", ident(k), ident(k))
	}
	return strings.Join(terms, " AND ")
}

func storeOf(dataset string) string { return dataset + "_store" }
func logOf(table string) string     { return table + "_log" }
func fenceOf(table string) string   { return table + "_fence" }

// mergeNames is what the statements of a merge are made of.
type mergeNames struct {
	Table, Log string
	Key        []string
	Columns    []string
	Values     []string // columns that are not part of the key
	Partition  string   // "" if the table is not partitioned
	Sticky     string   // "" if none

	Since       time.Time // when the first of the batches was appended
	LedgerSince time.Time // no merge of these batches is older
	Parts       []part
	Part        part     // the one a statement is about
	Updates     []bounds // partitions that hold rows to be changed
}

// With is the names for a statement about one part.
func (n mergeNames) With(p part) mergeNames {
	n.Part = p
	return n
}

// What the script says when it stops.
func (mergeNames) Fenced() string     { return raisedFenced }
func (mergeNames) Taken() string      { return raisedTaken }
func (mergeNames) Twice() string      { return raisedTwice }
func (mergeNames) Unbalanced() string { return raisedBooks }

func (n mergeNames) Unfenced() string { return raisedUnfenced + fenceOf(n.Table) }

func namesOf(t *schemas.Table) mergeNames {
	n := mergeNames{Table: t.Name, Log: logOf(t.Name), Key: t.Key, Sticky: t.StickyColumn()}
	if t.Partition != nil {
		n.Partition = t.Partition.Column
	}
	for _, c := range t.Columns {
		n.Columns = append(n.Columns, c.Name)
		if !t.IsKey(c.Name) {
			n.Values = append(n.Values, c.Name)
		}
	}
	return n
}
