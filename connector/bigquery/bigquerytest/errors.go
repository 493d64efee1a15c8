package bigquerytest

import (
	"fmt"
	"net/http"

	"google.golang.org/api/googleapi"
)

// Reasons of errors, as
// https://cloud.google.com/bigquery/docs/error-messages lists them.
const (
	reasonInvalid      = "invalid"
	reasonInvalidQuery = "invalidQuery"
	reasonNotFound     = "notFound"
	reasonDuplicate    = "duplicate"
	reasonBytes        = "bytesBilledLimitExceeded"
	reasonStopped      = "stopped"
	reasonBackend      = "backendError"
	reasonQuota        = "quotaExceeded"
	reasonInUse        = "resourceInUse"
	reasonPrecondition = "conditionNotMet"
	// reasonMissing is no reason of BigQuery's: the stand-in does not do what
	// BigQuery would.
	reasonMissing = "notImplemented"
)

// Error is a JobError as an error.
func (e *JobError) Error() string { return e.Reason + ": " + e.Message }

// codes are the HTTP codes of reasons that are not 400.
var codesOf = map[string]int{
	reasonNotFound: http.StatusNotFound, reasonDuplicate: http.StatusConflict, reasonBackend: http.StatusServiceUnavailable,
	"internalError": http.StatusInternalServerError, "accessDenied": http.StatusForbidden, "rateLimitExceeded": http.StatusForbidden,
	"jobRateLimitExceeded": http.StatusForbidden, reasonQuota: http.StatusForbidden, "jobBackendError": http.StatusBadRequest,
	"jobInternalError": http.StatusBadRequest, reasonMissing: http.StatusNotImplemented, reasonStopped: 499,
	reasonPrecondition: http.StatusPreconditionFailed,
}

// api is the error as REST answers it.
func (e *JobError) api() *googleapi.Error {
	code := codesOf[e.Reason]
	if code == 0 {
		code = http.StatusBadRequest
	}
	return &googleapi.Error{
		Code: code, Message: e.Message, Errors: []googleapi.ErrorItem{{Reason: e.Reason, Message: e.Message}},
	}
}

func failure(reason, format string, args ...any) *JobError {
	return &JobError{reason, fmt.Sprintf(format, args...)}
}

// invalid is an error of a statement.
func invalid(format string, args ...any) *JobError {
	return failure(reasonInvalidQuery, format, args...)
}

// missing says that BigQuery can do it, and the stand-in cannot.
func missing(t token, format string, args ...any) *JobError {
	return failure(reasonMissing, "stand-in for BigQuery: %s is not part of it at [%d:%d]", fmt.Sprintf(format, args...), t.line, t.col)
}

func syntaxError(t token, format string, args ...any) *JobError {
	return invalid("Syntax error: %s at [%d:%d]", fmt.Sprintf(format, args...), t.line, t.col)
}

// unexpected is the syntax error of a token that cannot stand there.
func unexpected(t token) *JobError {
	switch t.kind {
	case tokenEnd:
		return syntaxError(t, "Unexpected end of script")
	case tokenWord:
		if reserved[upper(t)] {
			return syntaxError(t, "Unexpected keyword %s", upper(t))
		}
		return syntaxError(t, "Unexpected identifier %q", t.text)
	case tokenString, tokenBytes:
		return syntaxError(t, "Unexpected string literal")
	}
	return syntaxError(t, "Unexpected %q", t.text)
}
