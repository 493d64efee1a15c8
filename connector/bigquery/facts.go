package bigquery

import (
	"context"
	"fmt"
	"strings"
	"time"

	"cloud.google.com/go/bigquery"
	"cloud.google.com/go/civil"

	"vitalsink/connector"
	"vitalsink/schemas"
)

// factsNames is what the statements about facts are made of.
type factsNames struct {
	Table      string
	Columns    []string
	ByResource bool
	Provider   string // the column, "" if there is none
	Day        string // likewise
	Asked      asked
}

func (w *Warehouse) namesOfFacts(q connector.FactsQuery) factsNames {
	n := factsNames{
		Table: q.Table.Name, ByResource: q.Table.Index(resourceColumn) >= 0,
		Provider: q.Table.ProviderColumn(), Day: q.Table.DayColumn(),
		Asked: askedBy(q),
	}
	for _, c := range q.Table.Columns {
		if w.has(q.Table, c.Name) {
			n.Columns = append(n.Columns, c.Name)
		}
	}
	return n
}

// has tells whether the table has a column of the catalogue's: it may lack some
// that rows can do without.
func (w *Warehouse) has(t *schemas.Table, column string) bool {
	own := w.catalogue.Table(t.Name)
	return own != nil && own.Index(column) >= 0
}

// asked are the rows that a query asks for.
type asked struct {
	Resources []string // none for all
	Day       *schemas.Column
	From      time.Time // zero for none
	Until     time.Time // likewise
	OrNull    bool
}

func askedBy(q connector.FactsQuery) asked {
	a := asked{From: q.From, Until: q.Until}
	if q.Table.Index(resourceColumn) >= 0 {
		a.Resources = q.Resources
	}
	if day := q.Table.DayColumn(); day != "" {
		a.Day = &q.Table.Columns[q.Table.Index(day)]
		// Of a column that is never NULL it would be in the way of the bounds.
		a.OrNull = !a.Day.Required
	}
	return a
}

// SQL is the condition on a table with that alias. The bounds are literals of
// the column's own type, which prune, or find blocks of a clustered table.
func (a asked) SQL(alias string) string {
	sql := alias + "." + ident("user_id") + " IN UNNEST(@users)"
	if len(a.Resources) > 0 {
		sql += " AND " + alias + "." + ident(resourceColumn) + " IN (" + literals(a.Resources) + ")"
	}
	if a.Day == nil {
		return sql
	}
	column := alias + "." + ident(a.Day.Name)
	var terms []string
	if !a.From.IsZero() {
		terms = append(terms, column+" >= "+dayLiteral(a.Day.Type, a.From))
	}
	if !a.Until.IsZero() {
		terms = append(terms, column+" < "+dayLiteral(a.Day.Type, a.Until))
	}
	switch bounds := strings.Join(terms, " AND "); {
	case bounds == "":
		return sql
	case a.OrNull:
		return sql + " AND (" + bounds + " OR " + column + " IS NULL)"
	default:
		return sql + " AND " + bounds
	}
}

// dayLiteral is the beginning of a day as a literal of that type.
func dayLiteral(of schemas.Type, t time.Time) string {
	if of == schemas.Date {
		return "DATE '" + t.UTC().Format(time.DateOnly) + "'"
	}
	return timestamp(t)
}

// Facts calls take with each row of a latest table that a query asks for,
// tombstones included, in order of user_id, and of resource where the table has
// it. A row has a value for each of q.Table.Columns, in their order: nil for
// NULL, and for a column that the table lacks; string for STRING and JSON;
// int64, float64, bool; []byte for BYTES; time.Time in UTC for TIMESTAMP and
// DATE; []any of such for REPEATED columns. The row is not used again. Rows
// come page by page, and take may be slow. An error of take ends it, and is
// returned; so does one of BigQuery once a row was given to take, for a second
// try would bring rows twice.
func (w *Warehouse) Facts(ctx context.Context, q connector.FactsQuery, take func(row []any) error) error {
	if len(q.Users) == 0 {
		return nil
	}
	names := w.namesOfFacts(q)
	text, err := w.statements.render("facts.sql", names)
	if err != nil {
		return err
	}
	at := make([]int, 0, len(names.Columns)) // where the value of each belongs
	for _, c := range names.Columns {
		at = append(at, q.Table.Index(c))
	}
	var refused error
	err = w.rowByRow(ctx, statement{
		step: "facts", table: names.Table, text: text, limit: w.config.MaxBytesBilled,
		parameters: []bigquery.QueryParameter{{Name: "users", Value: q.Users}},
	}, func(values []bigquery.Value) error {
		row := make([]any, len(q.Table.Columns))
		for i, v := range values {
			row[at[i]] = factOf(v)
		}
		refused = take(row)
		return refused
	})
	switch {
	case refused != nil:
		return refused
	case err != nil:
		return fmt.Errorf("read facts of %s: %w", names.Table, err)
	}
	return nil
}

// factOf is a value as Facts gives it.
func factOf(v bigquery.Value) any {
	switch v := v.(type) {
	case time.Time:
		return v.UTC()
	case civil.Date:
		return v.In(time.UTC)
	case []bigquery.Value:
		list := make([]any, len(v))
		for i, item := range v {
			list[i] = factOf(item)
		}
		return list
	}
	return v
}

// Tallies counts the facts that a query asks for; see connector.Tally. They are
// in no particular order.
func (w *Warehouse) Tallies(ctx context.Context, q connector.FactsQuery) (all []connector.Tally, err error) {
	if len(q.Users) == 0 {
		return nil, nil
	}
	err = w.look(ctx, q.Table.Name, "tallies.sql", w.namesOfFacts(q), func(row []bigquery.Value) error {
		var t connector.Tally
		t.UserID, _ = row[0].(string)
		t.Resource, _ = row[1].(string) // NULL is none
		t.Provider, _ = row[2].(string) // likewise
		t.Newest, _ = factOf(row[4]).(time.Time)
		var n int64
		err := scan(row[3], &n)
		t.Rows = int(n)
		all = append(all, t)
		return err
	}, bigquery.QueryParameter{Name: "users", Value: q.Users})
	return all, err
}
