package bigquery

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"cloud.google.com/go/auth"
	"cloud.google.com/go/bigquery"
	"cloud.google.com/go/bigquery/storage/apiv1/storagepb"
	"github.com/googleapis/gax-go/v2/apierror"
	"google.golang.org/api/googleapi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"vitalsink/connector"
)

// What our scripts say when they stop. BigQuery puts words around it.
const (
	raisedFenced   = "vitalsink: another fold was faster"
	raisedTaken    = "vitalsink: a batch is merged already"
	raisedBooks    = "vitalsink: books do not balance"
	raisedTwice    = "vitalsink: the table holds a key twice"
	raisedUnfenced = "vitalsink: there must be one row in "
)

// fault is what BigQuery said, without the text, which may quote a value of a
// row; only parts that are known to be names are kept.
type fault struct {
	class   error // of package connector; nil for what is none of them
	what    string
	missing bool // there is no such thing
	unseen  bool // writers do not see a table or a column yet
}

func (f *fault) Error() string {
	if f.class == nil {
		return "bigquery: " + f.what
	}
	return f.class.Error() + ": bigquery: " + f.what
}

func (f *fault) Unwrap() error { return f.class }

// explain classifies an error of a Google client and leaves its text out. It
// is the only place that reads what BigQuery says. Errors of other kinds, and
// nil, stay as they are.
func explain(err error) error {
	var rest *googleapi.Error
	var job *bigquery.Error
	var known *fault
	switch {
	case err == nil, errors.As(err, &known):
		return err
	case errors.Is(err, context.Canceled): // what a client adds is left out, too
		return context.Canceled
	case errors.Is(err, context.DeadlineExceeded):
		return context.DeadlineExceeded
	case errors.As(err, &rest):
		reason := http.StatusText(rest.Code)
		if len(rest.Errors) > 0 {
			reason = rest.Errors[0].Reason
		}
		return explainText(reason, rest.Code, rest.Message)
	case errors.As(err, &job):
		return explainText(job.Reason, 0, job.Message)
	}
	if s, ok := statusOf(err); ok {
		return explainStatus(s)
	}
	var credentials *auth.Error
	if errors.As(err, &credentials) && credentials.Response != nil && credentials.Response.StatusCode < 500 && !credentials.Temporary() {
		return &fault{class: connector.ErrConfiguration, what: "Google refuses the credentials" + hints["authError"]}
	}
	var dial *net.OpError
	if errors.As(err, &dial) { // it tells of addresses, and of nothing else
		return &fault{class: connector.ErrUnavailable, what: "no connection: " + dial.Error()}
	}
	var network net.Error
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &network) {
		return &fault{class: connector.ErrUnavailable, what: "the connection broke off"}
	}
	return err
}

// transient are texts of errors that go away, though they come as faults of
// the statement (400 invalidQuery). From public reports; see also
// https://cloud.google.com/bigquery/docs/error-messages.
var transient = []string{
	"Transaction is aborted due to concurrent update against table",
	"Could not serialize access to table",
	"Too many DML statements outstanding against table",
	"Exceeded rate limits",
	"Retrying the job may solve the problem",
}

// reasons of errors of REST calls and jobs.
var (
	transientReasons = []string{
		"backendError", "internalError", "jobBackendError", "jobInternalError", "rateLimitExceeded",
		"jobRateLimitExceeded", "quotaExceeded", "tableUnavailable", "timeout", "stopped",
	}
	setupReasons = []string{
		"accessDenied", "notFound", "billingNotEnabled", "billingTierLimitExceeded", "blocked", "invalidUser",
		"authError", "forbidden", "required",
	}
)

// hints say what to do about reasons.
var hints = map[string]string{
	"accessNotConfigured": "; the API is not enabled in the project: gcloud services enable bigquery.googleapis.com bigquerystorage.googleapis.com",
	"authError":           "; see GOOGLE_APPLICATION_CREDENTIALS, or: gcloud auth application-default login",
}

func explainText(reason string, code int, text string) error {
	what := reason + namesIn(text) + hints[reason]
	passing := slices.IndexFunc(transient, func(t string) bool { return strings.Contains(text, t) })
	switch {
	case strings.Contains(text, raisedFenced):
		return &fault{class: connector.ErrFenced, what: "the fence was raised"}
	case strings.Contains(text, raisedTaken):
		return &fault{class: connector.ErrTaken, what: "the ledger has one of the batches"}
	case strings.Contains(text, raisedBooks):
		return &fault{class: connector.ErrBooks, what: behind(books, text)}
	case strings.Contains(text, raisedTwice):
		return &fault{class: connector.ErrBooks, what: "the table holds a key twice"}
	case strings.Contains(text, raisedUnfenced):
		return &fault{class: connector.ErrConfiguration, what: behind(unfenced, text)}
	case passing >= 0:
		return &fault{class: connector.ErrUnavailable, what: what + ": " + transient[passing]}
	case reason == "bytesBilledLimitExceeded", strings.Contains(text, "exceeded limit for bytes billed"):
		return &fault{class: connector.ErrByteCap, what: bytesIn(text)}
	case slices.Contains(transientReasons, reason), code >= 500, code == http.StatusTooManyRequests,
		code == http.StatusPreconditionFailed: // somebody else has changed it
		return &fault{class: connector.ErrUnavailable, what: what}
	case slices.Contains(setupReasons, reason), code == http.StatusUnauthorized, code == http.StatusForbidden, code == http.StatusNotFound:
		// In a project that is not there nothing can be made.
		missing := (reason == "notFound" || code == http.StatusNotFound) && !strings.Contains(text, "Not found: Project")
		return &fault{class: connector.ErrConfiguration, what: what, missing: missing}
	case reason == "resourcesExceeded", reason == "responseTooLarge":
		return &fault{class: nil, what: what} // less at once may do
	}
	return &fault{class: connector.ErrRefused, what: what}
}

