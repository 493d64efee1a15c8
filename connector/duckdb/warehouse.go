//go:build cgo

package duckdb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"text/template"

	duckdb "github.com/duckdb/duckdb-go/v2"

	"vitalsink/connector"
	"vitalsink/schemas"
)

// memoryLimit bounds what DuckDB itself takes; beyond it, it spills to a
// folder beside the file.
const memoryLimit = "2GiB"

// ErrInUse says that another process has the file.
var ErrInUse = errors.New("another process has the file open; one process per file")

// Warehouse is a DuckDB file. Close it.
type Warehouse struct {
	catalogue *schemas.Catalogue
	templates *template.Template
	db        *sql.DB
	database  string // name of the file's database within DuckDB

	appending sync.Mutex
	appends   *sql.Conn
	folding   sync.Mutex
	folds     *sql.Conn
}

var _ connector.Warehouse = (*Warehouse)(nil)

// Open opens the file, creating it and whatever the catalogue has and the
// file has not. The error is ErrInUse if another process has it.
func Open(ctx context.Context, path string, c *schemas.Catalogue) (*Warehouse, error) {
	if err := create(ctx, path, c); err != nil {
		return nil, err
	}
	return open(ctx, path, c)
}

// create makes a file that does not exist, under another name until it is
// whole: a full disk or a crash leaves no torn file behind.
func create(ctx context.Context, path string, c *schemas.Catalogue) error {
	if _, err := os.Stat(path); path == "" || !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err := checkPath(path, false); err != nil {
		return fmt.Errorf("open duckdb file: %w", err)
	}
	if _, err := os.Stat(path + ".wal"); err == nil {
		// DuckDB would play it into the new file.
		return fmt.Errorf("create duckdb file %s: there is a journal %s.wal of a file that is gone; restore the file, or remove the journal", path, path)
	}
	unfinished := path + ".new"
	for _, leftover := range []string{unfinished, unfinished + ".wal"} {
		if err := os.Remove(leftover); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("create duckdb file %s: %w", path, err)
		}
	}
	w, err := open(ctx, unfinished, c)
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return errors.Join(err, os.RemoveAll(unfinished), os.RemoveAll(unfinished+".wal"))
	}
	if err := os.Rename(unfinished, path); err != nil {
		return fmt.Errorf("create duckdb file: %w", err)
	}
	// The new name is to survive a power cut, as what is committed to it will.
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("create duckdb file: %w", err)
	}
	return errors.Join(dir.Sync(), dir.Close())
}

func open(ctx context.Context, path string, c *schemas.Catalogue) (*Warehouse, error) {
	w := &Warehouse{catalogue: c}
	var err error
	if w.templates, err = newTemplates(); err != nil {
		return nil, fmt.Errorf("parse statements: %w", err)
	}
	if w.db, err = openFile(ctx, path, false); err != nil {
		return nil, err
	}
	if err := w.prepare(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open duckdb file %s: %w", path, explain(err)), w.Close())
	}
	return w, nil
}

// prepare makes the connections and the schema.
func (w *Warehouse) prepare(ctx context.Context) error {
	if err := w.db.QueryRowContext(ctx, "SELECT current_database()").Scan(&w.database); err != nil {
		return err
	}
	var err error
	if w.appends, err = w.db.Conn(ctx); err != nil {
		return err
	}
	if w.folds, err = w.db.Conn(ctx); err != nil {
		return err
	}
	if err := w.createSchema(ctx); err != nil {
		return err
	}
	// Views of Arrow data hold addresses of this process. They live in a
	// database in memory, never in the file, where a crash would leave them.
	for _, q := range []string{"ATTACH ':memory:' AS vitalsink_incoming", "USE vitalsink_incoming"} {
		if _, err := w.appends.ExecContext(ctx, q); err != nil {
			return err
		}
	}
	return nil
}

// Close writes what is in the journal into the file and gives it up.
func (w *Warehouse) Close() error {
	var errs []error
	for _, c := range []*sql.Conn{w.appends, w.folds} {
		if c != nil {
			errs = append(errs, c.Close())
		}
	}
	return errors.Join(append(errs, w.db.Close())...)
}

// openFile opens a database with our settings.
func openFile(ctx context.Context, path string, readOnly bool) (*sql.DB, error) {
	if err := checkPath(path, readOnly); err != nil {
		return nil, fmt.Errorf("open duckdb file: %w", err)
	}
	settings := "?memory_limit=" + memoryLimit
	if readOnly {
		settings += "&access_mode=read_only"
	} else {
		settings += "&preserve_insertion_order=false" // of rows that are merged anyway
	}
	dc, err := duckdb.NewConnector(path+settings, func(conn driver.ExecerContext) error {
		// TIMESTAMP is an instant; show and cut it in UTC everywhere.
		_, err := conn.ExecContext(context.Background(), "SET TimeZone = 'UTC'", nil)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("open duckdb file %s: %w", path, explain(err))
	}
	db := sql.OpenDB(dc)
	if err := db.PingContext(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open duckdb file %s: %w", path, explain(err)), db.Close())
	}
	return db, nil
}

// checkPath finds what is wrong with the path before DuckDB does, in words
// that help.
func checkPath(path string, mustExist bool) error {
	switch info, err := os.Stat(path); {
	case path == "":
		return errors.New("the path is empty; write duckdb://FILE")
	case strings.ContainsRune(path, '?'):
		return fmt.Errorf("%s: a path cannot hold a question mark", path)
	case err == nil && info.IsDir():
		return fmt.Errorf("%s is a directory; name a file in it", path)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	case err != nil && mustExist:
		return fmt.Errorf("%s does not exist; load something into it first", path)
	}
	dir := filepath.Dir(path)
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return fmt.Errorf("%s: there is no directory %s", path, dir)
	}
	return nil
}

// explain puts known faults of DuckDB into a line.
func explain(err error) error {
	if err == nil {
		return nil
	}
	if strings.Contains(err.Error(), "Could not set lock on file") {
		return ErrInUse
	}
	return scrub(err)
}

// driverNoise is what database/sql puts before an error of opening a file.
const driverNoise = "database/sql/driver: could not connect to database: "

// scrub keeps the kind of a DuckDB error and the first part of its text:
// errors about values quote them.
func scrub(err error) error {
	if text := err.Error(); strings.HasPrefix(text, driverNoise) {
		return errors.New(strings.TrimPrefix(text, driverNoise))
	}
	var de *duckdb.Error
	if !errors.As(err, &de) {
		return err
	}
	switch de.Type {
	case duckdb.ErrorTypeConversion, duckdb.ErrorTypeInvalidInput, duckdb.ErrorTypeOutOfRange,
		duckdb.ErrorTypeConstraint, duckdb.ErrorTypeMismatchType, duckdb.ErrorTypeInvalidType:
		return fmt.Errorf("duckdb refused a value (error type %d; the text could quote it)", de.Type)
	}
	return err
}
