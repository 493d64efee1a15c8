//go:build cgo

package duckdb

import (
	"embed"
	"fmt"
	"strings"
	"text/template"

	"vitalsink/schemas"
)

//go:embed sql/*.sql
var sqlFiles embed.FS

// newTemplates parses the statements. They quote every identifier.
func newTemplates() (*template.Template, error) {
	return template.New("").Funcs(template.FuncMap{
		"ident":   ident,
		"idents":  idents,
		"literal": literal,
		"type":    columnType,
		"fence":   fenceOf,
		"on":      onKey,
	}).ParseFS(sqlFiles, "sql/*.sql")
}

// ident quotes an identifier.
func ident(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

func idents(names []string) string {
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = ident(n)
	}
	return strings.Join(quoted, ", ")
}

// literal quotes a name of the catalogue as a text.
func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// onKey joins T and S by the key, whose columns are never NULL.
func onKey(key []string) string {
	terms := make([]string, len(key))
	for i, k := range key {
		terms[i] = fmt.Sprintf("T.%s = S.%s", ident(k), ident(k))
	}
	return strings.Join(terms, " AND ")
}

// columnType is the DuckDB type of a column.
func columnType(c schemas.Column) (string, error) {
	names := map[schemas.Type]string{
		schemas.String: "VARCHAR", schemas.Bytes: "BLOB", schemas.Int64: "BIGINT", schemas.Float64: "DOUBLE",
		schemas.Bool: "BOOLEAN", schemas.Timestamp: "TIMESTAMPTZ", schemas.Date: "DATE", schemas.JSON: "JSON",
	}
	name, ok := names[c.Type]
	if !ok {
		return "", fmt.Errorf("type %s has no DuckDB type", c.Type)
	}
	if c.Repeated {
		name += "[]"
	}
	return name, nil
}

func logOf(table string) string   { return table + "_log" }
func fenceOf(table string) string { return table + "_fence" }

// mergeNames is what the statements of a merge are made of.
type mergeNames struct {
	Table, Log string
	Key        []string
	Columns    []string
	Values     []string // columns that are not part of the key
	Sticky     string   // "" if none
	Erased     bool     // somebody in the batches is
}

func namesOf(t *schemas.Table) mergeNames {
	n := mergeNames{Table: t.Name, Log: logOf(t.Name), Key: t.Key, Sticky: t.StickyColumn()}
	for _, c := range t.Columns {
		n.Columns = append(n.Columns, c.Name)
		if !t.IsKey(c.Name) {
			n.Values = append(n.Values, c.Name)
		}
	}
	return n
}

// appendStatement copies what is incoming to the log of a table.
func (s *store) appendStatement(t *schemas.Table) (string, error) {
	return s.render("append.sql", struct {
		Database, Log, Incoming string
		Columns                 []string
	}{s.database, logOf(t.Name), incoming, namesOf(t).Columns})
}

// insertStatement writes rows of an append-only table.
func (s *store) insertStatement(t *schemas.Table, rows int) (string, error) {
	return s.render("insert_row.sql", struct {
		Database string
		Table    *schemas.Table
		Rows     int
	}{s.database, t, rows})
}

func (s *store) viewStatement(v schemas.View) (string, error) {
	return s.render("create_view.sql", struct {
		schemas.View
		Versioned bool
	}{v, v.Table.Kind == schemas.Versioned})
}

// versionedNames are the tables that fences.sql and table_rows.sql look at.
func versionedNames(c *schemas.Catalogue) (names struct{ Tables []string }) {
	for _, t := range c.Versioned() {
		names.Tables = append(names.Tables, t.Name)
	}
	return names
}

// render fills in the statement of a file.
func (s *store) render(file string, names any) (string, error) {
	var b strings.Builder
	if err := s.templates.ExecuteTemplate(&b, file, names); err != nil {
		return "", fmt.Errorf("render %s: %w", file, err)
	}
	return b.String(), nil
}
