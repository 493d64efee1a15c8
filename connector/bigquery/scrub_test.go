package bigquery

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"cloud.google.com/go/bigquery"
	"cloud.google.com/go/bigquery/storage/apiv1/storagepb"
	"github.com/googleapis/gax-go/v2/apierror"
	"google.golang.org/api/googleapi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// quoting are texts in which BigQuery quotes a value of a row or a parameter,
// or the name of a person, at %s.
var quoting = []string{
	"Could not cast literal %q to type TIMESTAMP at [1:8]", "Invalid timestamp: '%s'", "Bad double value: %s", "Bad int64 value: %s; while executing the filter",
	"Could not parse '%s' as INT64", "Failed to parse JSON: %s; error in line 1", "Invalid date: '%s'; Query error at [4:1]", "Division by zero: %s / 0",
	"Query error: vitalsink: books do not balance {registered=3, found=2} at [6:5]; while evaluating '%s'",
	"Query error: at '%s': vitalsink: books do not balance {registered=3, found=2} at [6:5]",
	"Query error: at '%s': Query exceeded limit for bytes billed: 1000000. 10485760 or higher required.",
	"Query error: vitalsink: there must be one row in sleep_fence at [6:5]: '%s'", "Query error: vitalsink: another fold was faster at [6:5] %s",
	"Not found: Table p:d.t was not found in location US; row [%s]", "Access Denied: Table p:d.t: Permission bigquery.tables.get denied for %s",
	"Access Denied: Project p: User %s does not have bigquery.jobs.create permission in project p", "Already Exists: Job p:EU.j; parameter @user = '%s'",
	"Could not serialize access to table p:d.t due to concurrent update; key (%s)", "Transaction is aborted due to concurrent update against table p:d.t. Key: %s",
	"Query exceeded limit for bytes billed: 1000000. 10485760 or higher required. Label '%s'", "Partition key %s is out of range",
	"Invalid value for parameter '%s'", "Value '%s' in row 3 does not fit the column v", "Row 7: field user_id has value %q", "JSON parsing error in row starting at position 0: %s",
	"Errors found while processing rows. Row 0: {user_id: %s}", "Rows must have unique keys: (%s, 2026-03-01)", "Entity: projects/p/datasets/d/tables/t/streams/_default, value %s",
}

// wrapped are the forms in which a text of BigQuery comes.
func wrapped(t *testing.T, reason, text string) []error {
	t.Helper()
	detailed, err := status.New(codes.InvalidArgument, text).WithDetails(&storagepb.StorageError{
		Code: storagepb.StorageError_INVALID_STREAM_TYPE, Entity: text, ErrorMessage: text,
	})
	if err != nil {
		t.Fatal(err)
	}
	api, ok := apierror.FromError(status.Error(codes.Aborted, text))
	if !ok {
		t.Fatal("no error of an API")
	}
	all := []error{
		jobError(reason, text), restError(400, reason, text), restError(503, "", text), &googleapi.Error{Code: 403, Message: text, Body: text},
		status.Error(codes.Unavailable, text), status.Error(codes.NotFound, text), detailed.Err(), api,
		explainStorage(&storagepb.StorageError{Code: storagepb.StorageError_OFFSET_OUT_OF_RANGE, Entity: text, ErrorMessage: text}),
		&bigquery.Error{Reason: reason, Message: text, Location: text}, fmt.Errorf("%s: %w", text, jobError(reason, text)),
		&url.Error{Op: "Post", URL: "https://x/" + url.PathEscape(text), Err: jobError(reason, text)},
	}
	return append(all, errors.Join(all[0], all[4]))
}

// FuzzExplain: a value that BigQuery quotes is not in the error's text,
// unless it says itself what only BigQuery says of names.
func FuzzExplain(f *testing.F) {
	reasons := []string{"invalidQuery", "invalid", "backendError", "accessDenied", "notFound", "bytesBilledLimitExceeded", "resourcesExceeded", ""}
	for i := range quoting {
		for r, value := range []string{"19460317 19460318", secret, "19460317", "ada@example.org", "a'b\"c", "{user=72}", "wäre gern\n7 kg leichter"} {
			f.Add(value, i, r)
			f.Add(value, i, 5)
		}
	}
	f.Fuzz(func(t *testing.T, value string, i, r int) {
		value = strings.ToValidUTF8(value, "?")
		if len(value) < 4 || namedIn.MatchString(value) || strings.Contains(value, "vitalsink: ") {
			return
		}
		form, reason := quoting[uint(i)%uint(len(quoting))], reasons[uint(r)%uint(len(reasons))]
		without := wrapped(t, reason, fmt.Sprintf(form, "-"))
		for k, err := range wrapped(t, reason, fmt.Sprintf(form, value)) {
			got := explain(err)
			// What the text says without the value, the value may say by chance.
			if strings.Contains(got.Error(), value) && !strings.Contains(explain(without[k]).Error(), value) {
				t.Errorf("form %d of %q: %v", k, form, got)
			}
		}
	})
}
