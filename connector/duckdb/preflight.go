//go:build cgo

package duckdb

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/dustin/go-humanize"

	"vitalsink/connector"
)

const (
	// ampleSpace is what DuckDB may spill beside the file, and a journal take.
	ampleSpace = 512 << 20
	// leastSpace is without which the next commit may fail.
	leastSpace = 64 << 20
)

// Inspect looks at a file and its folder as one who is to read it, or to write
// to it as well. It makes no file, and needs the file for itself for a moment.
func Inspect(ctx context.Context, cfg Config, writes bool) connector.Checks {
	found := connector.Checks{}
	const name, flag = "duckdb file", "--warehouse"
	value := "duckdb://" + cfg.Path
	err := checkPath(cfg.Path, false)
	if err != nil {
		remedy := "name a file in a folder that is there: mkdir -p " + filepath.Dir(cfg.Path)
		if about, statErr := os.Stat(cfg.Path); statErr == nil && about.IsDir() {
			remedy = "name a file in it: --warehouse duckdb://" + filepath.Join(cfg.Path, "vitalsink.duckdb")
		}
		found.Found(connector.Failed, name, flag, value, err.Error(), remedy)
		return found
	}
	if writes {
		inspectFolder(&found, cfg.Path)
	} else {
		inspectSpace(&found, filepath.Dir(cfg.Path), connector.Warning)
	}
	if _, err := os.Stat(cfg.Path); errors.Is(err, fs.ErrNotExist) {
		inspectAbsent(&found, cfg.Path, writes)
		return found
	}
	r, err := OpenReadOnly(ctx, cfg.Path)
	switch {
	case errors.Is(err, ErrInUse):
		found.Found(connector.Unseen, name, flag, value, "another process has the file open, and there can be one per file", "stop that process, a run, load or webhook, and check again: fuser "+cfg.Path)
		return found
	case err != nil:
		found.Found(connector.Failed, name, flag, value, err.Error(), "if vitalsink made it, it is damaged: keep it, restore a copy, and load again what has come since; else name another file")
		return found
	}
	defer func() { _ = r.Close() }() // only read
	theirs, err := r.catalogueVersion(ctx)
	switch {
	case err != nil:
		found.Found(connector.Failed, name, flag, value, err.Error(), "restore the file")
	case theirs == 0:
		found.Found(connector.Failed, name, flag, value, errNoTables.Error(), "name a file that vitalsink made, or one that is not there yet")
	case theirs > cfg.Catalogue.Version:
		found.Found(connector.Warning, name, "catalogue", fmt.Sprint(theirs), fmt.Sprintf("a newer vitalsink made the file; this one has catalogue %d, and leaves batches of the newer one pending", cfg.Catalogue.Version), "run the newer vitalsink")
	}
	found.Well(name, fmt.Sprintf("%s, catalogue %d", cfg.Path, theirs))
	return found
}

// inspectAbsent judges that there is no file.
func inspectAbsent(found *connector.Checks, path string, writes bool) {
	const name, flag = "duckdb file", "--warehouse"
	_, err := os.Stat(path + ".wal")
	switch {
	case err == nil:
		found.Found(connector.Failed, name, flag, "duckdb://"+path, "there is a journal of a file that is gone", "restore the file, or remove the journal: rm "+path+".wal")
	case !writes:
		found.Found(connector.Unseen, name, flag, "duckdb://"+path, path+" does not exist", "load something into it first: vitalsink load FILE --warehouse duckdb://"+path)
	default:
		found.Well(name, path+" will be made")
	}
}

// inspectFolder looks whether DuckDB can write to the file and beside it, and
// for how long.
func inspectFolder(found *connector.Checks, path string) {
	const name = "duckdb folder"
	dir := filepath.Dir(path)
	probe, err := os.CreateTemp(dir, ".vitalsink-check-*")
	if err == nil {
		err = errors.Join(probe.Close(), os.Remove(probe.Name()))
	}
	if err != nil {
		found.Found(connector.Failed, name, "--warehouse", dir, "nothing can be written there: "+causeOf(err).Error(), "chown or remount it, or name a file elsewhere")
		return
	}
	if f, err := os.OpenFile(path, os.O_WRONLY, 0); err == nil {
		_ = f.Close() // nothing was written
	} else if !errors.Is(err, fs.ErrNotExist) {
		found.Found(connector.Failed, name, "--warehouse", path, "it cannot be written to: "+causeOf(err).Error(), "chmod u+w "+path)
	}
	found.Well(name, humanize.IBytes(inspectSpace(found, dir, connector.Failed))+" free")
}

// inspectSpace judges the room on a disk, and returns it; too little is as bad as
// is said.
func inspectSpace(found *connector.Checks, dir string, tooLittle connector.Status) (free uint64) {
	const name = "duckdb folder"
	free, known := freeSpace(dir)
	remedy := "make room on the disk of " + dir + ", at least " + humanize.IBytes(ampleSpace)
	switch {
	case !known:
	case free < leastSpace:
		found.Found(tooLittle, name, "free space", humanize.IBytes(free), "the next commits will fail", remedy)
	case free < ampleSpace:
		found.Found(connector.Warning, name, "free space", humanize.IBytes(free), "folds spill beside the file, and the journal grows there", remedy)
	}
	return free
}

// catalogueVersion is that of whoever made the tables, 0 if there are none.
func (r *Reader) catalogueVersion(ctx context.Context) (version int, err error) {
	s := &store{folds: r.conn}
	mark, err := s.marked(ctx)
	if err != nil || mark == "" {
		return 0, explain(err)
	}
	if _, err := fmt.Sscanf(strings.TrimSpace(mark), "catalogue %d,", &version); err != nil {
		return 0, nil //nolint:nilerr // somebody else's comment
	}
	return version, nil
}
