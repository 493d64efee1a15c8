package bigquery

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"testing"

	"cloud.google.com/go/auth"
	"cloud.google.com/go/bigquery"
	"cloud.google.com/go/bigquery/storage/apiv1/storagepb"
	"google.golang.org/api/googleapi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"vitalsink/connector"
)

// secret stands for a health value or a user's id in an error's text.
const secret = "5f3e-secret-72.5"

func restError(code int, reason, message string) error {
	return &googleapi.Error{Code: code, Message: message, Errors: []googleapi.ErrorItem{{Reason: reason, Message: message}}}
}

func jobError(reason, message string) error { return &bigquery.Error{Reason: reason, Message: message} }

func storageError(t *testing.T, code codes.Code, kind storagepb.StorageError_StorageErrorCode) error {
	t.Helper()
	s, err := status.New(code, "about "+secret).WithDetails(&storagepb.StorageError{Code: kind, ErrorMessage: secret})
	if err != nil {
		t.Fatal(err)
	}
	return s.Err()
}

// TestExplain: each fault has its class, and none keeps a value.
func TestExplain(t *testing.T) {
	for _, test := range []struct {
		name string
		err  error
		want error
		says string
	}{
		{"concurrent update", jobError("invalidQuery", "Transaction is aborted due to concurrent update against table p:d.sleep. Transaction ID: 1"), connector.ErrUnavailable, "p:d.sleep"},
		{"could not serialize", jobError("invalidQuery", "Could not serialize access to table p:d.sleep due to concurrent update"), connector.ErrUnavailable, ""},
		{"DML queue", jobError("invalidQuery", "Resources exceeded during query execution: Too many DML statements outstanding against table p:d.sleep, limit is 20."), connector.ErrUnavailable, ""},
		{"rate limit as invalid query", restError(400, "invalidQuery", "Exceeded rate limits: too many jobs"), connector.ErrUnavailable, ""},
		{"may retry", jobError("jobInternalError", "The job encountered an error during execution. Retrying the job may solve the problem."), connector.ErrUnavailable, ""},
		{"backend", jobError("backendError", secret), connector.ErrUnavailable, "backendError"},
		{"503", restError(503, "", "x"), connector.ErrUnavailable, ""},
		{"cancelled by somebody", jobError("stopped", "Job execution was cancelled: user@"+secret), connector.ErrUnavailable, "stopped"},
		{"byte cap", jobError("bytesBilledLimitExceeded", "Query exceeded limit for bytes billed: 1000000. 10485760 or higher required."), connector.ErrByteCap, "10485760 bytes are needed, the limit is 1000000"},
		{"byte cap of a script", jobError("invalidQuery", "Query error: Query exceeded limit for bytes billed: 1000000. 10485760 or higher required. at [3:1]"), connector.ErrByteCap, "10485760"},
		{"a key twice", jobError("invalidQuery", "Query error: vitalsink: the table holds a key twice at [6:5]"), connector.ErrBooks, "a key twice"},
		{"fence", jobError("invalidQuery", "Query error: vitalsink: another fold was faster at [6:5]"), connector.ErrFenced, ""},
		{"taken", jobError("invalidQuery", "Query error: vitalsink: a batch is merged already at [6:5]"), connector.ErrTaken, ""},
		{"books", jobError("invalidQuery", "Query error: vitalsink: books do not balance {registered=3, found=2} at [6:5]"), connector.ErrBooks, "{registered=3, found=2}"},
		// The first braces, and the first numbers, of the text were told, whoever had put them there.
		{"books after a value", jobError("invalidQuery", "Error in {user=5}: vitalsink: books do not balance {found=2}"), connector.ErrBooks, "bigquery: {found=2}"},
		{"byte cap after numbers", jobError("invalidQuery", "19460317 19460318: exceeded limit for bytes billed: 1000. 2000 or higher required"), connector.ErrByteCap, ": 2000 bytes are needed, the limit is 1000"},
		{"two source rows", jobError("invalidQuery", "UPDATE/MERGE must match at most one source row for each target row"), connector.ErrRefused, ""},
		{"a value", jobError("invalidQuery", "Could not parse '"+secret+"' as INT64"), connector.ErrRefused, "invalidQuery"},
		{"missing table", restError(404, "notFound", "Not found: Table p:health_store.sleep was not found in location US"), connector.ErrConfiguration, "Table p:health_store.sleep"},
		{"no permission", restError(403, "accessDenied", "Access Denied: Table p:d.t: Permission bigquery.tables.get denied for "+secret), connector.ErrConfiguration, "Table p:d.t"},
		{"resources", jobError("resourcesExceeded", "Resources exceeded during query execution"), nil, "resourcesExceeded"},
		{"grpc unavailable", status.Error(codes.Unavailable, secret), connector.ErrUnavailable, ""},
		{"grpc aborted", status.Error(codes.Aborted, secret), connector.ErrUnavailable, ""},
		{"grpc invalid", status.Error(codes.InvalidArgument, "row "+secret), connector.ErrConfiguration, ""},
		{"grpc denied", status.Error(codes.PermissionDenied, secret), connector.ErrConfiguration, ""},
		{"grpc extra field", storageError(t, codes.InvalidArgument, storagepb.StorageError_SCHEMA_MISMATCH_EXTRA_FIELDS), connector.ErrUnavailable, ""},
		{"grpc offset", storageError(t, codes.OutOfRange, storagepb.StorageError_OFFSET_OUT_OF_RANGE), nil, "OFFSET_OUT_OF_RANGE"},
		{"connection", fmt.Errorf("post: %w", io.ErrUnexpectedEOF), connector.ErrUnavailable, ""},
		{"no connection", &url.Error{Op: "Get", URL: "http://" + secret, Err: &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}}, connector.ErrUnavailable, "dial tcp: connection refused"},
		{"credentials", &url.Error{Op: "Get", URL: "http://" + secret, Err: &auth.Error{Response: &http.Response{StatusCode: http.StatusBadRequest}, Body: []byte(secret)}}, connector.ErrConfiguration, "gcloud auth application-default login"},
		{"credentials out of reach", &url.Error{Op: "Get", URL: "http://" + secret, Err: &auth.Error{Response: &http.Response{StatusCode: http.StatusServiceUnavailable}, Body: []byte(secret)}}, connector.ErrUnavailable, ""},
		{"API off", restError(403, "accessNotConfigured", "BigQuery API has not been used in project "+secret), connector.ErrConfiguration, "gcloud services enable"},
		{"may not create", restError(403, "accessDenied", "Access Denied: Project p: User does not have bigquery.datasets.create permission in project "+secret), connector.ErrConfiguration, "bigquery.datasets.create"},
		{"no such place", restError(400, "invalid", "Invalid storage region: Mars"), connector.ErrRefused, "Mars"},
		{"cancelled", fmt.Errorf("call: %w", context.Canceled), context.Canceled, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := explain(test.err)
			if test.want != nil && !errors.Is(got, test.want) {
				t.Errorf("%v is not %v", got, test.want)
			}
			for _, class := range []error{connector.ErrUnavailable, connector.ErrRefused, connector.ErrConfiguration, connector.ErrByteCap} {
				if !errors.Is(test.want, class) && errors.Is(got, class) {
					t.Errorf("%v is %v as well", got, class)
				}
			}
			if strings.Contains(got.Error(), secret) {
				t.Errorf("the text quotes a value: %v", got)
			}
			if !strings.Contains(got.Error(), test.says) {
				t.Errorf("%v does not say %s", got, test.says)
			}
			if again := explain(fmt.Errorf("again: %w", got)); strings.Contains(again.Error(), secret) || test.want != nil && !errors.Is(again, test.want) {
				t.Errorf("explained twice: %v", again)
			}
		})
	}
}

