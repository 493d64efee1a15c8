package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	bq "cloud.google.com/go/bigquery"
	"golang.org/x/sync/errgroup"

	"vitalsink/connector"
	"vitalsink/schemas"
)

var transactionsCheck = check{
	name: "two transactions", look: twoTransactions,
	assumed: "of two transactions that change the one row of a table, one is cancelled, not queued: invalidQuery, \"" + concurrentUpdate + "\"",
	code:    "connector/bigquery/errors.go (transient), job.go (retry)",
}

var wayCheck = check{
	name: "a fold in the way", look: foldInTheWay,
	assumed: "a fold whose fence another transaction holds is cancelled, taken for connector.ErrUnavailable, and tried again until it comes through",
	code:    "connector/bigquery/errors.go (transient), job.go (script)",
	means:   "a fold that meets another ends with an error instead of being tried again; the next beat makes up for it",
}

var foldersCheck = check{
	name: "two folders", look: twoFolders,
	assumed: "two folders at once over the same batches: each batch is merged once, by one of them, and no key is there twice",
	code:    "connector/bigquery/sql/merge.sql (the fence and the ledger), job.go (names of jobs)",
	means:   "a second folder does harm: keep to one (run --no-fold for the others), and look for rows of the same key",
}

// concurrentUpdate is what BigQuery says of a transaction that lost, as
// connector/bigquery knows it.
const concurrentUpdate = "Transaction is aborted due to concurrent update against table"

// rounds is how often two jobs are tried to be brought to meet.
const rounds = 4

// oneRow is the table that two transactions change.
const oneRow = "livecheck_fence"

// holding is a transaction that changes the row of a table, and then is busy
// for so many statements that read no table, and so cost nothing.
func holding(table, set string, statements int) string {
	return "BEGIN TRANSACTION;\nUPDATE " + table + " SET " + set + " WHERE TRUE;\n" +
		strings.Repeat("SELECT COUNT(*) AS n FROM UNNEST(GENERATE_ARRAY(1, 1500)) AS a CROSS JOIN UNNEST(GENERATE_ARRAY(1, 1500)) AS b;\n", statements) +
		"COMMIT TRANSACTION;"
}

// fought is how a transaction ended.
type fought struct {
	job        *bq.Job
	began, end time.Time
	lost       error
}

// fight runs a transaction to its end, by the clock of BigQuery.
func (t *trial) fight(ctx context.Context, text string) (f fought, err error) {
	if f.job, err = t.prepared(text).Run(ctx); err != nil {
		return f, told("submit a transaction", err)
	}
	status, err := t.wait(ctx, f.job)
	if err != nil {
		return f, told("wait for a transaction", err)
	}
	f.lost = status.Err()
	f.began, f.end = status.Statistics.StartTime, status.Statistics.EndTime
	return f, nil
}

// twoTransactions lets two jobs change the same row at the same time.
func twoTransactions(ctx context.Context, t *trial) (saw seen, err error) {
	table := t.client.Dataset(t.store()).Table(oneRow)
	if err := table.Create(ctx, &bq.TableMetadata{Schema: bq.Schema{{Name: "n", Type: bq.IntegerFieldType}}}); err != nil {
		return saw, told("make a table of one row", err)
	}
	if _, _, err := t.answer(ctx, t.prepared("INSERT INTO "+t.table(oneRow)+" (n) VALUES (0)")); err != nil {
		return saw, err
	}
	won := int64(0)
	for round := range rounds {
		both, err := t.bothAtOnce(ctx, holding(t.table(oneRow), "n = n + 1", 8<<round))
		if err != nil {
			return saw, err
		}
		lost := []fought{}
		for _, f := range both {
			if f.lost != nil {
				lost = append(lost, f)
			} else {
				won++
			}
		}
		met := both[0].began.Before(both[1].end) && both[1].began.Before(both[0].end)
		saw.set("rounds", round+1)
		switch {
		case len(lost) == 1:
			return saw, t.judgeLoser(ctx, &saw, lost[0], won)
		case len(lost) == 2:
			return saw, different{"both were cancelled: " + said(lost[0].lost), "two folds may both lose; each tries again with jitter, so one comes through later"}
		case met:
			return saw, different{"both committed although they overlapped: the second waited", "folds queue instead of being cancelled: slower, and harmless, for the fence lets only one of them raise it"}
		}
	}
	return saw, hidden{fmt.Sprintf("the two did not meet in %d tries; run it again", rounds)}
}

