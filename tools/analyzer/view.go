package analyzer

import (
	"errors"

	sql "github.com/goccy/go-googlesql"
)

// ViewColumns analyzes the query of a view, which has neither parameters nor
// variables, and gives the names of its columns in order.
func (a *Analyzer) ViewColumns(query string) ([]string, error) {
	out, err := sql.AnalyzeStatement(query, a.viewOptions, a.catalog, a.types)
	if err != nil {
		return nil, err
	}
	a.kept = append(a.kept, out)
	statement, err := out.ResolvedStatement()
	if err != nil {
		return nil, err
	}
	q, ok := statement.(*sql.ResolvedQueryStmt)
	if !ok {
		return nil, errors.New("a view must be a query")
	}
	columns, err := q.OutputColumnList()
	if err != nil {
		return nil, err
	}
	names := make([]string, len(columns))
	for i, c := range columns {
		if names[i], err = c.Name(); err != nil {
			return nil, err
		}
	}
	return names, nil
}
