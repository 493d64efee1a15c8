package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	bq "cloud.google.com/go/bigquery"
	"github.com/dustin/go-humanize"
	"google.golang.org/api/googleapi"

	"vitalsink/connector"
	"vitalsink/schemas"
)

var scriptCheck = check{
	name: "cap of a script", look: capOfScript,
	assumed: "maximum_bytes_billed caps each statement of a script, not all of them together",
	code:    "connector/bigquery/merge.go (finerParts), bigquerytest.Config.CapScripts",
	means: "a merge cut into finer statements is capped as a whole: cutting does not help, and one that needs more than a tenth of " +
		"--max-bytes-billed goes on to ask for all of it. The limit is the stricter for it; nothing is billed beyond it. Raise --max-bytes-billed if merges pause",
}

var capCheck = check{
	name: "exceeding the cap", look: exceedCap,
	assumed: "a job over its cap is refused with bytesBilledLimitExceeded, or a text that has \"" + overTheCap + "\", and costs nothing; vitalsink takes it for connector.ErrByteCap",
	code:    "connector/bigquery/errors.go (explainText)",
	means:   "a merge that is too large is not cut finer but fails as it is, and stays pending without saying which setting would let it pass",
}

// What BigQuery says of a job over its cap, as connector/bigquery knows it.
const (
	overTheCap = "exceeded limit for bytes billed"
	capReason  = "bytesBilledLimitExceeded"
)

// scriptCap allows two statements of the least size, not three.
const scriptCap = 2*leastBilled + leastBilled/2

// capOfScript runs a script of three statements, each of which is billed the
// least there is.
func capOfScript(ctx context.Context, t *trial) (saw seen, err error) {
	table := t.table(schemas.TimeseriesTable + "_fence")
	q := t.prepared(strings.Repeat("SELECT SUM(n) AS n FROM "+table+";\n", 3))
	q.MaxBytesBilled = scriptCap
	_, status, err := t.ended(ctx, q)
	switch {
	case isOverCap(err):
		saw.say("refused: %s", said(err))
		return saw, different{saw: "three statements of 10 MB each are refused under a cap of 25 MB: it is the script's"}
	case err != nil:
		return saw, told("run a script", err)
	}
	billed := billedFor(status)
	saw.set("cap_bytes", scriptCap)
	saw.set("billed_bytes", billed)
	saw.say("a script of three statements, capped at %s, was billed %s", humanize.IBytes(scriptCap), humanize.IBytes(uint64(billed)))
	if billed <= scriptCap {
		return saw, hidden{"that is within the cap, so it says nothing about it"}
	}
	return saw, nil
}

// isOverCap tells whether a job was refused for its cap.
func isOverCap(err error) bool {
	var rest *googleapi.Error
	var job *bq.Error
	switch {
	case errors.As(err, &rest):
		return strings.Contains(rest.Message, overTheCap) || len(rest.Errors) > 0 && rest.Errors[0].Reason == capReason
	case errors.As(err, &job):
		return strings.Contains(job.Message, overTheCap) || job.Reason == capReason
	}
	return false
}

// exceedCap asks for more than may be billed, first with a client, then through
// a warehouse.
func exceedCap(ctx context.Context, t *trial) (saw seen, err error) {
	q := t.prepared("SELECT SUM(n) AS n FROM " + t.table(schemas.TimeseriesTable+"_fence"))
	q.MaxBytesBilled = 1
	job, err := q.Run(ctx)
	where := "when it was submitted"
	if err == nil {
		where = "when it ran"
		var status *bq.JobStatus
		if status, err = t.wait(ctx, job); err == nil {
			err = status.Err()
			saw.set("billed_bytes", billedFor(status))
		}
	}
	switch {
	case err == nil:
		return saw, different{"a query of at least 10 MB ran under a cap of one byte", "maximum_bytes_billed does not protect; set a quota on the project"}
	case !isOverCap(err):
		return saw, different{saw: "refused in other words: " + said(err)}
	}
	saw.say("a query under a cap of one byte is refused %s: %s", where, said(err))
	cfg := t.config(t.catalogue)
	cfg.MaxBytesBilled = 1
	cfg.MaxBytesBilledPerDay = 0
	w, err := t.open(ctx, cfg)
	if err != nil {
		return saw, err
	}
	if _, err := w.Pending(ctx); !errors.Is(err, connector.ErrByteCap) {
		return saw, different{saw: fmt.Sprintf("vitalsink takes it for something else: %v", scrubOrNone(err))}
	}
	saw.say("vitalsink takes it for what it is")
	return saw, nil
}

func scrubOrNone(err error) string {
	if err == nil {
		return "no error"
	}
	return scrub(err)
}
