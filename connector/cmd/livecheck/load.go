package main

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/dustin/go-humanize"

	"vitalsink/connector"
	"vitalsink/connector/synth"
	"vitalsink/schemas"
)

const (
	// samplesADay is about what a person's devices tell in a day.
	samplesADay = 4_000
	// loadDays is for how many days people tell, if there are samples enough.
	loadDays = 7
	// mostUsers of a load: a day of all of them is in memory, half a MiB each.
	mostUsers   = 500
	mostSamples = 1_000_000_000
	// mergeRows is how many rows one merge takes, as with vitalsink run.
	mergeRows = 20_000_000
)

// loadStart is the first day of the load.
var loadStart = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

// load is the generated samples.
type load struct {
	*trial
	samples, generating atomic.Int64 // so far; nanoseconds
	done                bool
}

// checks are about the load, and what it left.
func (l *load) checks() []check {
	return []check{
		{
			name: "load", look: l.run,
			assumed: "generated samples, a fifth of them told twice and some broken, are appended and folded, and the books balance",
			code:    "connector/ingest.go, connector/fold.go, connector/bigquery",
		},
		{
			name: "truth", look: l.compare,
			assumed: "every table holds exactly the rows, keys, versions and values that the generator says, and no key twice",
			code:    "connector/bigquery/sql/merge.sql, connector/bigquery/encode.go",
			means:   "rows are wrong: do not use this with BigQuery until it is understood",
		},
	}
}

// population is people with about so many samples.
func population(samples int) *synth.Population {
	days := min(loadDays, max(1, samples/samplesADay))
	users := max(1, (samples+samplesADay*days/2)/(samplesADay*days))
	if users > mostUsers {
		days, users = samples/(samplesADay*mostUsers), mostUsers
	}
	return &synth.Population{
		Users: users, Days: days, Seed: 1, Start: loadStart,
		Duplicates: 0.02, Disorder: 0.05, Updates: 0.05, Late: 0.01, Bad: 0.002,
	}
}

// Receive delivers the messages as they are generated: memory holds a day of
// all people.
func (l *load) Receive(ctx context.Context, deliver func(context.Context, *connector.Message) error) error {
	last := time.Now()
	for m, n := range population(l.options.Samples).Messages(ctx, l.catalogue) {
		l.generating.Add(int64(time.Since(last)))
		if err := deliver(ctx, &connector.Message{Message: m, Ack: func() {}, Nack: func() {}}); err != nil {
			return err
		}
		l.samples.Add(int64(n))
		last = time.Now()
	}
	return ctx.Err()
}

// run appends, then folds, so that each has its own rate.
func (l *load) run(ctx context.Context, _ *trial) (saw seen, err error) {
	ingest := &connector.Ingest{
		Warehouse: l.warehouse, Catalogue: l.warehouse.Catalogue(), Log: slog.New(slog.DiscardHandler),
		FlushInterval: time.Minute, Workers: min(4, runtime.GOMAXPROCS(0)),
	}
	began := time.Now()
	if err := ingest.Run(ctx, l); err != nil {
		return saw, err
	}
	appending, landed := time.Since(began), ingest.Landed()
	billed := l.billed()
	began = time.Now()
	folded, err := l.folder(l.warehouse, l.warehouse.Catalogue(), mergeRows).Fold(ctx)
	if err != nil {
		return saw, err
	}
	folding, samples := time.Since(began), l.samples.Load()
	logged := int64(landed.Books.Rows + landed.Tables[schemas.QuarantineTable].Rows)
	saw.say("%s samples in %s messages: appended in %v (%v of it waiting for the generator), %s samples/s, in %d batches",
		humanize.Comma(samples), humanize.Comma(int64(landed.Books.Messages)), appending.Round(time.Second/10),
		time.Duration(l.generating.Load()).Round(time.Second/10), rate(samples, appending), landed.Batches)
	saw.say("folded in %v, %s samples/s, in %d merges: %s rows = %s applied + %s superseded + %s stale", folding.Round(time.Second/10),
		rate(samples, folding), folded.Merges, comma(folded.Books.Registered), comma(folded.Books.Applied), comma(folded.Books.Superseded), comma(folded.Books.Stale))
	saw.set("samples", samples)
	saw.set("append_seconds", round(appending))
	saw.set("generator_seconds", round(time.Duration(l.generating.Load())))
	saw.set("fold_seconds", round(folding))
	saw.set("books", folded.Books)
	if err := l.costs(ctx, &saw, folded, l.billed()-billed); err != nil {
		return saw, err
	}
	l.done = true
	if int64(folded.Books.Registered) != logged {
		return saw, different{saw: fmt.Sprintf("%d rows were appended, and %d folded", logged, folded.Books.Registered)}
	}
	return saw, nil
}

// costs says what the load was billed for. Appends are billed by the size of
// the rows, as a query of all of them would be.
func (l *load) costs(ctx context.Context, saw *seen, folded connector.Folded, billed int64) error {
	var appended int64
	for _, table := range l.catalogue.Versioned() {
		n, err := l.wouldRead(ctx, "SELECT * FROM "+l.table(table.Name+"_log"))
		if err != nil {
			return err
		}
		appended += n
	}
	saw.say("the logs hold %s: appending that costs nothing within the month's first %d TiB, else $%.3f",
		humanize.IBytes(uint64(appended)), freeTiB, appendDollars(appended))
	saw.say("merges say %s (estimated before: %s); billed for the fold in all: %s, $%.4f",
		humanize.IBytes(uint64(folded.Books.BytesBilled)), humanize.IBytes(uint64(folded.Books.BytesEstimated)), humanize.IBytes(uint64(billed)), dollars(billed))
	saw.set("bytes_appended", appended)
	saw.set("append_dollars_beyond_free", appendDollars(appended))
	saw.set("bytes_billed", billed)
	saw.set("dollars", dollars(billed))
	return nil
}

func rate(n int64, d time.Duration) string { return humanize.Comma(int64(float64(n) / d.Seconds())) }
func comma(n int) string                   { return humanize.Comma(int64(n)) }
