package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/rogpeppe/go-internal/testscript"

	"vitalsink/connector/duckdb"
	"vitalsink/schemas"
)

// tables writes every latest table with all its columns, so that two
// warehouses can be compared: tables WAREHOUSE-FILE OUT
func tables(ts *testscript.TestScript, _ bool, args []string) {
	want(ts, args, 2, "tables WAREHOUSE-FILE OUT")
	text, err := latestTables(ts.MkAbs(args[0]))
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(text), 0o600))
}

// latestTables are the rows of all versioned tables as "query --format json"
// prints them, in an order of their own.
func latestTables(path string) (string, error) {
	catalogue, err := schemas.Load()
	if err != nil {
		return "", err
	}
	reader, err := duckdb.OpenReadOnly(context.Background(), path)
	if err != nil {
		return "", err
	}
	defer reader.Close()
	var all strings.Builder
	for _, t := range catalogue.Versioned() {
		var rows strings.Builder
		if err := runQuery(context.Background(), reader, "SELECT * FROM store."+t.Name, "json", &rows); err != nil {
			return "", err
		}
		lines := slices.Sorted(strings.Lines(rows.String()))
		fmt.Fprintf(&all, "%s: %d rows\n%s", t.Name, len(lines), strings.Join(lines, ""))
	}
	return all.String(), nil
}

// mustTables is latestTables in a test.
func mustTables(t *testing.T, path string) string {
	t.Helper()
	text, err := latestTables(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// original compares a quarantined message's bytes with those of a file. ID is
// the message's, or sha256 for a bare line, whose id is that of its bytes:
//
//	original WAREHOUSE-FILE ID FILE
func original(ts *testscript.TestScript, _ bool, args []string) {
	want(ts, args, 3, "original WAREHOUSE-FILE ID FILE")
	line := bytes.TrimSpace([]byte(ts.ReadFile(args[2])))
	id := args[1]
	if id == "sha256" {
		sum := sha256.Sum256(line)
		id = hex.EncodeToString(sum[:])
	}
	reader, err := duckdb.OpenReadOnly(context.Background(), ts.MkAbs(args[0]))
	ts.Check(err)
	defer reader.Close()
	var stored parts
	ts.Check(reader.Query(context.Background(), fmt.Sprintf(
		"SELECT payload FROM store.quarantine WHERE message_id = '%s' AND _index = -1 ORDER BY part", id), &stored))
	zr, err := gzip.NewReader(bytes.NewReader(bytes.Join(stored, nil)))
	ts.Check(err)
	got, err := io.ReadAll(zr)
	ts.Check(err)
	if !bytes.Equal(got, line) {
		ts.Fatalf("quarantine holds %d bytes of %s, and they are not the %d of %s", len(got), id, len(line), args[2])
	}
	ts.Logf("%d bytes in %d parts", len(got), len(stored))
}

// parts collects a column of bytes.
type parts [][]byte

func (p *parts) Columns(_, _ []string) error { return nil }

func (p *parts) Row(values []any) error {
	*p = append(*p, bytes.Clone(values[0].([]byte)))
	return nil
}
