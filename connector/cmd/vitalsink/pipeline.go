package main

import (
	"context"
	"errors"
	"time"

	"vitalsink/connector"
	"vitalsink/schemas"
)

// pipeline takes what this process publishes into a warehouse, where there is no
// topic.
type pipeline struct {
	warehouse warehouse
	inlet     *connector.Inlet
	ingest    *connector.Ingest
	folder    *connector.Folder
	pace      time.Duration // between folds
}

func newPipeline(into storage, w warehouse, catalogue *schemas.Catalogue, memory shares) *pipeline {
	return &pipeline{
		warehouse: w, inlet: connector.NewInlet(), pace: into.location.pace().fold,
		ingest: &connector.Ingest{
			Warehouse: w, Catalogue: catalogue, Log: into.log, FlushInterval: directFlush,
			MaxHeld: memory.held, MaxMessages: memory.messages, MaxBytes: memory.waiting, GiveUp: giveUp,
		},
		folder: &connector.Folder{Warehouse: w, Catalogue: catalogue, Log: into.log, MaxRows: memory.foldRows, Merges: memory.merges},
	}
}

// publishing lets something be published into the warehouse, folding now and
// then and at the end: even if it broke off, what is committed is folded.
func (p *pipeline) publishing(ctx context.Context, do func(context.Context) error) error {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	behind, shut := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 1)
	go func() {
		err := p.ingest.Run(behind, p.inlet)
		if err != nil {
			fail(err) // nobody would take what is published
		}
		ended <- err
	}()
	stopFolds := every(p.pace, func() { _, _ = p.folder.Fold(ctx) }) // the last one counts
	err := do(ctx)
	shut()
	stopFolds()
	ingestErr := <-ended
	if err != nil && ingestErr != nil {
		err = nil // it is the same
	}
	_, foldErr := p.folder.Fold(context.WithoutCancel(ctx))
	return errors.Join(err, ingestErr, foldErr)
}
