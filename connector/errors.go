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
	ErrRefused = errors.New("the warehouse refuses this")
	// ErrUnavailable: the warehouse cannot do it now, whoever asks; later it
	// will. It was tried again for a while.
	ErrUnavailable = errors.New("the warehouse does not answer as it should")
	// ErrConfiguration: a person has to mend something: a permission, a table
	// that is missing.
	ErrConfiguration = errors.New("the warehouse is not set up for this")
	// ErrByteCap: a merge would be billed for more bytes than is allowed.
	// Trying again is useless; less at once may pass.
	ErrByteCap = errors.New("more bytes than may be billed")
	// ErrBudget: what is left of the bytes that may be billed in a day is too
	// little. Tomorrow there are others; fewer batches may need less.
	ErrBudget = errors.New("too little is left of the bytes that may be billed in a day")
	// ErrErased: somebody was asked for by name who is erased.
	ErrErased = errors.New("that user is erased; to have the data again, undo it with vitalsink erase --lift")
	// ErrGivenUp: an Ingest could not commit a batch within GiveUp. What it
	// had in hand is neither acknowledged nor given back.
	ErrGivenUp = errors.New("a batch could not be committed for too long")
)
