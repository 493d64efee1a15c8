package schemas

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

//go:embed *.yaml
var files embed.FS

// commonFile holds what all tables share; every other file is a table.
const commonFile = "_common.yaml"

// Load reads the embedded catalogue.
func Load() (*Catalogue, error) { return LoadFS(files) }

// LoadFS reads a catalogue from the *.yaml files at the root of fsys. The
// error names every mistake, each with its file and line.
func LoadFS(fsys fs.FS) (*Catalogue, error) {
	names, err := fs.Glob(fsys, "*.yaml")
	if err != nil {
		return nil, fmt.Errorf("list catalogue files: %w", err)
	}
	c := &Catalogue{}
	var problems []error
	if err := c.readCommon(fsys); err != nil {
		problems = append(problems, err)
	}
	for _, name := range names {
		if name == commonFile {
			continue
		}
		t := &Table{file: name}
		if err := decodeFile(fsys, name, t); err != nil {
			problems = append(problems, err)
			continue
		}
		if t.Kind == Versioned {
			t.Columns = append(t.Columns, c.VersionColumns...)
		}
		c.Tables = append(c.Tables, t)
	}
	if len(problems) == 0 {
		problems = c.validate()
	}
	if len(problems) > 0 {
		return nil, fmt.Errorf("read catalogue: %w", errors.Join(problems...))
	}
	slices.SortFunc(c.Tables, func(a, b *Table) int { return strings.Compare(a.Name, b.Name) })
	return c, nil
}

func (c *Catalogue) readCommon(fsys fs.FS) error {
	var common struct {
		Version        int      `yaml:"catalogue_version"`
		VersionColumns []Column `yaml:"version_columns"`
		LogColumns     []Column `yaml:"log_columns"`
	}
	if err := decodeFile(fsys, commonFile, &common); err != nil {
		return err
	}
	if common.Version < 1 {
		return problem{commonFile, 1, "catalogue_version must be 1 or more"}
	}
	c.Version, c.VersionColumns, c.LogColumns = common.Version, common.VersionColumns, common.LogColumns
	return nil
}

// decodeFile reads one YAML document into out, refusing fields out does not
// have.
func decodeFile(fsys fs.FS, name string, out any) error {
	raw, err := fs.ReadFile(fsys, name)
	if err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(raw, &doc); err != nil {
		return fmt.Errorf("%s: %w", path.Base(name), err)
	}
	if len(doc.Content) != 1 {
		return problem{name, 1, "must hold one YAML document"}
	}
	root := doc.Content[0]
	if ps := unknownFields(name, root, reflect.TypeOf(out).Elem()); len(ps) > 0 {
		return errors.Join(ps...)
	}
	if err := root.Decode(out); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// unknownFields reports mapping keys in n that typ has no yaml tag for.
func unknownFields(file string, n *yaml.Node, typ reflect.Type) []error {
	for typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	var ps []error
	switch {
	case n.Kind == yaml.SequenceNode && typ.Kind() == reflect.Slice:
		for _, item := range n.Content {
			ps = append(ps, unknownFields(file, item, typ.Elem())...)
		}
	case n.Kind == yaml.MappingNode && typ.Kind() == reflect.Struct:
		fields := map[string]reflect.Type{}
		for f := range typ.Fields() {
			fields[f.Tag.Get("yaml")] = f.Type
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i]
			ft, ok := fields[key.Value]
			if !ok {
				ps = append(ps, problem{file, key.Line, fmt.Sprintf("unknown field %q", key.Value)})
				continue
			}
			ps = append(ps, unknownFields(file, n.Content[i+1], ft)...)
		}
	}
	return ps
}

// UnmarshalYAML remembers the line for messages.
func (c *Column) UnmarshalYAML(n *yaml.Node) error {
	type plain Column
	c.line = n.Line
	return n.Decode((*plain)(c))
}

// UnmarshalYAML remembers the line for messages.
func (r *Resource) UnmarshalYAML(n *yaml.Node) error {
	type plain Resource
	r.line = n.Line
	return n.Decode((*plain)(r))
}

// UnmarshalYAML remembers the line for messages.
func (t *Table) UnmarshalYAML(n *yaml.Node) error {
	type plain Table
	t.line = n.Line
	return n.Decode((*plain)(t))
}

// problem is one mistake in the catalogue.
type problem struct {
	file string
	line int
	what string
}

func (p problem) Error() string { return fmt.Sprintf("%s:%d: %s", p.file, p.line, p.what) }
