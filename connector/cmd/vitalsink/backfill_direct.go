package main

import (
	"context"
	"slices"

	"vitalsink/schemas"
)

// direct is a backfill without a topic: what it fetches goes through the
// pipeline of this process.
type direct struct {
	*filling
	*pipeline
}

func newDirect(f *filling, w warehouse) *direct {
	d := &direct{f, newPipeline(f.into, w, f.backfill.Catalogue, f.memory)}
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
		return d.fetch(ctx, d.warehouse)
	}
	return d.pass(ctx, d.warehouse)
}
