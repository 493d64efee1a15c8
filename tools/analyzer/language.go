package analyzer

import (
	"errors"
	"fmt"

	sql "github.com/goccy/go-googlesql"
)

// parameters are the query parameters that connector/bigquery gives a value,
// by name, with their type.
var parameters = map[string]string{
	"after":           "STRING",
	"client_user_ids": "ARRAY<STRING>",
	"estimated":       "INT64",
	"fence":           "INT64",
	"hashes":          "ARRAY<STRING>",
	"ids":             "ARRAY<STRING>",
	"job_id":          "STRING",
	"merge_id":        "STRING",
	"merged_at":       "TIMESTAMP",
	"probed":          "INT64",
	"reasons":         "ARRAY<STRING>",
	"registered":      "INT64",
	"run":             "STRING",
	"since":           "TIMESTAMP",
	"users":           "ARRAY<STRING>",
	"workouts":        "ARRAY<STRING>",
}

// systemVariables are those that scripts read, and their type.
// https://docs.cloud.google.com/bigquery/docs/reference/system-variables
var systemVariables = []struct {
	path     []string
	typeName string
}{
	{[]string{"row_count"}, "INT64"},
	{[]string{"script", "bytes_billed"}, "INT64"},
	{[]string{"script", "job_id"}, "STRING"},
}

// absent are features of GoogleSQL that BigQuery's documentation does not have.
var absent = []sql.LanguageFeature{
	// data-types: arrays and JSON do not compare, arrays have no order, and
	// timestamps have microseconds.
	sql.LanguageFeatureFeatureArrayEquality,
	sql.LanguageFeatureFeatureArrayOrdering,
	sql.LanguageFeatureFeatureJsonTypeComparison,
	sql.LanguageFeatureFeatureTimestampNanos,
	sql.LanguageFeatureFeatureTimestampPicos,
	sql.LanguageFeatureFeatureUuidType,
	// conversion_rules: a text is no BYTES.
	sql.LanguageFeatureFeatureImplicitCoercionStringLiteralToBytes,
	// dml-syntax and query-syntax.
	sql.LanguageFeatureFeatureDmlReturning,
	sql.LanguageFeatureFeatureForUpdate,
	sql.LanguageFeatureFeatureInsertOnConflictClause,
	// array_functions.
	sql.LanguageFeatureFeatureArrayAggregationFunctions,
	sql.LanguageFeatureFeatureArrayFindFunctions,
	sql.LanguageFeatureFeatureArrayZip,
	sql.LanguageFeatureFeatureFirstAndLastN,
	sql.LanguageFeatureFeatureInlineLambdaArgument,
}

// narrowing are features that take something away that BigQuery has not.
var narrowing = []sql.LanguageFeature{
	sql.LanguageFeatureFeatureDisableArrayMinAndMax, // array_functions
	sql.LanguageFeatureFeatureDisableFloat32,        // data-types
}

// newLanguage is GoogleSQL as BigQuery understands it.
func newLanguage() (*sql.LanguageOptions, error) {
	l, err := sql.NewLanguageOptions()
	if err != nil {
		return nil, err
	}
	err = errors.Join(
		l.EnableMaximumLanguageFeatures(),                // without those in development
		l.EnableAllReservableKeywords(true),              // or QUALIFY is refused
		l.SetSupportsAllStatementKinds(),                 // script.go says which
		l.SetProductMode(sql.ProductModeProductExternal), // no INT32, no DOUBLE
	)
	for _, f := range absent {
		err = errors.Join(err, l.DisableLanguageFeature(f))
	}
	for _, f := range narrowing {
		err = errors.Join(err, l.EnableLanguageFeature(f))
	}
	return l, err
}

// newOptions are for statements that have no parameters yet. Their errors are
// one line that ends in the place: [at 12:5].
func newOptions(l *sql.LanguageOptions) (*sql.AnalyzerOptions, error) {
	o, err := sql.NewAnalyzerOptions(l)
	if err != nil {
		return nil, err
	}
	return o, o.SetErrorMessageMode(sql.ErrorMessageModeErrorMessageOneLine)
}

// addParameters makes parameters and system variables known.
func (a *Analyzer) addParameters(o *sql.AnalyzerOptions) error {
	for name, typeName := range parameters {
		t, err := a.typeNamed(typeName)
		if err != nil {
			return err
		}
		if err := o.AddQueryParameter(name, t); err != nil {
			return fmt.Errorf("parameter %s: %w", name, err)
		}
	}
	for _, v := range systemVariables {
		t, err := a.typeNamed(v.typeName)
		if err != nil {
			return err
		}
		if err := o.AddSystemVariable(v.path, t); err != nil {
			return fmt.Errorf("system variable %v: %w", v.path, err)
		}
	}
	return nil
}
