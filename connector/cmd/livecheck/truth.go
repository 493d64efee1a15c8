package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"vitalsink/schemas"
)

// content is what a table holds, whatever its order: how many rows, and the sum
// of two numbers made of each.
type content struct{ rows, a, b int64 }

// hashDigits of a hash make one number: two to the power of 23 rows add up
// without an overflow, and two of them are 80 bits.
const hashDigits = 10

func (c *content) add(row string) error {
	sum := sha256.Sum256([]byte(row))
	digits := hex.EncodeToString(sum[:])
	a, err := strconv.ParseInt(digits[:hashDigits], 16, 64)
	if err != nil {
		return err
	}
	b, err := strconv.ParseInt(digits[hashDigits:2*hashDigits], 16, 64)
	c.rows, c.a, c.b = c.rows+1, c.a+a, c.b+b
	return err
}

// compare wants the tables to hold what the generator says they must. It is
// worked out apart from vitalsink's decoder and folds, and in another language
// than that of the query that it is compared with.
func (l *load) compare(ctx context.Context, _ *trial) (saw seen, err error) {
	if !l.done {
		return saw, hidden{"there was no load, or it did not come to its end"}
	}
	want, err := l.truth(ctx)
	if err != nil {
		return saw, err
	}
	var wrong []string
	var rows int64
	for _, table := range l.catalogue.Versioned() {
		have, twice, err := l.holds(ctx, table)
		if err != nil {
			return saw, err
		}
		expected := content{}
		if w := want[table.Name]; w != nil {
			expected = *w
		}
		rows += have.rows
		switch {
		case twice > 0:
			wrong = append(wrong, fmt.Sprintf("%s has %d keys more than once", table.Name, twice))
		case have.rows != expected.rows:
			wrong = append(wrong, fmt.Sprintf("%s has %d rows, not %d", table.Name, have.rows, expected.rows))
		case have != expected:
			wrong = append(wrong, table.Name+" has other values in as many rows")
		}
	}
	saw.set("rows", rows)
	if len(wrong) > 0 {
		return saw, different{saw: strings.Join(wrong, "; ")}
	}
	saw.say("%s rows of %d tables are what the generator says, no key is there twice (compared by number of rows and sums of hashes; of lists and JSON, only whether there is any)",
		comma(int(rows)), len(l.catalogue.Versioned()))
	return saw, nil
}

// truth is the content that each table must have.
func (l *load) truth(ctx context.Context) (map[string]*content, error) {
	in, out := io.Pipe()
	all := map[string]*content{}
	var g errgroup.Group
	g.Go(func() error {
		err := population(l.options.Samples).WriteTruth(ctx, l.catalogue, out)
		return errors.Join(err, out.CloseWithError(err))
	})
	g.Go(func() error {
		err := readTruth(l.catalogue, in, all)
		return errors.Join(err, in.CloseWithError(err)) // or the writer would wait
	})
	return all, g.Wait()
}

func readTruth(catalogue *schemas.Catalogue, in io.Reader, all map[string]*content) error {
	d := json.NewDecoder(in)
	d.UseNumber()
	for {
		var line struct {
			Table string         `json:"table"`
			Row   map[string]any `json:"row"`
		}
		if err := d.Decode(&line); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return errors.New("a row of the truth cannot be read")
		}
		c := all[line.Table]
		if c == nil {
			c = &content{}
			all[line.Table] = c
		}
		text, err := rowText(catalogue.Table(line.Table), line.Row)
		if err != nil {
			return err
		}
		if err := c.add(text); err != nil {
			return err
		}
	}
}

// compared are the columns that the truth knows.
func compared(t *schemas.Table) []schemas.Column {
	if t.Name != schemas.QuarantineTable {
		return t.Columns
	}
	return slices.DeleteFunc(slices.Clone(t.Columns), func(c schemas.Column) bool {
		return !slices.Contains([]string{"message_id", "_index", "part", "reason"}, c.Name)
	})
}

// whole tells whether only it matters if a column has a value.
func whole(c schemas.Column) bool { return c.Type == schemas.JSON || c.Repeated }

// precision is what a FLOAT64 is compared in: the two sides write it in
// different ways.
const precision = 1000

