package erase

import (
	"context"
	"time"

	"vitalsink/connector"
	"vitalsink/schemas"
)

// Records are the rows of the table erasures.
type Records interface {
	// RecordErasures appends rows. After an error some may be there, or all.
	RecordErasures(ctx context.Context, rows []connector.Erasure) error
	// Erasures are all rows, each once, in order of recorded_at.
	Erasures(ctx context.Context) ([]connector.Erasure, error)
	// RaiseFence raises the fence of a table, whatever it is: a merge that has
	// begun before, and does not know of what was recorded before, cannot commit.
	RaiseFence(ctx context.Context, t *schemas.Table) error
}

// People are the rows that name somebody, tombstones too, by connector.UserHash
// of the column user_id. Statements see hashes only, never an id.
type People interface {
	// CountPeople counts the rows of these people in a versioned table and its
	// log; of who has none there may be no count.
	CountPeople(ctx context.Context, t *schemas.Table, hashes []string) ([]connector.PersonRows, error)
	// RemovePeople removes those that can be removed, and returns how many were.
	// It is no transaction: after an error some may be gone.
	RemovePeople(ctx context.Context, t *schemas.Table, hashes []string) (connector.RowCount, error)
	// ClientUserIDs are the client_user_id of these people in the latest tables,
	// each once, and never "", which names nobody.
	ClientUserIDs(ctx context.Context, hashes []string) ([]string, error)
	// UserIDs are the people whose client_user_id in a latest table is one of
	// these, each once, and never "".
	UserIDs(ctx context.Context, clientUserIDs []string) ([]string, error)
}

// Nameless are the rows of quarantine and events that name no user: user_id is
// NULL or "".
type Nameless interface {
	// Nameless calls take with those of the latest table or, with log, of its
	// log, removable or not, in the order of ID, Batch, Index and Part. An error
	// of take ends it, and is returned.
	Nameless(ctx context.Context, t *schemas.Table, log bool, take func(connector.NamelessRow) error) error
	// RemoveNameless removes rows of these IDs that name no user from the table
	// and, as far as RemovePeople would, from its log.
	RemoveNameless(ctx context.Context, t *schemas.Table, ids []string) (connector.RowCount, error)
}

// Warehouse is all of that.
type Warehouse interface {
	connector.Warehouse
	Records
	People
	Nameless
	// Afterlife is for how long the warehouse itself can give back what was
	// removed, by what it is set to.
	Afterlife(ctx context.Context) (time.Duration, error)
}