func (t *trial) bothAtOnce(ctx context.Context, text string) (both [2]fought, err error) {
	g, gctx := errgroup.WithContext(ctx)
	for i := range both {
		g.Go(func() (err error) {
			both[i], err = t.fight(gctx, text)
			return err
		})
	}
	err = g.Wait()
	return both, err
}

// judgeLoser says how the loser was told, and wants the winners' changes, and
// no others, to be there.
func (t *trial) judgeLoser(ctx context.Context, saw *seen, loser fought, won int64) error {
	saw.say("the loser ended after %v: %s", loser.end.Sub(loser.began).Round(100*time.Millisecond), said(loser.lost))
	_, err := loser.job.Read(ctx)
	saw.say("asked for its result: HTTP %d", codeOf(err))
	saw.set("http_code", codeOf(err))
	n, err := t.number(ctx, "SELECT MAX(n) AS n FROM "+t.table(oneRow))
	if err != nil {
		return err
	}
	var job *bq.Error
	if errors.As(loser.lost, &job) {
		saw.set("reason", job.Reason)
		saw.set("known_text", strings.Contains(job.Message, concurrentUpdate))
		if !strings.Contains(job.Message, concurrentUpdate) {
			return different{"the text is another: " + masked(job.Message), "a fold that meets another is not tried again at once but ends with an error; the next beat makes up for it. errors.go (transient) has to know this text"}
		}
	}
	if n != won {
		return different{fmt.Sprintf("%d transactions committed, and the row counts %d", won, n), "the fence does not hold: do not run two folders"}
	}
	saw.say("its text is the known one, and what it changed is not there")
	return nil
}

// quoted finds what may be a value in an error's text, and what names a table
// or a job.
var quoted = regexp.MustCompile("'[^']*'|\"[^\"]*\"|`[^`]*`|[\\w-]+[:.][\\w:.-]+|\\d+")

// masked is a text of BigQuery's about a table of the trial, without names and
// numbers.
func masked(text string) string { return quoted.ReplaceAllString(text, "…") }

// foldInTheWay folds while another transaction holds the fence. That the fold
// was cancelled and tried again shows in the name of the job that did it, which
// ends with the number of those before.
func foldInTheWay(ctx context.Context, t *trial) (saw seen, err error) {
	fence := t.table(schemas.TimeseriesTable + "_fence")
	s := telling{user: "in-the-way", first: today(), each: 100, published: time.Now()}
	for round := range rounds {
		more := s
		s.messages, more.messages, more.first = s.messages+1, 1, s.first.Add(time.Duration(s.samples())*time.Second)
		more.published = time.Now()
		if err := t.append(ctx, t.warehouse, more); err != nil {
			return saw, err
		}
		began := time.Now()
		if err := t.foldBeside(ctx, holding(fence, "n = n + 0", 40+20*round)); err != nil {
			return saw, err
		}
		job, err := t.lastMerge(ctx, began)
		if err != nil {
			return saw, err
		}
		saw.set("rounds", round+1)
		if strings.HasSuffix(job, "_0") {
			continue // they did not meet
		}
		saw.set("job_suffix", job[strings.LastIndex(job, "_"):])
		saw.say("the fold was cancelled, tried again, and came through after %v", time.Since(began).Round(100*time.Millisecond))
		t.firstTry(ctx, &saw, job)
		return saw, t.wants(ctx, s)
	}
	return saw, hidden{fmt.Sprintf("the fold and the other transaction did not meet in %d tries; run it again", rounds)}
}

