//go:build cgo

package duckdb

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"text/template"

	duckdb "github.com/duckdb/duckdb-go/v2"

	"vitalsink/connector"
	"vitalsink/connector/duckdb/duckconn"
	"vitalsink/schemas"
)

// store is an open file.
type store struct {
	catalogue *schemas.Catalogue
	templates *template.Template
	db        *sql.DB
	database  string // name of the file's database within DuckDB

	appending sync.Mutex
	appends   *sql.Conn
	folding   sync.Mutex
	folds     *sql.Conn

	mu      sync.Mutex
	readers map[*sql.Conn]bool // that must not outlive the file's use
}

// create makes a file that does not exist, under another name until it is
// whole: a full disk or a crash leaves no torn file behind.
func create(ctx context.Context, cfg Config) error {
	path := cfg.Path
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
			return fmt.Errorf("create duckdb file %s: %w", path, causeOf(err))
		}
	}
	cfg.Path = unfinished
	s, err := open(ctx, cfg, false)
	if err == nil {
		err = s.close()
	}
	if _, statErr := os.Stat(unfinished + ".wal"); err == nil && statErr == nil {
		// What DuckDB cannot write into a file when it closes it, it leaves in
		// the journal, without a word.
		err = fmt.Errorf("create duckdb file %s: it could not be written in full; is the disk full?", path)
	}
	if err != nil {
		return errors.Join(err, os.RemoveAll(unfinished), os.RemoveAll(unfinished+".wal"))
	}
	if err := moveTo(unfinished, path); err != nil {
		return fmt.Errorf("create duckdb file %s: %w", path, causeOf(err))
	}
	// The new name is to survive a power cut, as what is committed to it will.
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("create duckdb file: %w", err)
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// moveTo renames a file, but not over one that another process has just made,
// where the file system can tell.
func moveTo(from, to string) error {
	switch err := os.Link(from, to); {
	case err == nil:
		return os.Remove(from)
	case errors.Is(err, fs.ErrExist):
		return errors.Join(err, os.Remove(from))
	}
	return os.Rename(from, to) // it has no links
}

func open(ctx context.Context, cfg Config, mustExist bool) (*store, error) {
	s := &store{catalogue: cfg.Catalogue}
	var err error
	if s.templates, err = newTemplates(); err != nil {
		return nil, fmt.Errorf("parse statements: %w", err)
	}
	memory := cmp.Or(cfg.Memory, defaultMemory)
	threads := min(runtime.GOMAXPROCS(0), max(1, int(memory/memoryPerThread)))
	// A row group that is full is written at once: to keep five of them, as
	// DuckDB does by default, takes memory that is not in the cache any more.
	// What a task has freed its allocator keeps, beyond the limit, until it is
	// more than 128 MiB by default: with little memory that is too much.
	flush := min(memory/16, 128<<20)
	settings := fmt.Sprintf("memory_limit=%dB&threads=%d&preserve_insertion_order=false&write_buffer_row_group_count=1&allocator_flush_threshold=%dB",
		memory, threads, flush)
	if s.db, err = openFile(ctx, cfg.Path, settings, mustExist); err != nil {
		return nil, err
	}
	if err := s.prepare(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open duckdb file %s: %w", cfg.Path, explain(err)), s.close())
	}
	return s, nil
}

// prepare makes the connections and the schema.
func (s *store) prepare(ctx context.Context) error {
	var path sql.NullString
	err := s.db.QueryRowContext(ctx, "SELECT database_name, path FROM duckdb_databases() WHERE database_name = current_database()").Scan(&s.database, &path)
	if err != nil {
		return err
	}
	if path.String == "" {
		// Of a file of JSON or CSV it makes a view in a database in memory.
		return errNotDuckDB
	}
	if s.appends, err = s.db.Conn(ctx); err != nil {
		return err
	}
	if s.folds, err = s.db.Conn(ctx); err != nil {
		return err
	}
	if err := s.createSchema(ctx); err != nil {
		return err
	}
	// Views of Arrow data hold addresses of this process. They live in a
	// database in memory, never in the file, where a crash would leave them.
	for _, q := range []string{"ATTACH ':memory:' AS vitalsink_incoming", "USE vitalsink_incoming"} {
		if _, err := s.appends.ExecContext(ctx, q); err != nil {
			return err
		}
	}
	return nil
}

