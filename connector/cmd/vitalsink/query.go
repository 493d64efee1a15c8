package main

import (
	"context"
	"encoding/base64"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"vitalsink/connector/duckdb"
)

type queryCommand struct {
	warehouseFlag
	SQL    string `arg:"" name:"sql" help:"The statement."`
	Format string `enum:"table,csv,json" default:"table" help:"table, csv, or json (one object a line). Default ${default}."`
}

func (c *queryCommand) Help() string {
	return `The views that people query are in the schema main, the tables behind them in
the schema store. Times are UTC.

  vitalsink query "SHOW TABLES"
  vitalsink query "SELECT date_trunc('day', timestamp) AS day, avg(value) FROM heartrate GROUP BY 1"`
}

func (c *queryCommand) Run(ctx context.Context, std streams) (err error) {
	path, err := c.file()
	if err != nil {
		return err
	}
	reader, err := duckdb.OpenReadOnly(ctx, path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, reader.Close()) }()
	return runQuery(ctx, reader, c.SQL, c.Format, std.out)
}

// queryable is what a statement can be run on.
type queryable interface {
	Query(ctx context.Context, statement string, out duckdb.RowWriter) error
}

func runQuery(ctx context.Context, db queryable, statement, format string, out io.Writer) error {
	switch format {
	case "json":
		return db.Query(ctx, statement, &jsonWriter{out: out})
	case "csv":
		w := csv.NewWriter(out)
		err := db.Query(ctx, statement, &csvWriter{Writer: w})
		w.Flush()
		return errors.Join(err, w.Error())
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	err := db.Query(ctx, statement, &tableWriter{Writer: w})
	return errors.Join(err, w.Flush())
}

// jsonWriter writes one object a line, the fields in the order of columns.
type jsonWriter struct {
	out   io.Writer
	names []string
	types []string
}

func (w *jsonWriter) Columns(names, types []string) error {
	w.names, w.types = names, types
	return nil
}

func (w *jsonWriter) Row(values []any) error {
	line := []byte{'{'}
	for i, v := range values {
		if i > 0 {
			line = append(line, ',')
		}
		name, err := json.Marshal(w.names[i])
		if err != nil {
			return fmt.Errorf("print column %d: %w", i, err)
		}
		value, err := marshal(plain(v, w.types[i]))
		if err != nil {
			return fmt.Errorf("print column %s: %w", w.names[i], err)
		}
		line = append(append(append(line, name...), ':'), value...)
	}
	_, err := w.out.Write(append(line, '}', '\n'))
	return err
}

// marshal is json.Marshal without its escapes for web pages.
func marshal(v any) ([]byte, error) {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return []byte(strings.TrimSuffix(b.String(), "\n")), err
}

type csvWriter struct {
	*csv.Writer
	types []string
}

func (w *csvWriter) Columns(names, types []string) error {
	w.types = types
	return w.Write(names)
}

func (w *csvWriter) Row(values []any) error { return w.Write(texts(values, w.types)) }

type tableWriter struct {
	*tabwriter.Writer
	types []string
}

func (w *tableWriter) Columns(names, types []string) error {
	w.types = types
	return w.line(names)
}

func (w *tableWriter) Row(values []any) error {
	cells := texts(values, w.types)
	for i, v := range values {
		if v == nil {
			cells[i] = "NULL"
		}
	}
	return w.line(cells)
}

func (w *tableWriter) line(cells []string) error {
	for i := range cells {
		// A terminal would obey control characters.
		cells[i] = strings.Map(func(r rune) rune {
			if unicode.IsControl(r) {
				return ' '
			}
			return r
		}, cells[i])
	}
	_, err := fmt.Fprintln(w.Writer, strings.Join(cells, "\t"))
	return err
}

func texts(values []any, types []string) []string {
	cells := make([]string, len(values))
	for i, v := range values {
		cells[i] = text(v, types[i])
	}
	return cells
}

// text is a value as people read it; NULL is empty.
func text(v any, databaseType string) string {
	switch v := plain(v, databaseType).(type) {
	case nil:
		return ""
	case string:
		return v
	case json.RawMessage:
		return string(v)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	default:
		return fmt.Sprint(v)
	}
}

// plain makes a value of the database one that prints: times in ISO 8601,
// bytes in base64, and no number that JSON does not know.
func plain(v any, databaseType string) any {
	switch v := v.(type) {
	case string:
		if databaseType == duckdb.TypeJSON || databaseType == duckdb.TypeNumber {
			return json.RawMessage(v)
		}
	case float32:
		return plain(float64(v), databaseType)
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Sprint(v)
		}
	case time.Time:
		if databaseType == "DATE" {
			return v.Format(time.DateOnly)
		}
		return v.UTC().Format("2006-01-02T15:04:05.999999Z")
	case []byte:
		return base64.StdEncoding.EncodeToString(v)
	}
	return v
}
