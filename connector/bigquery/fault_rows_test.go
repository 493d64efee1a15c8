//go:build cgo

package bigquery

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/api/googleapi"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"vitalsink/connector/bigquery/bigquerytest"
	"vitalsink/schemas"
)

// openUnlucky opens a warehouse that is patient, but tries seldom and waits
// little in between.
func openUnlucky(t *testing.T) inspected {
	t.Helper()
	s := startTest(t)
	soon := grpc.WithConnectParams(grpc.ConnectParams{
		Backoff: backoff.Config{BaseDelay: time.Millisecond, Multiplier: 1, MaxDelay: time.Millisecond}, MinConnectTimeout: time.Minute,
	})
	w, err := Open(context.Background(), Config{
		Project: testProject, Dataset: testDataset, Catalogue: loadCatalogue(t), REST: s.REST(),
		Write: append(s.Write(), option.WithGRPCDialOption(soon)),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	tuned := defaultLimits()
	tuned.patience, tuned.pause, tuned.tries, tuned.unseen = time.Minute, time.Millisecond, 3, 100*time.Millisecond
	w.appender.tuned = &tuned
	return inspected{w, s}
}

// unluckyRows are the lines of docs/faults.md.
func unluckyRows() []unlucky {
	return slices.Concat(appendRows(), appendLasting(), restRows(), jobRows(), jobLasting(), everythingRows())
}

// hour is longer than anybody waits.
const hour = time.Hour

// impatient waits three seconds for an answer.
func impatient(w *Warehouse) {
	w.appender.tuned.patience, w.patience.callTimeout = 3*time.Second, 3*time.Second
}

// stopping has BigQuery stop jobs after three seconds.
func stopping(w *Warehouse) { w.patience.jobTimeout = 3 * time.Second }

// brief leaves to the next beat what fails.
func brief(w *Warehouse) { w.patience.retryFor = time.Millisecond }

// short is both.
func short(w *Warehouse) { impatient(w); brief(w) }

func statusFault(code codes.Code, f bigquerytest.Fault) bigquerytest.Fault {
	f.Status = status.New(code, "")
	return f
}

func restFault(code int, reason string, f bigquerytest.Fault) bigquerytest.Fault {
	f.REST = &googleapi.Error{Code: code, Errors: []googleapi.ErrorItem{{Reason: reason}}}
	return f
}

// appendSteps are the calls of an append, and that of the row of the registry.
func appendSteps() []bigquerytest.Fault {
	return []bigquerytest.Fault{
		{Call: bigquerytest.CallCreateWriteStream, Table: "timeseries_log"}, {Call: bigquerytest.CallAppendRows, Table: "timeseries_log"},
		{Call: bigquerytest.CallFinalizeWriteStream, Table: "timeseries_log"}, {Call: bigquerytest.CallBatchCommitWriteStreams, Table: "timeseries_log"},
		{Call: bigquerytest.CallAppendRows, Table: schemas.BatchesTable},
	}
}

// each is faults, with something changed in each.
func each(faults []bigquerytest.Fault, change func(bigquerytest.Fault) bigquerytest.Fault) []bigquerytest.Fault {
	changed := make([]bigquerytest.Fault, len(faults))
	for i, f := range faults {
		changed[i] = change(f)
	}
	return changed
}

// withEffect changes what a fault does.
func withEffect(effect bigquerytest.Effect, delay time.Duration) func(bigquerytest.Fault) bigquerytest.Fault {
	return func(f bigquerytest.Fault) bigquerytest.Fault {
		f.Effect, f.Delay = effect, delay
		return f
	}
}

// appendRows are what can happen once to each step of an append.
func appendRows() []unlucky {
	const everyStep = "each call of an append"
	var rows []unlucky
	for _, code := range []codes.Code{codes.Unavailable, codes.Aborted, codes.Internal, codes.ResourceExhausted} {
		rows = append(rows, unlucky{
			fault: "refused, " + code.String(), where: everyStep, happens: "the call is made again", counts: bigquerytest.CallAppendRows,
			inject: each(appendSteps(), func(f bigquerytest.Fault) bigquerytest.Fault { return statusFault(code, f) }),
		})
	}
	rows = append(rows,
		unlucky{
			fault: "connection reset before", where: everyStep, happens: "the call is made again, over a new connection", counts: bigquerytest.CallAppendRows,
			inject: each(appendSteps(), withEffect(bigquerytest.Reset, 0)),
		},
		unlucky{
			fault: "no answer", where: everyStep, happens: "after 2 min the call is made again", tune: impatient,
			inject: each(appendSteps(), withEffect(bigquerytest.Refuse, hour)),
		})
	for _, step := range appendSteps() {
		where := step.Call
		if step.Table == schemas.BatchesTable {
			where += ", registry"
		}
		for fault, effect := range map[string]bigquerytest.Effect{"done, but the reply is lost": bigquerytest.LoseReply, "connection reset after": bigquerytest.ResetAfter} {
			rows = append(rows, unlucky{
				fault: fault, where: where, happens: repeated(step), counts: step.Call,
				inject: each([]bigquerytest.Fault{step}, withEffect(effect, 0)),
			})
		}
	}
	slices.SortStableFunc(rows[6:], func(a, b unlucky) int { return strings.Compare(a.fault, b.fault) })
	return rows
}

// repeated says why a step that is done twice is done once.
func repeated(step bigquerytest.Fault) string {
	switch {
	case step.Table == schemas.BatchesTable:
		return "the row is written again; the readers know that it may be there twice"
	case step.Call == bigquerytest.CallCreateWriteStream:
		return "another stream is made; nobody uses the first"
	case step.Call == bigquerytest.CallAppendRows:
		return "the rows are sent again with their offset, and BigQuery says that it has them"
	}
	return "it is asked for again, and BigQuery says that it is done"
}

// appendLasting are what an append does not outlive by trying again at once.
func appendLasting() []unlucky {
	at := func(call, table string, code codes.Code) []bigquerytest.Fault {
		return []bigquerytest.Fault{statusFault(code, bigquerytest.Fault{Call: call, Table: table, Times: -1})}
	}
	const paused = "what is in hand is kept, and tried again after 1 s and then ever less often, up to every 15 s; nothing is given back for 50 min"
	return []unlucky{
		{fault: "UNAVAILABLE, for longer than an append tries (50 s)", where: "AppendRows", happens: "the batch is appended anew, under another id",
			inject: []bigquerytest.Fault{{Call: bigquerytest.CallAppendRows, Table: "timeseries_log", Times: 3}}, counts: bigquerytest.CallCreateWriteStream},
		{fault: "every reply is lost, for longer than an append tries", where: "BatchCommitWriteStreams", counts: bigquerytest.CallCreateWriteStream,
			happens: "the batch is appended anew, under another id; of the rows of the first no batch tells",
			inject:  []bigquerytest.Fault{{Call: bigquerytest.CallBatchCommitWriteStreams, Table: "timeseries_log", Times: 3, Effect: bigquerytest.LoseReply}}},
		{fault: "every reply is lost, for longer than an append tries", where: "AppendRows, registry", counts: bigquerytest.CallCreateWriteStream,
			happens: "the batch is appended anew, under another id, and is there twice: the fold counts its rows as superseded or stale",
			inject:  []bigquerytest.Fault{{Call: bigquerytest.CallAppendRows, Table: schemas.BatchesTable, Times: 3, Effect: bigquerytest.LoseReply}}},
		{fault: "UNAVAILABLE, until it is mended", where: "AppendRows", happens: paused, lasts: 1, inject: at(bigquerytest.CallAppendRows, "timeseries_log", codes.Unavailable)},
		{fault: "quota, RESOURCE_EXHAUSTED, until there is more", where: "CreateWriteStream", happens: paused, lasts: 1, inject: at(bigquerytest.CallCreateWriteStream, "timeseries_log", codes.ResourceExhausted)},
		{fault: "credentials expired, UNAUTHENTICATED, until they are renewed", where: "CreateWriteStream", happens: paused, lasts: 1, inject: at(bigquerytest.CallCreateWriteStream, "timeseries_log", codes.Unauthenticated)},
		{fault: "a permission is taken away, PERMISSION_DENIED", where: "AppendRows, registry", happens: paused, lasts: 1, inject: at(bigquerytest.CallAppendRows, schemas.BatchesTable, codes.PermissionDenied)},
		{fault: "no answer, until it is mended", where: "BatchCommitWriteStreams", happens: paused, lasts: 1, tune: impatient,
			inject: []bigquerytest.Fault{{Call: bigquerytest.CallBatchCommitWriteStreams, Table: "timeseries_log", Times: -1, Delay: hour}}},
	}
}

// mergeSubmitted is how many jobs about timeseries are submitted before the
// merge: a probe, and four that only ask what it would cost.
const mergeSubmitted = 5

// restRows are what can happen once to each call of a fold.
func restRows() []unlucky {
	const everyCall = "each call of a fold"
	probe := bigquerytest.Fault{Call: bigquerytest.CallJobsInsert, Table: "timeseries"}
	merge := bigquerytest.Fault{Call: bigquerytest.CallJobsInsert, Table: "timeseries", Skip: mergeSubmitted}
	estimate := bigquerytest.Fault{Call: bigquerytest.CallJobsInsert, Table: "timeseries", Skip: 1}
	calls := []bigquerytest.Fault{
		{Call: bigquerytest.CallTabledataList, Table: "timeseries_fence"}, {Call: bigquerytest.CallTablesGet, Table: "timeseries"}, probe,
		{Call: bigquerytest.CallJobsGet, Table: "timeseries"}, {Call: bigquerytest.CallJobsGetQueryResults, Table: "timeseries"},
	}
	rows := []unlucky{
		{fault: "503", where: everyCall, inject: calls},
		{fault: "connection reset before", where: everyCall, inject: each(calls, withEffect(bigquerytest.Reset, 0))},
		{fault: "no answer", where: everyCall, happens: "after 1 min the call is made again", tune: impatient, inject: each(calls, withEffect(bigquerytest.Refuse, hour))},
	}
	for reason, fault := range map[string]string{"rateLimitExceeded": "rate limit, 403 rateLimitExceeded", "quotaExceeded": "quota, 403 quotaExceeded"} {
		// The call that is made again counts for the merge in place of the first.
		rows = append(rows, unlucky{fault: fault, where: "jobs.insert, probe and merge", inject: each([]bigquerytest.Fault{probe, merge}, func(f bigquerytest.Fault) bigquerytest.Fault {
			return restFault(http.StatusForbidden, reason, f)
		})})
	}
	slices.SortStableFunc(rows[3:], func(a, b unlucky) int { return strings.Compare(a.fault, b.fault) })
	for i := range rows {
		rows[i].happens = cmp.Or(rows[i].happens, "the call is made again")
	}
	for _, at := range []struct {
		where string
		fault bigquerytest.Fault
	}{{"jobs.insert, probe", probe}, {"jobs.insert, merge", merge}} {
		const attached = "it is asked for again by the same name, and BigQuery has that job already"
		rows = append(rows,
			unlucky{fault: "done, but the reply is lost", where: at.where, happens: attached, inject: each([]bigquerytest.Fault{at.fault}, withEffect(bigquerytest.LoseReply, 0))},
			unlucky{fault: "connection reset after", where: at.where, happens: attached, inject: each([]bigquerytest.Fault{at.fault}, withEffect(bigquerytest.ResetAfter, 0))})
	}
	return append(rows, unlucky{
		fault: "quota, 403 quotaExceeded", where: "jobs.insert, estimate of the cost", happens: noMatter + " it",
		inject: []bigquerytest.Fault{restFault(http.StatusForbidden, "quotaExceeded", estimate)},
	})
}

// jobRows are what can become of a job.
func jobRows() []unlucky {
	merge := bigquerytest.Fault{Call: bigquerytest.CallJob, Table: "timeseries", Skip: 1}
	in := func(table string) bigquerytest.Fault {
		return bigquerytest.Fault{Call: bigquerytest.CallStatement, Table: table}
	}
	fails := func(fault, reason, message, happens string, f bigquerytest.Fault) unlucky {
		f.Job = &bigquerytest.JobError{Reason: reason, Message: message}
		return unlucky{fault: fault, where: "job, merge", happens: happens, counts: stepMerge, inject: []bigquerytest.Fault{f}}
	}
	const rolledBack = "nothing of it is in the tables; another job makes the merge"
	committed, hung, twice := merge, merge, merge
	committed.Effect, hung.Delay, twice.Times = bigquerytest.LoseReply, hour, 2
	rows := []unlucky{
		{fault: "backendError", where: "job, look for what is pending", happens: "another job asks", inject: []bigquerytest.Fault{{Call: bigquerytest.CallJob}}},
		{fault: "backendError", where: "job, probe", happens: "another job asks", counts: stepProbe, inject: []bigquerytest.Fault{{Call: bigquerytest.CallJob, Table: "timeseries"}}},
		fails("backendError", "backendError", "", rolledBack, merge),
		fails("internalError, after the statement that changes rows", "internalError", "", rolledBack, in("timeseries")),
		fails("it says that it failed, and has committed", "backendError", "", "the fence is raised, so another job changes nothing; what is pending is read anew", committed),
		fails("rate limit", "jobRateLimitExceeded", "", rolledBack, merge),
		fails("quota", "quotaExceeded", "", rolledBack, merge),
		fails("conflict: concurrent update of the fence", conflict.Reason, conflict.Message, rolledBack, in("timeseries_fence")),
		fails("conflict: could not serialize, twice", "invalidQuery", "Could not serialize access to table project:health_store.timeseries due to concurrent update", rolledBack, twice),
		fails("DML queue: too many statements outstanding", "invalidQuery", "Too many DML statements outstanding against table project:health_store.timeseries, limit is 20.", rolledBack, in("timeseries")),
		fails("byte cap: bytesBilledLimitExceeded, once", "bytesBilledLimitExceeded", "Query exceeded limit for bytes billed: 1000000. 20971520 or higher required.", "the merge is made in finer parts, and then with all of --max-bytes-billed", merge),
		fails("it never ends", "", "", "BigQuery stops it after 1 h, and another job makes the merge; until then nothing is folded, which vitalsink_lag_seconds shows", hung),
		{fault: "another folder is faster", where: "job, merge", happens: "the fence is raised, so this one changes nothing; what is pending is read anew", rival: true},
	}
	for i := range rows {
		if rows[i].inject != nil && rows[i].inject[0].Delay > 0 {
			rows[i].inject[0].Job, rows[i].tune = nil, stopping
		}
	}
	return rows
}

// jobLasting are faults that a fold leaves to the next.
func jobLasting() []unlucky {
	const behind = "nothing of the merge is in the table, and its batches stay pending"
	job := func(fault, reason, message, happens string) unlucky {
		return unlucky{fault: fault, where: "job, merge", happens: happens, lasts: 1, tune: brief, inject: []bigquerytest.Fault{
			{Call: bigquerytest.CallJob, Table: "timeseries", Skip: 1, Times: -1, Job: &bigquerytest.JobError{Reason: reason, Message: message}},
		}}
	}
	call := func(fault, where, call, table string, code int, reason string) unlucky {
		return unlucky{fault: fault, where: where, happens: behind, lasts: 1, tune: short, byChance: code == http.StatusServiceUnavailable, inject: []bigquerytest.Fault{
			restFault(code, reason, bigquerytest.Fault{Call: call, Table: table, Times: -1}),
		}}
	}
	return []unlucky{
		job("backendError, until it is mended", "backendError", "", behind),
		job("conflict, again and again", "invalidQuery", "Could not serialize access to table project:health_store.timeseries due to concurrent update", behind),
		job("quota, until there is more", "quotaExceeded", "", behind),
		job("byte cap: bytesBilledLimitExceeded, always", "bytesBilledLimitExceeded", "Query exceeded limit for bytes billed: 1000000. 20971520 or higher required.",
			behind+"; somebody raises --max-bytes-billed"),
		job("a permission is taken away", "accessDenied", "Access Denied: Table project:health_store.timeseries: Permission bigquery.tables.updateData denied", behind),
		call("credentials expired, 401, until they are renewed", "jobs.insert", bigquerytest.CallJobsInsert, "timeseries", http.StatusUnauthorized, "authError"),
		call("503, until it is mended", "jobs.insert", bigquerytest.CallJobsInsert, "timeseries", http.StatusServiceUnavailable, "backendError"),
		call("503, until it is mended", "jobs.get", bigquerytest.CallJobsGet, "timeseries", http.StatusServiceUnavailable, "backendError"),
		call("503, until it is mended", "tabledata.list, of a fence", bigquerytest.CallTabledataList, "timeseries_fence", http.StatusServiceUnavailable, "backendError"),
	}
}

// everythingRows are faults of all calls at once.
func everythingRows() []unlucky {
	const both = "what is in hand is kept, what is appended stays pending, both are tried again"
	expired := statusFault(codes.Unauthenticated, restFault(http.StatusUnauthorized, "authError", bigquerytest.Fault{Times: -1}))
	every := func(fault string, f bigquerytest.Fault) unlucky {
		return unlucky{fault: fault, where: "everything", happens: both, lasts: 2, tune: short, byChance: true, inject: []bigquerytest.Fault{f}}
	}
	return []unlucky{
		every("connection reset before, until it is mended", bigquerytest.Fault{Times: -1, Effect: bigquerytest.Reset}),
		every("connection reset after, until it is mended", bigquerytest.Fault{Times: -1, Effect: bigquerytest.ResetAfter}),
		every("no answer, until it is mended", bigquerytest.Fault{Times: -1, Delay: hour}),
		every("credentials expired, until they are renewed", expired),
	}
}
