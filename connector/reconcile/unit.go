package reconcile

import (
	"context"
	"encoding/binary"
	"time"

	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/google/uuid"

	"vitalsink/connector"
	"vitalsink/schemas"
	"vitalsink/transforms"
)

// unit is one resource of one person.
type unit struct {
	person   connector.Person
	endpoint schemas.Endpoint
	resource string // value of the table's column resource, "" if it has none
}

// looked is what a look at a unit brought.
type looked struct {
	compared
	absent bool // the source does not know the person, or the resource
	err    error
	// At a first look: what has to be looked at again.
	seen  []candidate
	extra bool // something seems to be gone from the source
}

const (
	// windowDays is how many days the source is asked for at once.
	windowDays = 30
	// mostAhead is how far in the future a fact's day may lie.
	mostAhead = 2 * day
)

// earliest is the first day that tables take.
var earliest = time.Date(2005, 1, 1, 0, 0, 0, 0, time.UTC)

// reader reads what the source says of a unit. It is not safe for concurrent
// use.
type reader struct {
	*form
	table     *schemas.Table
	decoder   *transforms.Decoder
	providers *names
	take      func(m *transforms.Message, facts []fact, positions []int32) error // Optional.

	facts []fact
}

// all are the facts that the source has in some days and, since it is not said
// whose days are meant, in one more at both ends; in all days if whole.
func (r *reader) all(ctx context.Context, source Source, u *unit, in days, whole bool) (a connector.Answer, err error) {
	r.facts = nil
	a.Absent = true
	for _, w := range r.windows(u, in, whole) {
		q := connector.Query{Person: u.person, Endpoint: u.endpoint, Start: w[0], End: w[1]}
		one, err := source.Fetch(ctx, &q, r.read)
		if a.Began.IsZero() {
			a.Began = one.Began
		}
		a.Rows, a.Requests, a.Absent = a.Rows+one.Rows, a.Requests+one.Requests, a.Absent && one.Absent
		if err != nil {
			return a, err
		}
	}
	r.facts = sorted(r.facts)
	return a, nil
}

// windows are ranges of days, both ends included.
func (r *reader) windows(u *unit, in days, whole bool) (all [][2]time.Time) {
	if !u.endpoint.Dates {
		return [][2]time.Time{{}}
	}
	latest := time.Now().UTC().Truncate(day).Add(mostAhead)
	if whole {
		return [][2]time.Time{{earliest, latest}}
	}
	first, last := timeOf(in.from-1), timeOf(in.until)
	if first.Before(earliest) {
		first = earliest
	}
	if last.After(latest) {
		last = latest
	}
	for ; !first.After(last); first = first.Add(windowDays * day) {
		end := first.Add(windowDays * day)
		if end.After(last) {
			end = last
		}
		if all = append(all, [2]time.Time{first, end}); end.Equal(last) {
			break
		}
	}
	return all
}

// read digests the rows of a message.
func (r *reader) read(m *transforms.Message, _ int) error {
	decoded := r.decoder.Decode(m)
	if decoded.Table == nil || decoded.Table.Name != r.table.Name || decoded.Rows == 0 {
		return nil // what no table takes cannot be missing
	}
	b := transforms.NewBuilder(memory.DefaultAllocator, r.table)
	defer b.Release()
	b.Append(decoded)
	record := b.NewRecord()
	defer record.Release()
	before := len(r.facts)
	var positions []int32
	for i := range int(record.NumRows()) {
		row := r.of(transforms.Values(record, r.table.Columns, i))
		one := r.fact(row, r.providers.of)
		positions = append(positions, int32(binary.BigEndian.Uint32(one.version[24:])))
		r.facts = append(r.facts, one)
	}
	if r.take == nil {
		return nil
	}
	return r.take(m, r.facts[before:], positions)
}

// picked is a message with the rows at some positions.
func picked(m *transforms.Message, positions []int32) (transforms.Message, error) {
	return transforms.Pick(m, uuid.NewString(), positions)
}