// rowText is a row of the truth as rowSQL writes it.
func rowText(t *schemas.Table, row map[string]any) (string, error) {
	var b strings.Builder
	for _, c := range compared(t) {
		v, has := row[c.Name]
		if c.Repeated {
			list, _ := v.([]any)
			has = len(list) > 0
		}
		if !has || v == nil {
			b.WriteString("-|")
			continue
		}
		text := ""
		if !whole(c) {
			var err error
			if text, has, err = valueText(c, v); err != nil {
				return "", fmt.Errorf("the truth about %s.%s: %w", t.Name, c.Name, err)
			}
		}
		if !has {
			b.WriteString("-|")
			continue
		}
		b.WriteString("=" + text + "|")
	}
	return b.String(), nil
}

// valueText is a value of the truth; has is false if it comes out as NULL.
func valueText(c schemas.Column, v any) (text string, has bool, err error) {
	switch c.Type {
	case schemas.Timestamp:
		at, err := time.Parse(time.RFC3339Nano, fmt.Sprint(v))
		if err != nil {
			return "", false, errors.New("it is no time")
		}
		return strconv.FormatInt(at.UnixMicro(), 10), true, nil
	case schemas.Float64:
		f, err := strconv.ParseFloat(fmt.Sprint(v), 64)
		if err != nil {
			return "", false, errors.New("it is no number")
		}
		f = math.Round(f * precision)
		if math.Abs(f) >= 1<<63 {
			return "", false, nil
		}
		return strconv.FormatInt(int64(f), 10), true, nil
	}
	return fmt.Sprint(v), true, nil // BYTES are in hex
}

// rowSQL is an expression for a row, as a text.
func rowSQL(t *schemas.Table) string {
	var parts []string
	for _, c := range compared(t) {
		name := "T.`" + c.Name + "`"
		var text string
		switch {
		case c.Repeated:
			parts = append(parts, "IF(ARRAY_LENGTH("+name+") > 0, '=|', '-|')")
			continue
		case whole(c):
			parts = append(parts, "IF("+name+" IS NULL, '-|', '=|')")
			continue
		case c.Type == schemas.String:
			text = name
		case c.Type == schemas.Bytes:
			text = "TO_HEX(" + name + ")"
		case c.Type == schemas.Timestamp:
			text = "CAST(UNIX_MICROS(" + name + ") AS STRING)"
		case c.Type == schemas.Float64:
			text = fmt.Sprintf("CAST(SAFE_CAST(ROUND(%s * %d) AS INT64) AS STRING)", name, precision)
		default:
			text = "CAST(" + name + " AS STRING)"
		}
		parts = append(parts, "IFNULL(CONCAT('=', "+text+", '|'), '-|')")
	}
	return "CONCAT(" + strings.Join(parts, ", ") + ")"
}

// holds is the content of a table, without what the checks put there, and how
// many keys it has more than once.
func (l *load) holds(ctx context.Context, t *schemas.Table) (c content, twice int64, err error) {
	where := "TRUE"
	if t.Name == schemas.TimeseriesTable {
		where = "NOT STARTS_WITH(T.user_id, '" + person + "')"
	}
	n, err := l.row(ctx, fmt.Sprintf("SELECT COUNT(*) AS n, IFNULL(SUM(CAST(CONCAT('0x', SUBSTR(h, 1, %d)) AS INT64)), 0) AS a, IFNULL(SUM(CAST(CONCAT('0x', SUBSTR(h, %d, %d)) AS INT64)), 0) AS b "+
		"FROM (SELECT TO_HEX(SHA256(%s)) AS h FROM %s AS T WHERE %s)",
		hashDigits, hashDigits+1, hashDigits, rowSQL(t), l.table(t.Name), where), 3)
	if err != nil {
		return c, 0, fmt.Errorf("read %s: %w", t.Name, err)
	}
	twice, err = l.number(ctx, fmt.Sprintf("SELECT COUNT(*) AS n FROM (SELECT 1 AS one FROM %s AS T GROUP BY %s HAVING COUNT(*) > 1)",
		l.table(t.Name), names(t.Key)))
	return content{n[0], n[1], n[2]}, twice, err
}