var (
	// namedIn finds what is named in texts that are known to hold no values
	// there.
	namedIn = regexp.MustCompile(`^(?:Not found|Access Denied|Already Exists): (?:Table|Dataset|Project|Job) [\w:.\-]+` +
		`|(?:concurrent update against|serialize access to|outstanding against) table [\w:.\-]+` +
		`|[Pp]ermission bigquery\.[\w.]+|does not have bigquery\.[\w.]+ permission|Invalid storage region: [\w\-]+|Entity: projects/[\w/.\-]+`)
	// The others find what stands behind words that are ours, or BigQuery's own.
	capped   = regexp.MustCompile(`limit for bytes billed: (\d+)\. (\d+) or higher`)
	unfenced = regexp.MustCompile(`vitalsink: (there must be one row in \w+)`)
	books    = regexp.MustCompile(`vitalsink: books do not balance (\{[a-z_0-9 ,=]*\})`)
)

func namesIn(text string) string {
	found := namedIn.FindAllString(text, 3)
	if len(found) == 0 {
		return ""
	}
	return " (" + strings.Join(found, ", ") + ")"
}

// bytesIn are the numbers of "Query exceeded limit for bytes billed: 1000.
// 10485760 or higher required."
func bytesIn(text string) string {
	found := capped.FindStringSubmatch(text)
	if found == nil {
		return "more than the limit"
	}
	return fmt.Sprintf("%s bytes are needed, the limit is %s", found[2], found[1])
}

// behind is the part of what re finds that may be told, "" if it finds nothing.
func behind(re *regexp.Regexp, text string) string {
	found := re.FindStringSubmatch(text)
	if found == nil {
		return ""
	}
	return found[1]
}

// statusOf is the gRPC status of an error, if it has one.
func statusOf(err error) (*status.Status, bool) {
	var api *apierror.APIError
	if errors.As(err, &api) && api.GRPCStatus() != nil {
		return api.GRPCStatus(), true
	}
	return status.FromError(err)
}

// storageErrorOf is what the Storage Write API says beside the status.
func storageErrorOf(s *status.Status) storagepb.StorageError_StorageErrorCode {
	for _, detail := range s.Details() {
		if e, ok := detail.(*storagepb.StorageError); ok {
			return e.GetCode()
		}
	}
	return storagepb.StorageError_STORAGE_ERROR_CODE_UNSPECIFIED
}

// setupCodes do not go away by themselves. InvalidArgument is one of them: rows
// that are to blame are named apart from it.
var setupCodes = []codes.Code{
	codes.InvalidArgument, codes.PermissionDenied, codes.Unauthenticated, codes.NotFound, codes.Unimplemented,
}

func explainStatus(s *status.Status) error {
	storage := storageErrorOf(s)
	what := s.Code().String()
	if storage != storagepb.StorageError_STORAGE_ERROR_CODE_UNSPECIFIED {
		what += " " + storage.String()
	}
	what += namesIn(s.Message())
	switch storage {
	case storagepb.StorageError_SCHEMA_MISMATCH_EXTRA_FIELDS, storagepb.StorageError_TABLE_NOT_FOUND:
		// The tables were looked at: one that was made or extended lately is
		// seen by writers some minutes later.
		return &fault{class: connector.ErrUnavailable, what: what, unseen: true}
	case storagepb.StorageError_CMEK_NOT_PROVIDED, storagepb.StorageError_INVALID_CMEK_PROVIDED, storagepb.StorageError_KMS_PERMISSION_DENIED:
		return &fault{class: connector.ErrConfiguration, what: what}
	case storagepb.StorageError_STREAM_NOT_FOUND, storagepb.StorageError_STREAM_FINALIZED,
		storagepb.StorageError_INVALID_STREAM_STATE, storagepb.StorageError_STREAM_ALREADY_COMMITTED:
		return &fault{class: connector.ErrUnavailable, what: what} // other streams may do
	}
	switch code := s.Code(); {
	case code == codes.Canceled:
		return context.Canceled
	case code == codes.NotFound && strings.Contains(s.Message(), "/streams/"): // not everywhere yet
		return &fault{class: connector.ErrUnavailable, what: what}
	case code == codes.NotFound && (strings.Contains(s.Message(), "/tables/") || strings.Contains(s.Message(), "Not found: Table")): // as above
		return &fault{class: connector.ErrUnavailable, what: what, unseen: true}
	case slices.Contains(setupCodes, code):
		return &fault{class: connector.ErrConfiguration, what: what}
	case code == codes.OutOfRange:
		return &fault{class: nil, what: what}
	}
	return &fault{class: connector.ErrUnavailable, what: what}
}

// explainStorage is explain for an error that comes in an answer.
func explainStorage(e *storagepb.StorageError) error {
	s, err := status.New(codes.Unknown, e.GetErrorMessage()).WithDetails(e)
	if err != nil {
		return err
	}
	return explainStatus(s)
}
