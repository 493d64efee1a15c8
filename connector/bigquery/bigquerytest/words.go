package bigquerytest

import "strings"

func upper(t token) string {
	if t.kind != tokenWord {
		return ""
	}
	return strings.ToUpper(t.text)
}

func set(words string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(words) {
		m[w] = true
	}
	return m
}

// reserved are the reserved words of GoogleSQL: names only in backticks, or
// after a dot.
var reserved = set(`ALL AND ANY ARRAY AS ASC ASSERT_ROWS_MODIFIED AT BETWEEN BY CASE CAST COLLATE CONTAINS CREATE CROSS
	CUBE CURRENT DEFAULT DEFINE DESC DISTINCT ELSE END ENUM ESCAPE EXCEPT EXCLUDE EXISTS EXTRACT FALSE FETCH FOLLOWING FOR
	FROM FULL GROUP GROUPING GROUPS HASH HAVING IF IGNORE IN INNER INTERSECT INTERVAL INTO IS JOIN LATERAL LEFT LIKE LIMIT
	LOOKUP MERGE NATURAL NEW NO NOT NULL NULLS OF ON OR ORDER OUTER OVER PARTITION PRECEDING PROTO QUALIFY RANGE RECURSIVE
	RESPECT RIGHT ROLLUP ROWS SELECT SET SOME STRUCT TABLESAMPLE THEN TO TREAT TRUE UNBOUNDED UNION UNNEST USING WHEN WHERE
	WINDOW WITH WITHIN`)

// passed are the reserved words that mean the same in DuckDB.
var passed = set(`ALL AND AS ASC BETWEEN BY CASE CROSS CURRENT DEFAULT DESC DISTINCT ELSE END EXCEPT EXISTS FALSE FOLLOWING
	FROM FULL GROUP HAVING IN INNER INTERSECT INTERVAL IS JOIN LEFT LIKE LIMIT NOT NULL NULLS ON OR ORDER OUTER OVER
	PARTITION PRECEDING QUALIFY RANGE RECURSIVE RIGHT ROWS SELECT THEN TRUE UNBOUNDED UNION USING WHEN WHERE WINDOW WITH`)

// following are words that are keywords only after certain others.
var following = map[string][]string{
	"FIRST": {"NULLS"}, "LAST": {"NULLS"}, "ROW": {"CURRENT"},
}

// units are parts of dates, and what DuckDB calls them.
var units = map[string]string{
	"MICROSECOND": "microsecond", "MILLISECOND": "millisecond", "SECOND": "second", "MINUTE": "minute", "HOUR": "hour",
	"DAY": "day", "MONTH": "month", "QUARTER": "quarter", "YEAR": "year", "ISOWEEK": "week", "ISOYEAR": "isoyear",
}

// closing is the position of the bracket that closes the one at i, len(tokens)
// if none does.
func closing(tokens []token, i int) int {
	depth := 0
	for ; i < len(tokens); i++ {
		switch {
		case tokens[i].any("(", "["):
			depth++
		case tokens[i].any(")", "]"):
			depth--
			if depth == 0 {
				return i
			}
		}
	}
	return len(tokens)
}

// split cuts tokens at those of a word that are in no brackets.
func split(tokens []token, word string) [][]token {
	var parts [][]token
	from := 0
	for i := 0; i < len(tokens); i++ {
		switch {
		case tokens[i].any("(", "["):
			i = closing(tokens, i)
		case tokens[i].is(word):
			parts = append(parts, tokens[from:i])
			from = i + 1
		}
	}
	return append(parts, tokens[from:])
}

// find is the position of the first token that is one of those words and in no
// brackets and no CASE; len(tokens) if there is none.
func find(tokens []token, words ...string) int {
	cases := 0
	for i := 0; i < len(tokens); i++ {
		switch t := tokens[i]; {
		case t.any("(", "["):
			i = closing(tokens, i)
		case cases == 0 && t.any(words...):
			return i
		case t.is("CASE"):
			cases++
		case t.is("END") && cases > 0:
			cases--
		}
	}
	return len(tokens)
}
