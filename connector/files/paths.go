package files

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// endings are those of the files that are read of a directory; each also with
// .gz. All others in it are not looked at.
var endings = []string{".ndjson", ".jsonl", ".json"}

// input is one thing to read.
type input struct {
	path  string
	size  int64 // as stored; negative if unknown
	fault error // why it cannot be read
}

// name is what people call it.
func (in input) name() string {
	if in.path == "-" {
		return "standard input"
	}
	return in.path
}

// list is what there is to read under the paths, in their order. It ends early
// with ctx.
func list(ctx context.Context, paths []string) []input {
	var inputs []input
	for _, path := range paths {
		if path == "-" {
			inputs = append(inputs, input{path: path, size: -1})
			continue
		}
		info, err := os.Stat(path)
		switch {
		case err != nil:
			inputs = append(inputs, input{path: path, fault: explain(err)})
		case info.IsDir():
			inputs = append(inputs, listDirectory(ctx, path)...)
		default:
			inputs = append(inputs, input{path: path, size: sizeOf(info)})
		}
	}
	return inputs
}

// sizeOf is negative for a pipe or a terminal.
func sizeOf(info fs.FileInfo) int64 {
	if !info.Mode().IsRegular() {
		return -1
	}
	return info.Size()
}

// listDirectory finds the files of messages in a directory and below, in the
// order of their paths. What is hidden is left out. Links to files are
// followed, links to directories are not: they could lead in circles. A file
// that is there under two names is read once.
func listDirectory(ctx context.Context, dir string) []input {
	var found []input
	known := map[int64][]fs.FileInfo{} // by size
	// DirFS follows dir, should it be a link itself, as people expect.
	_ = fs.WalkDir(os.DirFS(dir), ".", func(name string, entry fs.DirEntry, err error) error {
		path := filepath.Join(dir, filepath.FromSlash(name))
		switch {
		case ctx.Err() != nil:
			return fs.SkipAll
		case err != nil:
			found = append(found, input{path: path, fault: explain(err)})
			return nil
		case name != "." && strings.HasPrefix(entry.Name(), "."):
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		case entry.IsDir() || !holdsMessages(name):
			return nil
		}
		info, err := os.Stat(path)
		if err != nil {
			found = append(found, input{path: path, fault: explain(err)})
			return nil
		}
		same := func(other fs.FileInfo) bool { return os.SameFile(info, other) }
		if info.Mode().IsRegular() && !slices.ContainsFunc(known[info.Size()], same) {
			known[info.Size()] = append(known[info.Size()], info)
			found = append(found, input{path: path, size: info.Size()})
		}
		return nil
	})
	if len(found) == 0 && ctx.Err() == nil {
		return []input{{path: dir, fault: errors.New("no file in it ends in .ndjson, .jsonl or .json, with or without .gz")}}
	}
	slices.SortFunc(found, func(a, b input) int { return cmp.Compare(a.path, b.path) })
	return found
}

// holdsMessages tells by the name of a file.
func holdsMessages(name string) bool {
	name = strings.TrimSuffix(strings.ToLower(name), ".gz")
	return slices.ContainsFunc(endings, func(ending string) bool { return strings.HasSuffix(name, ending) })
}