// TestMissing: a table that is not there can be made, but not in a project that
// is not there.
func TestMissing(t *testing.T) {
	for text, want := range map[string]bool{"Not found: Table p:d.t": true, "Not found: Dataset p:d": true, "Not found: Project p": false} {
		if got := isNotFound(explain(restError(404, "notFound", text))); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}

// triedOn is how Google's client for REST says that its time was up while it
// tried a call again.
type triedOn struct{ last error }

func (e triedOn) Error() string        { return "retry failed with context deadline exceeded" }
func (e triedOn) Unwrap() error        { return e.last }
func (e triedOn) Is(target error) bool { return target == context.DeadlineExceeded }

// TestReasonOfTrying: a BigQuery that answers 503 for as long as it is asked was
// said to give "no answer in time", and so was a connection that broke off.
func TestReasonOfTrying(t *testing.T) {
	for want, last := range map[string]error{
		"backendError":             restError(503, "backendError", secret),
		"the connection broke off": &url.Error{Op: "Get", URL: secret, Err: syscall.ECONNRESET},
		"no answer in time":        &url.Error{Op: "Get", URL: secret, Err: context.DeadlineExceeded},
	} {
		err := classify(t.Context(), triedOn{last})
		if !errors.Is(err, connector.ErrUnavailable) || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%v, want ErrUnavailable and %q", err, want)
		}
	}
}
