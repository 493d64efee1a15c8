package main

import (
	"context"
	"errors"
	"slices"

	"vitalsink/connector"
	"vitalsink/schemas"
)

// direct is a backfill without a topic: what it fetches goes through the
// pipeline of this process.
type direct struct {
	*filling
	warehouse warehouse
	inlet     *connector.Inlet
	ingest    *connector.Ingest
	folder    *connector.Folder
}

func newDirect(f *filling, w warehouse) *direct {
	catalogue, log, memory := f.backfill.Catalogue, f.into.log, f.memory
	d := &direct{
		filling: f, warehouse: w, inlet: connector.NewInlet(),
		ingest: &connector.Ingest{
			Warehouse: w, Catalogue: catalogue, Log: log, FlushInterval: directFlush,
			MaxHeld: memory.held, MaxMessages: memory.messages, MaxBytes: memory.waiting, GiveUp: giveUp,
		},
		folder: &connector.Folder{Warehouse: w, Catalogue: catalogue, Log: log, MaxRows: memory.foldRows, Merges: memory.merges},
	}
	f.backfill.Publisher = d.inlet
	return d
}

// run folds what is pending, since only what is folded can be seen, does what
// there is to do, and folds again; only then a sweep sees what is left over.
func (d *direct) run(ctx context.Context) error {
	if d.DryRun {
		return d.do(ctx)
	}
	if _, err := d.folder.Fold(ctx); err != nil {
		return err
	}
	if err := d.publishing(ctx, d.do); err != nil || d.byHand() && !slices.ContainsFunc(d.order.Endpoints, hasStreams) {
		return err
	}
	return d.publishing(ctx, func(ctx context.Context) error { return d.backfill.Sweep(ctx, d.warehouse) })
}

func hasStreams(e schemas.Endpoint) bool { return e.Form == schemas.FormColumns }

func (d *direct) do(ctx context.Context) error {
	if d.byHand() {
		if d.Resume {
			d.order.Finished = d.warehouse
		}
		return d.backfill.Fetch(ctx, d.order)
	}
	return d.pass(ctx, d.warehouse)
}

// publishing lets something be published into the warehouse, folding now and
// then and at the end: even if it broke off, what is committed is folded.
func (d *direct) publishing(ctx context.Context, do func(context.Context) error) error {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	behind, shut := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 1)
	go func() {
		err := d.ingest.Run(behind, d.inlet)
		if err != nil {
			fail(err) // nobody would take what is published
		}
		ended <- err
	}()
	stopFolds := every(d.into.location.pace().fold, func() { _, _ = d.folder.Fold(ctx) }) // the last one counts
	err := do(ctx)
	shut()
	stopFolds()
	ingestErr := <-ended
	if err != nil && ingestErr != nil {
		err = nil // it is the same
	}
	_, foldErr := d.folder.Fold(context.WithoutCancel(ctx))
	return errors.Join(err, ingestErr, foldErr)
}
