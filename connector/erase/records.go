package erase

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"vitalsink/connector"
)

// Record is an erasure as the table erasures tells it.
type Record struct {
	ErasureID   string                        `json:"erasure_id"`
	UserHash    string                        `json:"user_hash"`
	RequestedAt time.Time                     `json:"requested_at"`
	RequestedBy string                        `json:"requested_by"`
	Removed     connector.RowCount            `json:"removed"`
	Tables      map[string]connector.RowCount `json:"tables"`
	Unreadable  []string                      `json:"unreadable"` // messages
	CompletedAt *time.Time                    `json:"completed_at,omitempty"`
	GoneAt      *time.Time                    `json:"gone_at,omitempty"`
	LiftedAt    *time.Time                    `json:"lifted_at,omitempty"`
	LiftedBy    string                        `json:"lifted_by,omitempty"`
}

// Records are all erasures, or those of some people, in the order in which they
// were requested.
func (e *Erase) Records(ctx context.Context, userIDs []string) ([]Record, error) {
	all, err := e.records(ctx)
	if err != nil || len(userIDs) == 0 {
		return all, err
	}
	hashes := hashesOf(userIDs)
	return slices.DeleteFunc(all, func(r Record) bool { return !slices.Contains(hashes, r.UserHash) }), nil
}

// Lift ends erasures of people: what comes of them from now on is kept. It
// returns how many. The error is ErrNobody if there is none.
func (e *Erase) Lift(ctx context.Context, userIDs []string) (int, error) {
	all, err := e.Records(ctx, userIDs)
	if err != nil {
		return 0, err
	}
	var rows []connector.Erasure
	for _, r := range inForce(all) {
		rows = append(rows, connector.Erasure{
			ID: r.ErasureID, Entry: connector.EntryLift, UserHash: r.UserHash, RecordedAt: now(), RequestedBy: e.RequestedBy,
		})
	}
	if len(rows) == 0 {
		return 0, fmt.Errorf("%w of them is erased", ErrNobody)
	}
	return len(rows), e.record(ctx, rows)
}

func (e *Erase) record(ctx context.Context, rows []connector.Erasure) error {
	if len(rows) == 0 {
		return nil
	}
	if err := e.Warehouse.RecordErasures(ctx, rows); err != nil {
		return fmt.Errorf("record the erasure: %w", err)
	}
	return nil
}

// records reads them.
func (e *Erase) records(ctx context.Context) ([]Record, error) {
	e.say("reading the record")
	rows, err := e.Warehouse.Erasures(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the record of erasures: %w", err)
	}
	of := map[string]*Record{}
	for i := range rows {
		row := &rows[i]
		r := of[row.ID]
		if r == nil {
			r = &Record{ErasureID: row.ID, UserHash: row.UserHash, Tables: map[string]connector.RowCount{}, Unreadable: []string{}}
			of[row.ID] = r
		}
		r.enter(row)
	}
	all := make([]Record, 0, len(of))
	for _, r := range of {
		all = append(all, *r)
	}
	slices.SortFunc(all, func(a, b Record) int {
		return cmp.Or(a.RequestedAt.Compare(b.RequestedAt), cmp.Compare(a.ErasureID, b.ErasureID))
	})
	return all, nil
}

// enter adds a row.
func (r *Record) enter(row *connector.Erasure) {
	switch row.Entry {
	case connector.EntryErase:
		r.RequestedAt, r.RequestedBy = row.RecordedAt, row.RequestedBy
	case connector.EntryTable:
		r.Removed.Add(row.Removed)
		add(r.Tables, row.Table, row.Removed)
	case connector.EntryUnreadable:
		r.Unreadable = append(r.Unreadable, row.MessageIDs...)
	case connector.EntryComplete:
		r.CompletedAt, r.GoneAt = &row.RecordedAt, &row.GoneAt
	case connector.EntryLift:
		r.LiftedAt, r.LiftedBy = &row.RecordedAt, row.RequestedBy
	}
}

// target is the erasure as one to go on with.
func (r *Record) target() *target {
	t := &target{hash: r.UserHash, id: r.ErasureID, begun: r.RequestedAt, complete: r.CompletedAt != nil, known: map[string]bool{}}
	for _, id := range r.Unreadable {
		t.known[id] = true
	}
	return t
}

// inForce are those that were begun and not lifted, the newest first.
func inForce(all []Record) []Record {
	all = slices.DeleteFunc(slices.Clone(all), func(r Record) bool { return r.RequestedAt.IsZero() || r.LiftedAt != nil })
	slices.Reverse(all)
	return all
}

// unfinished is an erasure of a person to go on with, nil if there is none.
func unfinished(all []Record, hash string) *target {
	for _, r := range inForce(all) {
		if r.UserHash == hash && r.CompletedAt == nil {
			return r.target()
		}
	}
	return nil
}
