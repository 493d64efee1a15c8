//go:build cgo

package duckdb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// compacted is the name of the new file's database while it is made.
const compacted = "vitalsink_compacted"

// compactOf is the name of the file that is to take the place of another.
func compactOf(path string) string { return path + ".compact" }

// Compact makes the file anew of what is in it, and nothing else: what was
// deleted stays in free blocks of a file, and DuckDB neither clears them nor gives
// all of them back. Everybody waits. The new file is made beside the old one,
// checked, and renamed over it: if that fails, or the process dies, the old one
// is there as it was, or the new one is. It takes as much room again as the file.
func (w *Warehouse) Compact(ctx context.Context) error {
	s, err := w.acquire(ctx)
	if err != nil {
		return err
	}
	w.mu.RUnlock()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.open != s {
		return errReopened
	}
	if path, linkErr := filepath.EvalSymlinks(w.config.Path); linkErr == nil {
		err = s.compact(ctx, path, w.config.Path+".wal")
	} else {
		err = linkErr
	}
	// Whichever file has the name now is opened, and what is left beside it goes.
	// Until here the lock of the old one has kept other processes from both.
	w.open = nil
	if closeErr := s.close(); err == nil {
		err = closeErr
	}
	if err != nil {
		err = fmt.Errorf("compact duckdb file %s: %w", w.config.Path, explainRoom(err))
	}
	again, openErr := openClean(context.WithoutCancel(ctx), w.config)
	if openErr != nil {
		return errors.Join(err, fmt.Errorf("open the file anew: %w", openErr))
	}
	w.open = again
	return err
}

// openClean opens a file and removes what processes that died left beside it.
func openClean(ctx context.Context, cfg Config) (*store, error) {
	s, err := open(ctx, cfg, true)
	if err != nil {
		return nil, err
	}
	path, err := filepath.EvalSymlinks(cfg.Path)
	if err == nil {
		err = errors.Join(removeCompact(path), removeSpilled(cfg.Path))
	}
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// explainRoom says what to do about a full disk.
func explainRoom(err error) error {
	if strings.Contains(err.Error(), "No space left on device") {
		return fmt.Errorf("there is no room for as much again, and the bytes are still in the file; free some, and run it once more: %w", explain(err))
	}
	return explain(err)
}

// compact puts a new file in the place of the one that is open, and has a
// journal. Nobody else uses that.
func (s *store) compact(ctx context.Context, path, journal string) error {
	if err := removeCompact(path); err != nil {
		return err
	}
	// From here on nothing is in the journal: it must not be played into the new
	// file.
	if _, err := s.folds.ExecContext(ctx, "CHECKPOINT"); err != nil {
		return err
	}
	if err := s.copyTo(ctx, path, compactOf(path)); err != nil {
		return err
	}
	for _, name := range []string{compactOf(path) + ".wal", journal} {
		if info, err := os.Stat(name); err == nil && info.Size() > 0 {
			return fmt.Errorf("%s is not empty: the file could not be written in full", filepath.Base(name))
		} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if err := syncPath(compactOf(path)); err != nil {
		return err
	}
	if err := os.Rename(compactOf(path), path); err != nil {
		return err
	}
	return syncPath(filepath.Dir(path)) // the new name is to survive a power cut
}

// copyTo copies all there is in the file, from, into a new one, to. After an
// error the transaction may be there still, and the file: the store is to be
// closed.
func (s *store) copyTo(ctx context.Context, from, to string) error {
	if _, err := s.folds.ExecContext(ctx, "ATTACH "+literal(to)+" AS "+compacted); err != nil {
		return err
	}
	// Who may read the old file may read the new one, and nobody else.
	if err := likeFile(from, to); err != nil {
		return err
	}
	if _, err := s.folds.ExecContext(ctx, fmt.Sprintf("COPY FROM DATABASE %s TO %s", ident(s.database), compacted)); err != nil {
		return fmt.Errorf("copy: %w", err)
	}
	if err := s.compareWith(ctx, compacted); err != nil {
		return err
	}
	for _, q := range []string{"CHECKPOINT " + compacted, "DETACH " + compacted} {
		if _, err := s.folds.ExecContext(ctx, q); err != nil {
			return err
		}
	}
	return nil
}

// likeFile gives a file the owner and the permissions of another.
func likeFile(from, to string) error {
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	if of, ok := info.Sys().(*syscall.Stat_t); ok {
		if err := os.Chown(to, int(of.Uid), int(of.Gid)); err != nil {
			return fmt.Errorf("the new file has to belong to whom the old one does: %w", err)
		}
	}
	return os.Chmod(to, info.Mode().Perm())
}

// compareWith wants all tables, views and rows in a copy.
func (s *store) compareWith(ctx context.Context, copied string) error {
	stmt, err := s.render("differences.sql", nil)
	if err != nil {
		return err
	}
	var differences int
	if err := s.folds.QueryRowContext(ctx, stmt, s.database, copied).Scan(&differences); err != nil {
		return fmt.Errorf("differences.sql: %w", err)
	}
	if differences > 0 {
		return fmt.Errorf("the copy differs in %d columns of tables or views", differences)
	}
	tables, err := s.tables(ctx)
	if err != nil {
		return err
	}
	for _, table := range tables {
		var have, want int64
		q := fmt.Sprintf("SELECT (SELECT count(*) FROM %s.%s), (SELECT count(*) FROM %s.%s)", ident(s.database), table, ident(copied), table)
		if err := s.folds.QueryRowContext(ctx, q).Scan(&want, &have); err != nil {
			return fmt.Errorf("count rows: %w", err)
		}
		if have != want {
			return fmt.Errorf("the copy of %s has %d rows of %d", table, have, want)
		}
	}
	return nil
}

// tables are the names of all tables of the file, quoted, whoever made them.
func (s *store) tables(ctx context.Context) (names []string, err error) {
	rows, err := s.folds.QueryContext(ctx, "SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = ? AND NOT internal", s.database)
	if err != nil {
		return nil, fmt.Errorf("read tables: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var schema, table sql.NullString
		if err := rows.Scan(&schema, &table); err != nil {
			return nil, fmt.Errorf("read tables: %w", err)
		}
		names = append(names, ident(schema.String)+"."+ident(table.String))
	}
	return names, rows.Err()
}

// removeCompact removes what a compaction left that did not come to its end.
// Whoever calls it has the file open, so that no other process is at it.
func removeCompact(path string) error {
	for _, leftover := range []string{compactOf(path), compactOf(path) + ".wal"} {
		if err := os.Remove(leftover); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove what a compaction left: %w", err)
		}
	}
	return nil
}

// removeSpilled removes what a process that died had put aside for want of
// memory. Whoever calls it has the file open, and has put nothing aside yet.
func removeSpilled(path string) error {
	dir := path + ".tmp" // DuckDB's own choice
	files, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	removed := false
	for _, f := range files {
		if strings.HasPrefix(f.Name(), "duckdb_temp_") {
			err, removed = errors.Join(err, os.Remove(filepath.Join(dir, f.Name()))), true
		}
	}
	if err != nil {
		return fmt.Errorf("remove what a process had put aside: %w", err)
	}
	if removed {
		_ = os.Remove(dir) // unless somebody has something else in it
	}
	return nil
}

// syncPath makes a file or directory durable.
func syncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
