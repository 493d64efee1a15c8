package backfill

import (
	"context"
	"errors"
	"time"

	"vitalsink/connector"
	"vitalsink/schemas"
)

// task is one resource of one person.
type task struct {
	person   connector.Person
	endpoint schemas.Endpoint
	provider string
	workout  string   // whose stream is to be fetched
	windows  []window // one, of no days, where the endpoint takes none
	done     int      // windows
	// notice is what is answered; nil if somebody asked by hand.
	notice *connector.Notice
}

// taskOf is what answers a notice; false if there is nowhere to ask.
func (b *Backfill) taskOf(n *connector.Notice) (task, bool) {
	resource := n.Resource
	if n.Table == schemas.StreamsTable {
		resource = streamResource
	}
	endpoint, ok := b.Catalogue.Endpoint(resource)
	t := task{person: n.Person, endpoint: endpoint, provider: n.Provider, workout: n.WorkoutID, notice: n}
	t.setWindows(n.Start, n.End)
	return t, ok
}

// streamResource is the resource of workouts' streams.
const streamResource = "workout_stream"

// byDay tells whether the task is about a range of days. Streams without a
// workout are those of a range's workouts.
func (t *task) byDay() bool {
	return t.endpoint.Dates || t.endpoint.Form == schemas.FormColumns && t.workout == ""
}

func (t *task) setWindows(start, end time.Time) {
	t.windows = []window{{}}
	if t.byDay() {
		t.windows = windows(start, end, time.Now())
	}
}

// do fetches a task's windows, and records that it did.
func (b *Backfill) do(ctx context.Context, t *task) error {
	sum := connector.Answer{Absent: true}
	person, err := b.known(ctx, t.person)
	switch t.person = person; {
	case errors.Is(err, connector.ErrAbsent):
		t.windows = nil // nobody of this name
	case err != nil:
		return err
	}
	for _, w := range t.windows {
		answer, err := b.window(ctx, t, w)
		if sum.Began.IsZero() {
			sum.Began = answer.Began
		}
		sum.Rows, sum.Requests, sum.Absent = sum.Rows+answer.Rows, sum.Requests+answer.Requests, sum.Absent && answer.Absent
		if err != nil {
			return err
		}
		t.done++
		b.tally.add(func(r *Result) {
			r.WindowsDone++
			switch {
			case answer.Absent:
				r.Absent++
			case answer.Rows == 0:
				r.Empty++
			}
		})
	}
	if t.notice == nil {
		return nil
	}
	return b.answer(ctx, t.notice, record{person: t.person, resource: t.endpoint.Resource, answer: sum, outcome: outcomeOf(sum)})
}

// window fetches one of a task's windows.
func (b *Backfill) window(ctx context.Context, t *task, w window) (connector.Answer, error) {
	q := connector.Query{
		Person: t.person, Endpoint: t.endpoint, Provider: t.provider, Start: w.first, End: w.last, WorkoutID: t.workout,
	}
	if t.endpoint.Form != schemas.FormColumns || t.workout != "" {
		return b.fetch(ctx, &q)
	}
	return b.streams(ctx, q)
}

// streams fetches the streams of the workouts of a range.
func (b *Backfill) streams(ctx context.Context, q connector.Query) (sum connector.Answer, err error) {
	of := q
	of.Endpoint, _ = b.Catalogue.Endpoint("workouts")
	ids, err := b.Source.Workouts(ctx, &of)
	if err != nil {
		return sum, err
	}
	for _, id := range ids {
		q.WorkoutID = id
		answer, err := b.fetch(ctx, &q)
		if sum.Began.IsZero() {
			sum.Began = answer.Began
		}
		sum.Rows, sum.Requests = sum.Rows+answer.Rows, sum.Requests+answer.Requests
		if err == nil {
			err = b.publishRecord(ctx, record{
				person: q.Person, resource: q.Endpoint.Resource, provider: q.Provider, notice: streamOfWorkout, subject: id, workout: id,
				answer: answer, outcome: outcomeOf(answer),
			})
		}
		if err != nil {
			return sum, err
		}
	}
	return sum, nil
}

// fetch asks one question, and returns when the answer is safe.
func (b *Backfill) fetch(ctx context.Context, q *connector.Query) (connector.Answer, error) {
	s := b.outlet.begin(ctx)
	answer, err := b.Source.Fetch(s.ctx, q, s.take)
	if publishErr := s.wait(); publishErr != nil {
		err = publishErr
	}
	b.tally.add(func(r *Result) {
		r.Requests += answer.Requests
		r.Rows += answer.Rows
	})
	return answer, err
}
