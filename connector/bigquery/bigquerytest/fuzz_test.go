//go:build cgo

package bigquerytest

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// FuzzTranslate: whatever a script is, it is translated or refused.
func FuzzTranslate(f *testing.F) {
	files, err := filepath.Glob("../../../testdata/sql/bigquery/[mp]*.sql")
	if err != nil || len(files) == 0 {
		f.Fatal("no golden statements", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	for _, text := range []string{
		"DECLARE x DEFAULT 1; SET (x, y) = (1, 2); IF x = 1 THEN SELECT 1; ELSEIF FALSE THEN SELECT 2; ELSE SELECT 3; END IF",
		"UPDATE d.t AS T SET k = 'a', T.n = CASE WHEN n = 1 THEN 2 END FROM (SELECT 1 AS a) AS S, UNNEST([1]) AS b WHERE TRUE",
		"MERGE d.t T USING d.t S ON T.k = S.k WHEN NOT MATCHED BY SOURCE AND T.n = 1 THEN DELETE WHEN NOT MATCHED THEN INSERT ROW",
		"SELECT EXTRACT(YEAR FROM ts), CAST(k AS ARRAY<STRING>), l[OFFSET(0)], INTERVAL -1 DAY, TIMESTAMP '2026-01-01', b'\\x00' FROM d.t",
		"SELECT k FROM d.t WHERE ts BETWEEN '2026-01-01' AND TIMESTAMP '2026-01-02' AND ts IN ('2026-01-01') OR NOT ts IS NULL",
		"INSERT d.t (k) VALUES ('''x''')",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		list, err := parse(text)
		if err == nil {
			translateAll(fuzzEnvironment(), list)
		}
	})
}

func fuzzEnvironment() *environment {
	t := &relation{
		project: "p", dataset: "d", id: "t", sql: "t", partitioned: &partitioning{"ts", "TIMESTAMP", 24 * time.Hour},
		columns: []column{{"k", "STRING", ""}, {"n", "INTEGER", ""}, {"ts", "TIMESTAMP", ""}, {"j", "JSON", ""}, {"l", "STRING", "REPEATED"}},
	}
	return &environment{
		catalog: &catalog{datasets: map[string]*dataset{"p.d": {project: "p", id: "d", location: "US", tables: map[string]*relation{"t": t}}}},
		project: "p", temporary: map[string]*relation{"staged": t, "source": t}, parameters: map[string]value{"ids": {sqlType{"STRING", true}, []any{"a"}}},
		variables: map[string]*value{"x": {sqlType{"INTEGER", false}, int64(1)}},
	}
}

// translateAll does what can panic.
func translateAll(env *environment, list []statement) {
	for i := range list {
		s := &list[i]
		switch s.kind {
		case kindInsert, kindUpdate, kindDelete, kindMerge:
			(&execution{env: env}).targetOf(s)
			if m, err := env.mutationOf(s); err == nil && m.target.partitioned != nil {
				conditionOn(m.target, m.alias, true).of(m.where, partition{from: 1, to: 2})
			}
		case kindIf, kindSet, kindRaise, kindDeclare:
			if f, err := env.fragment(s.expr, inExpression); err == nil {
				_, _ = f.sql()
			}
			translateAll(env, s.body)
			translateAll(env, s.elseBody)
		default:
			f, err := env.fragment(s.tokens, inSelect)
			if err != nil {
				continue
			}
			_, _ = f.sql()
			for _, scan := range f.scans {
				if scan.relation != nil {
					if where, tokens := scan.condition(); where != nil {
						where.of(tokens, partition{null: true})
					}
				}
			}
		}
	}
}