// foldBeside folds while a transaction runs, and wants both to come through:
// the transaction was first.
func (t *trial) foldBeside(ctx context.Context, text string) error {
	holder, err := t.prepared(text).Run(ctx)
	if err != nil {
		return told("submit a transaction", err)
	}
	if err := untilBusy(ctx, holder); err != nil {
		return err
	}
	_, err = t.folder(t.warehouse, t.catalogue, 0).Fold(ctx)
	status, lost := t.wait(ctx, holder)
	switch {
	case lost != nil:
		return errors.Join(err, told("wait for a transaction", lost))
	case status.Err() != nil:
		return different{saw: "the transaction that was first was cancelled, not the fold: " + said(status.Err())}
	case errors.Is(err, connector.ErrUnavailable), errors.Is(err, connector.ErrFenced):
		return different{saw: "the fold gave up: " + scrub(err), means: "the fold waits for its next beat when it meets another"}
	case err != nil && ctx.Err() == nil:
		return different{saw: "the fold failed: " + scrub(err)}
	}
	return err
}

// untilBusy waits until a transaction has made its change, as far as BigQuery
// tells.
func untilBusy(ctx context.Context, job *bq.Job) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for {
		status, err := job.Status(ctx)
		if err != nil && ctx.Err() == nil {
			return told("look at a transaction", err)
		}
		if err == nil && (status.Done() || status.Statistics.NumChildJobs > 1) {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil // it may not tell
		case <-ticker.C:
		}
	}
}

// lastMerge is the job of the last merge of samples since then.
func (t *trial) lastMerge(ctx context.Context, since time.Time) (string, error) {
	entry, err := t.ledger(ctx, since)
	if err != nil {
		return "", err
	}
	return entry[len(entry)-1].job, nil
}

// firstTry says how the first try of a merge ended.
func (t *trial) firstTry(ctx context.Context, saw *seen, job string) {
	first, err := t.client.JobFromIDLocation(ctx, job[:strings.LastIndex(job, "_")]+"_0", t.options.Location)
	if err != nil || first.LastStatus() == nil || first.LastStatus().Err() == nil {
		return
	}
	var e *bq.Error
	if errors.As(first.LastStatus().Err(), &e) {
		known := strings.Contains(e.Message, concurrentUpdate)
		saw.set("first_try_reason", e.Reason)
		saw.set("first_try_known_text", known)
		saw.say("its first try ended with reason %s, with the known text: %t", e.Reason, known)
	}
}

// twoFolders lets two processes' folders at the same batches: one takes all of
// them, the other one by one.
func twoFolders(ctx context.Context, t *trial) (saw seen, err error) {
	s := telling{user: "folders", first: today(), messages: 6, each: 100, published: time.Now()}
	if err := t.append(ctx, t.warehouse, s); err != nil {
		return saw, err
	}
	other, err := t.open(ctx, t.config(t.catalogue))
	if err != nil {
		return saw, err
	}
	var done [2]connector.Folded
	var lost [2]error
	var both errgroup.Group
	for i, f := range []*connector.Folder{t.folder(t.warehouse, t.catalogue, 0), t.folder(other, t.catalogue, s.each)} {
		both.Go(func() error {
			done[i], lost[i] = f.Fold(ctx)
			if errors.Is(lost[i], connector.ErrFenced) {
				return nil // the other was always faster
			}
			return lost[i]
		})
	}
	if err := both.Wait(); err != nil {
		return saw, err
	}
	n, err := t.row(ctx, "SELECT COUNT(*) AS n, COUNT(DISTINCT id) AS ids FROM "+t.table(schemas.MergesTable)+" AS m, UNNEST(m.batch_ids) AS id", 2)
	if err != nil {
		return saw, err
	}
	saw.set("merges", []int{done[0].Merges, done[1].Merges})
	saw.set("gave_up", []bool{lost[0] != nil, lost[1] != nil})
	saw.say("%d and %d merges; the ledger has each of all %d batches once", done[0].Merges, done[1].Merges, n[1])
	if n[0] != n[1] {
		return seen{numbers: saw.numbers}, different{saw: fmt.Sprintf("of %d batches in the ledger only %d are different ones", n[0], n[1])}
	}
	return saw, t.wants(ctx, s)
}
