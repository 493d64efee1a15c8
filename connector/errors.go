package connector

import "errors"

// Errors that a Warehouse or the pipeline returns; compare with errors.Is.
var (
	// ErrBooks: rows or messages are unaccounted for. Nothing was committed.
	ErrBooks = errors.New("books do not balance")
	// ErrFenced: another fold of the table committed first. Start over.
	ErrFenced = errors.New("another fold was faster")
	// ErrTaken: a merge has taken one of the batches before. Start over.
	ErrTaken = errors.New("a batch is merged already")
	// ErrRefused: a warehouse that works does not take a batch, whoever asks
	// how often.
	ErrRefused = errors.New("the warehouse refuses the batch")
	// ErrGivenUp: an Ingest could not commit a batch within GiveUp. What it
	// had in hand is neither acknowledged nor given back.
	ErrGivenUp = errors.New("a batch could not be committed for too long")
)
