package bigquerytest

import (
	"fmt"
	"strings"
)

// renamed are functions that only have another name in DuckDB, if that.
var renamed = map[string]string{
	"COUNT": "count", "SUM": "sum", "AVG": "avg", "MIN": "min", "MAX": "max", "ANY_VALUE": "any_value",
	"MIN_BY": "min_by", "MAX_BY": "max_by", "ARRAY_AGG": "array_agg", "STRING_AGG": "string_agg",
	"APPROX_COUNT_DISTINCT": "approx_count_distinct", "LOGICAL_AND": "bool_and", "LOGICAL_OR": "bool_or",
	"STDDEV": "stddev_samp", "VARIANCE": "var_samp", "ROW_NUMBER": "row_number", "RANK": "rank", "DENSE_RANK": "dense_rank",
	"LAG": "lag", "LEAD": "lead", "FIRST_VALUE": "first_value", "LAST_VALUE": "last_value", "NTILE": "ntile",
	"IFNULL": "ifnull", "COALESCE": "coalesce", "NULLIF": "nullif", "IF": "if", "ABS": "abs", "SIGN": "sign",
	"FLOOR": "floor", "CEIL": "ceil", "CEILING": "ceil", "SQRT": "sqrt", "IS_NAN": "isnan", "IS_INF": "isinf",
	"LOWER": "lower", "UPPER": "upper", "TRIM": "trim", "LTRIM": "ltrim", "RTRIM": "rtrim", "REPLACE": "replace",
	"STARTS_WITH": "starts_with", "ENDS_WITH": "ends_with", "STRPOS": "strpos", "REVERSE": "reverse", "REPEAT": "repeat",
	"CHAR_LENGTH": "length", "BYTE_LENGTH": "octet_length", "ARRAY_LENGTH": "len", "TO_JSON_STRING": "to_json",
	"UNIX_MICROS": "epoch_us", "UNIX_MILLIS": "epoch_ms", "TIMESTAMP_MICROS": "make_timestamptz", "PI": "pi",
	"FROM_HEX": "unhex", "GENERATE_ARRAY": "generate_series", "ERROR": "error", "SPLIT": "string_split", "RAND": "random",
	"ARRAY_REVERSE": "list_reverse",
}

// rewritten are functions that are put together from others: %[1]s is the
// first argument. The count of arguments is that of the entry.
var rewritten = map[string]map[int]string{
	"COUNTIF":           {1: "count(CASE WHEN %[1]s THEN 1 END)"},
	"DATE":              {1: "CAST(%[1]s AS DATE)", 3: "make_date(%[1]s, %[2]s, %[3]s)"},
	"TIMESTAMP":         {1: "CAST(%[1]s AS TIMESTAMPTZ)"},
	"TIMESTAMP_MILLIS":  {1: "make_timestamptz((%[1]s) * 1000)"},
	"TIMESTAMP_SECONDS": {1: "make_timestamptz((%[1]s) * 1000000)"},
	"UNIX_SECONDS":      {1: "(epoch_us(%[1]s) // 1000000)"},
	"TIMESTAMP_ADD":     {2: "(%[1]s + %[2]s)"},
	"TIMESTAMP_SUB":     {2: "(%[1]s - %[2]s)"},
	"DATE_ADD":          {2: "CAST(%[1]s + %[2]s AS DATE)"},
	"DATE_SUB":          {2: "CAST(%[1]s - %[2]s AS DATE)"},
	"CURRENT_TIMESTAMP": {0: "now()"},
	"CURRENT_DATE":      {0: "CAST(now() AS DATE)"},
	"GENERATE_UUID":     {0: "CAST(uuid() AS VARCHAR)"},
	"TO_HEX":            {1: "lower(hex(%[1]s))"},
	"SHA256":            {1: "unhex(sha256(%[1]s))"},
	"MD5":               {1: "unhex(md5(%[1]s))"},
	"PARSE_JSON":        {1: "CAST(%[1]s AS JSON)"},
	"MOD":               {2: "CASE WHEN (%[2]s) = 0 THEN error('division by zero') ELSE (%[1]s) %% (%[2]s) END"},
	"DIV":               {2: "CASE WHEN (%[2]s) = 0 THEN error('division by zero') ELSE (%[1]s) // (%[2]s) END"},
	"LENGTH":            {1: "length(%[1]s)"},
	"SUBSTR":            {2: "substr(%[1]s, %[2]s)", 3: "substr(%[1]s, %[2]s, %[3]s)"},
	"ROUND":             {1: "round(%[1]s)", 2: "round(%[1]s, %[2]s)"},
	"SAFE_DIVIDE":       {2: "CASE WHEN (%[2]s) = 0 THEN NULL ELSE (%[1]s) / (%[2]s) END"},
	"REGEXP_CONTAINS":   {2: "regexp_matches(%[1]s, %[2]s)"},
	"JSON_VALUE":        {2: "json_extract_string(%[1]s, %[2]s)"},
	"JSON_QUERY":        {2: "json_extract(%[1]s, %[2]s)"},
	"ARRAY_TO_STRING":   {2: "array_to_string(%[1]s, %[2]s)"},
}

