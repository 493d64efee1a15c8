package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync/atomic"
	"time"

	bq "cloud.google.com/go/bigquery"

	"vitalsink/connector"
	"vitalsink/connector/bigquery"
	"vitalsink/schemas"
)

// prefix begins the names of the datasets, which nobody else would choose.
const prefix = "vitalsink_livecheck_"

// label marks the datasets, for who finds one that was left.
const label = "vitalsink-livecheck"

// cleanUpTime is for how long the datasets are tried to be deleted.
const cleanUpTime = 2 * time.Minute

// trial is two datasets that are its own, and what the checks share.
type trial struct {
	target
	options   options
	catalogue *schemas.Catalogue
	dataset   string // of views; the one of tables has _store after it
	client    *bq.Client
	warehouse *bigquery.Warehouse
	opened    []*bigquery.Warehouse
	ours      bool         // the datasets were not there before
	filled    bool         // the table of days
	log       io.Writer    // of what the user has to know at once
	spent     atomic.Int64 // bytes that the trial's own queries were billed for
}

func newTrial(o options, of target, log io.Writer) (*trial, error) {
	catalogue, err := schemas.Load()
	if err != nil {
		return nil, err
	}
	name := make([]byte, 8)
	if _, err := rand.Read(name); err != nil {
		return nil, fmt.Errorf("make a name: %w", err)
	}
	return &trial{
		target: of, options: o, catalogue: catalogue, log: log,
		dataset: prefix + time.Now().UTC().Format("20060102_") + hex.EncodeToString(name),
	}, nil
}

func (t *trial) store() string { return t.dataset + "_store" }

// datasets are both of them.
func (t *trial) datasets() []string { return []string{t.store(), t.dataset} }

// config is the warehouse's.
func (t *trial) config(c *schemas.Catalogue) bigquery.Config {
	most := int64(t.options.MaxDollars / dollarsPerTiB * tebibyte)
	return bigquery.Config{
		Project: t.project, Dataset: t.dataset, Catalogue: c, REST: t.rest, Write: t.write, MaxBytesBilledPerDay: most,
	}
}

// open is the warehouse as another process would open it. It is closed in the
// end.
func (t *trial) open(ctx context.Context, cfg bigquery.Config) (*bigquery.Warehouse, error) {
	w, err := bigquery.Open(ctx, cfg)
	if err == nil {
		t.opened = append(t.opened, w)
	}
	return w, err
}

// folder folds quietly, with so many rows a merge; 0 for the default.
func (t *trial) folder(w connector.Warehouse, c *schemas.Catalogue, rows int) *connector.Folder {
	return &connector.Folder{Warehouse: w, Catalogue: c, Log: slog.New(slog.DiscardHandler), MaxRows: rows, Merges: 4}
}

// billed is what all jobs were billed for so far, in bytes.
func (t *trial) billed() int64 {
	n := t.spent.Load()
	for _, w := range t.opened {
		n += w.Billed().Bytes
	}
	return n
}

// close gives the connections up.
func (t *trial) close() error {
	var errs []error
	for _, w := range t.opened {
		errs = append(errs, w.Close())
	}
	if t.client != nil {
		errs = append(errs, t.client.Close())
	}
	return errors.Join(errs...)
}