// close writes what is in the journal into the file and gives it up.
func (s *store) close() error {
	var errs []error
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.readers {
		errs = append(errs, c.Close())
	}
	for _, c := range []*sql.Conn{s.appends, s.folds} {
		if c != nil {
			errs = append(errs, c.Close())
		}
	}
	return errors.Join(append(errs, s.db.Close())...)
}

// connect is a connection to read with, which close ends too.
func (s *store) connect(ctx context.Context) (*sql.Conn, error) {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.readers == nil {
		s.readers = map[*sql.Conn]bool{}
	}
	s.readers[conn] = true
	return conn, nil
}

func (s *store) disconnect(conn *sql.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.readers, conn)
	_ = conn.Close() // it goes back to where it came from, or is gone
}

// openFile opens a database with our settings.
func openFile(ctx context.Context, path, settings string, mustExist bool) (*sql.DB, error) {
	if err := checkPath(path, mustExist); err != nil {
		return nil, fmt.Errorf("open duckdb file: %w", err)
	}
	db, err := duckconn.Open(path, settings)
	if err != nil {
		return nil, fmt.Errorf("open duckdb file %s: %w", path, explain(err))
	}
	if err := db.PingContext(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open duckdb file %s: %w", path, explain(err)), db.Close())
	}
	return db, nil
}

// causeOf leaves out what the caller says in its own words.
func causeOf(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	var le *os.LinkError
	if errors.As(err, &le) {
		return le.Err
	}
	return err
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
	switch text := err.Error(); {
	case strings.Contains(text, "Could not set lock on file"):
		return ErrInUse
	case strings.Contains(text, "Cannot launch in-memory database in read-only mode"):
		return errNotDuckDB
	}
	return scrub(err)
}

// driverNoise is what database/sql puts before an error of opening a file.
const driverNoise = "database/sql/driver: could not connect to database: "

// scrub leaves the text out of a DuckDB error that could quote a value.
func scrub(err error) error {
	if text := err.Error(); strings.HasPrefix(text, driverNoise) {
		return errors.New(strings.TrimPrefix(text, driverNoise))
	}
	var de *duckdb.Error
	if !errors.As(err, &de) {
		return err
	}
	switch de.Type {
	case duckdb.ErrorTypeIO, duckdb.ErrorTypeOutOfMemory, duckdb.ErrorTypeFatal, duckdb.ErrorTypeInternal,
		duckdb.ErrorTypeTransaction, duckdb.ErrorTypeInterrupt, duckdb.ErrorTypeConnection, duckdb.ErrorTypePermission,
		duckdb.ErrorTypeSettings, duckdb.ErrorTypeInvalidConfiguration, duckdb.ErrorTypeCatalog,
		duckdb.ErrorTypeParser, duckdb.ErrorTypeSyntax, duckdb.ErrorTypeDependency:
		// About the file, the machine or our statements, in which values are
		// parameters. Binding one that is a constant works it out, and may quote
		// it.
		return err
	case duckdb.ErrorTypeConversion, duckdb.ErrorTypeInvalidInput, duckdb.ErrorTypeOutOfRange,
		duckdb.ErrorTypeConstraint, duckdb.ErrorTypeMismatchType, duckdb.ErrorTypeInvalidType, duckdb.ErrorTypeObjectSize:
		return fmt.Errorf("%w: duckdb does not take a value (error type %d; the text could quote it)", connector.ErrRefused, de.Type)
	}
	return fmt.Errorf("duckdb failed (error type %d; the text could quote a value)", de.Type)
}
