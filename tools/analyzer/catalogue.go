package analyzer

import (
	"errors"
	"fmt"

	sql "github.com/goccy/go-googlesql"

	"vitalsink/schemas"
)

// The datasets of the golden statements.
const (
	store = "project.health_store." // tables
	views = "project.health."       // what people query
)

// Analyzer knows BigQuery's language and the tables of a catalogue. It must
// not be used from several goroutines.
type Analyzer struct {
	language      *sql.LanguageOptions
	types         *sql.TypeFactory
	catalog       *sql.SimpleCatalog
	scriptOptions *sql.AnalyzerOptions // with parameters
	viewOptions   *sql.AnalyzerOptions // without

	// The library frees what Go has let go of, in no order. What one of its
	// objects still points to must therefore stay; it is little.
	kept []any
}

// New is an analyzer of statements about the tables of c.
func New(c *schemas.Catalogue) (*Analyzer, error) {
	if err := sql.Init(); err != nil {
		return nil, fmt.Errorf("start analyzer: %w", err)
	}
	a := &Analyzer{}
	if err := a.init(); err != nil {
		return nil, fmt.Errorf("start analyzer: %w", err)
	}
	if err := a.addTables(c); err != nil {
		return nil, fmt.Errorf("declare tables: %w", err)
	}
	return a, nil
}

func (a *Analyzer) init() (err error) {
	if a.language, err = newLanguage(); err != nil {
		return err
	}
	if a.types, err = sql.NewTypeFactory(); err != nil {
		return err
	}
	if a.catalog, err = sql.NewSimpleCatalog("project", a.types); err != nil {
		return err
	}
	builtin := &sql.BuiltinFunctionOptions{LanguageOptions: a.language}
	if err := a.catalog.AddBuiltinFunctionsAndTypes(builtin); err != nil {
		return err
	}
	if a.viewOptions, err = newOptions(a.language); err != nil {
		return err
	}
	if a.scriptOptions, err = newOptions(a.language); err != nil {
		return err
	}
	return a.addParameters(a.scriptOptions)
}

// column is one of a table, or of what a query gives.
type column struct {
	name string
	sql.Googlesql_TypeNode
}

func (a *Analyzer) addTables(c *schemas.Catalogue) error {
	fence, err := a.typeNamed("INT64")
	if err != nil {
		return err
	}
	for _, t := range c.Tables {
		columns, err := a.columns(t.Columns)
		if err != nil {
			return err
		}
		err = errors.Join(a.addTable(a.catalog, store+t.Name, columns), a.addViews(t))
		if t.Kind == schemas.Versioned {
			logged, e := a.columns(c.LogColumns)
			err = errors.Join(err, e,
				a.addTable(a.catalog, store+t.Name+"_log", append(columns, logged...)),
				a.addTable(a.catalog, store+t.Name+"_fence", []column{{"n", fence}}))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (a *Analyzer) addViews(t *schemas.Table) error {
	for _, v := range t.Views() {
		var shown []schemas.Column
		for _, name := range v.Columns {
			shown = append(shown, t.Columns[t.Index(name)])
		}
		columns, err := a.columns(shown)
		if err == nil {
			err = a.addTable(a.catalog, views+v.Name, columns)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (a *Analyzer) columns(declared []schemas.Column) ([]column, error) {
	columns := make([]column, len(declared))
	for i, c := range declared {
		name := string(c.Type)
		if c.Repeated {
			name = "ARRAY<" + name + ">"
		}
		t, err := a.typeNamed(name)
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", c.Name, err)
		}
		columns[i] = column{c.Name, t}
	}
	return columns, nil
}

// typeNamed is the type of that name in GoogleSQL.
func (a *Analyzer) typeNamed(name string) (sql.Googlesql_TypeNode, error) {
	t, err := sql.AnalyzeType(name, a.viewOptions, a.catalog, a.types)
	if err != nil {
		return nil, fmt.Errorf("type %s: %s", name, withoutPlace(err))
	}
	return t, nil
}

// addTable declares a table. BigQuery takes `project.dataset.table` in one pair
// of backticks for a path of three names, GoogleSQL for one name: so be it.
func (a *Analyzer) addTable(c *sql.SimpleCatalog, name string, columns []column) error {
	table, err := sql.NewSimpleTable(name, 0)
	if err != nil {
		return fmt.Errorf("table %s: %w", name, err)
	}
	a.kept = append(a.kept, table)
	for _, col := range columns {
		made, err := sql.NewSimpleColumn(name, col.name, col.Googlesql_TypeNode, false, true)
		if err != nil {
			return fmt.Errorf("column %s.%s: %w", name, col.name, err)
		}
		a.kept = append(a.kept, made)
		if err := table.AddColumn2(made, false); err != nil {
			return fmt.Errorf("column %s.%s: %w", name, col.name, err)
		}
	}
	if err := c.AddTable(table); err != nil {
		return fmt.Errorf("table %s: %w", name, err)
	}
	return nil
}