// function translates a call. Functions that are in no list here are refused.
func (f *fragment) function(i int) (text string, next int, err error) {
	t := f.tokens[i]
	end := closing(f.tokens, i+1)
	if end == len(f.tokens) {
		return "", 0, unexpected(t)
	}
	name := upper(t)
	inner := f.tokens[i+2 : end]
	switch name {
	case "CAST", "SAFE_CAST":
		text, err = f.cast(i, end)
	case "EXTRACT":
		text, err = f.extract(i, end)
	case "TIMESTAMP_TRUNC", "DATE_TRUNC", "TIMESTAMP_DIFF", "DATE_DIFF":
		text, err = f.datePart(name, i, end)
	case "FORMAT", "CONCAT", "GREATEST", "LEAST":
		text, err = f.strict(name, i, end)
	case "ARRAY":
		if text, err = f.text(i+2, end); err == nil {
			text = "ARRAY(" + text + ")"
		}
	case "STRUCT", "SAFE_OFFSET", "SAFE_ORDINAL", "LAX_STRING", "FARM_FINGERPRINT", "ARRAY_CONCAT", "FORMAT_TIMESTAMP", "FORMAT_DATE":
		err = missing(t, "function %s", name)
	default:
		text, err = f.simple(t, name, i, end)
	}
	if j := find(inner, "LIMIT", "IGNORE", "RESPECT", "HAVING"); err == nil && j < len(inner) && name != "ARRAY" {
		err = missing(inner[j], "%s in a function", upper(inner[j]))
	}
	return text, end + 1, err
}

func (f *fragment) simple(t token, name string, i, end int) (string, error) {
	if duck, ok := renamed[name]; ok {
		inner, err := f.text(i+2, end)
		return duck + "(" + inner + ")", err
	}
	forms, ok := rewritten[name]
	if !ok && reserved[name] {
		return "", unexpected(t)
	}
	if !ok {
		return "", invalid("Function not found: %s at [%d:%d]", t.text, t.line, t.col)
	}
	args, err := f.args(i, end)
	if err != nil {
		return "", err
	}
	form, ok := forms[len(args)]
	if !ok {
		return "", missing(t, "%s with %d arguments", name, len(args))
	}
	values := make([]any, len(args))
	for k, a := range args {
		values[k] = a
	}
	return fmt.Sprintf(form, values...), nil
}

// args translates the arguments of the function at i one by one.
func (f *fragment) args(i, end int) ([]string, error) {
	if end == i+2 {
		return nil, nil
	}
	var args []string
	at := i + 2
	for _, part := range split(f.tokens[i+2:end], ",") {
		text, err := f.text(at, at+len(part))
		if err != nil {
			return nil, err
		}
		args = append(args, text)
		at += len(part) + 1
	}
	return args, nil
}

func (f *fragment) cast(i, end int) (string, error) {
	as := i + 2 + find(f.tokens[i+2:end], "AS")
	t, n, err := readType(f.tokens[min(as+1, end):end])
	if err != nil {
		return "", err
	}
	if as+1+n != end {
		return "", missing(f.tokens[i], "FORMAT in CAST")
	}
	if t.kind == "JSON" {
		return "", invalid("Invalid cast to JSON at [%d:%d]", f.tokens[i].line, f.tokens[i].col)
	}
	value, err := f.text(i+2, as)
	how := "CAST"
	if upper(f.tokens[i]) == "SAFE_CAST" {
		how = "TRY_CAST"
	}
	return how + "(" + value + " AS " + t.duck() + ")", err
}

func (f *fragment) extract(i, end int) (string, error) {
	unit, ok := units[upper(f.token(i+2))]
	if !ok || !f.token(i+3).is("FROM") {
		if upper(f.token(i+2)) == "DATE" {
			value, err := f.text(i+4, end)
			return "CAST(" + value + " AS DATE)", err
		}
		return "", missing(f.tokens[i], "this EXTRACT")
	}
	value, err := f.text(i+4, end)
	return "CAST(extract(" + unit + " FROM " + value + ") AS BIGINT)", err
}

// datePart translates functions whose last argument is a part of a date.
func (f *fragment) datePart(name string, i, end int) (string, error) {
	parts := split(f.tokens[i+2:end], ",")
	last := parts[len(parts)-1]
	if len(last) != 1 || units[upper(last[0])] == "" {
		return "", missing(f.tokens[i], "this %s", name)
	}
	unit := units[upper(last[0])]
	first, err := f.text(i+2, i+2+len(parts[0]))
	if err != nil {
		return "", err
	}
	switch {
	case strings.HasSuffix(name, "_TRUNC") && len(parts) == 2:
		text := "date_trunc('" + unit + "', " + first + ")"
		if name == "DATE_TRUNC" {
			text = "CAST(" + text + " AS DATE)"
		}
		return text, nil
	case strings.HasSuffix(name, "_DIFF") && len(parts) == 3:
		at := i + 3 + len(parts[0])
		second, err := f.text(at, at+len(parts[1]))
		how := "date_sub" // whole units, as BigQuery counts them in timestamps
		if name == "DATE_DIFF" {
			how = "date_diff" // borders between them
		}
		return how + "('" + unit + "', " + second + ", " + first + ")", err
	}
	return "", missing(f.tokens[i], "this %s", name)
}

// strict translates functions that are NULL if one argument is, which DuckDB
// sees otherwise.
func (f *fragment) strict(name string, i, end int) (string, error) {
	args, err := f.args(i, end)
	if err != nil {
		return "", err
	}
	if len(args) == 0 {
		return "", invalid("No matching signature for function %s at [%d:%d]", name, f.tokens[i].line, f.tokens[i].col)
	}
	switch name {
	case "FORMAT":
		if strings.ContainsAny(f.tokens[i+2].text, "tTpP") && strings.Contains(f.tokens[i+2].text, "%t") {
			return "", missing(f.tokens[i], "%%t")
		}
		return "printf(" + strings.Join(args, ", ") + ")", nil
	case "CONCAT":
		return "(" + strings.Join(args, " || ") + ")", nil
	}
	var nulls []string
	for _, a := range args {
		nulls = append(nulls, "("+a+") IS NULL")
	}
	return fmt.Sprintf("CASE WHEN %s THEN NULL ELSE %s(%s) END",
		strings.Join(nulls, " OR "), strings.ToLower(name), strings.Join(args, ", ")), nil
}
