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
	workout  string            // whose stream is to be fetched
	windows  []window          // one, of no days, where the endpoint takes none
	nowhere  bool              // there is no endpoint to ask
	done     int               // windows
	notice   *connector.Notice // that is answered; one of our own if somebody asked by hand
}

// taskOf is what answers a notice; false if there is nowhere to ask.
func (b *Backfill) taskOf(n *connector.Notice) (task, bool) {
	resource := n.Resource
	if n.Table == schemas.StreamsTable {
		resource = streamResource
	}
	endpoint, ok := b.Catalogue.Endpoint(resource)
	t := task{person: n.Person, endpoint: endpoint, provider: n.Provider, workout: n.WorkoutID, notice: n}
	if t.provider == unknownProvider {
		t.provider = "" // ask for all
	}
	t.setWindows(n.Start, n.End)
	return t, ok
}

// unknownProvider is that of events that name none, see the catalogue.
const unknownProvider = "unknown"

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

// pending is a shipment that is on its way, and what is to be recorded when it
// is safe; nil for nothing.
type pending struct {
	shipment *connector.Shipment
	record   *record
}

// do fetches a task's windows. What is to be recorded comes last.
func (b *Backfill) do(ctx context.Context, t *task) (all []pending, err error) {
	main := pending{shipment: b.outlet.Begin(ctx)}
	defer func() { all = append(all, main) }()
	person, err := b.known(ctx, t.person)
	sum := connector.Answer{Absent: len(t.windows) > 0 || t.nowhere}
	switch t.person = person; {
	case errors.Is(err, connector.ErrAbsent): // nobody of this name
		n := len(t.windows)
		b.tally.add(func(r *Result) { r.WindowsDone += n; r.Absent += n })
		t.windows = nil
	case err != nil:
		return nil, err
	}
	for _, w := range t.windows {
		q := connector.Query{
			Person: t.person, Endpoint: t.endpoint, Provider: t.provider, Start: w.first, End: w.last, WorkoutID: t.workout,
		}
		var answer connector.Answer
		if t.endpoint.Form == schemas.FormColumns && t.workout == "" {
			var more []pending
			answer, more, err = b.fetchStreams(ctx, q)
			all = append(all, more...)
		} else {
			answer, err = b.fetch(&q, main.shipment)
		}
		add(&sum, answer)
		if err != nil {
			return all, err
		}
		t.done++
		b.tally.add(func(r *Result) { r.window(answer) })
	}
	main.record = recordOf(t.notice, record{person: t.person, resource: t.endpoint.Resource, answer: sum, outcome: outcomeOf(sum)})
	return all, nil
}

// add adds what another window brought.
func add(sum *connector.Answer, a connector.Answer) {
	if sum.Began.IsZero() {
		sum.Began = a.Began
	}
	sum.Rows, sum.Requests, sum.Absent = sum.Rows+a.Rows, sum.Requests+a.Requests, sum.Absent && a.Absent
}

// window counts one that was asked.
func (r *Result) window(a connector.Answer) {
	r.WindowsDone++
	switch {
	case a.Absent:
		r.Absent++
	case a.Rows == 0:
		r.Empty++
	}
}

// fetchStreams fetches the streams of the workouts of a range, each with a record
// of its own.
func (b *Backfill) fetchStreams(ctx context.Context, q connector.Query) (sum connector.Answer, all []pending, err error) {
	of := q
	of.Endpoint, _ = b.Catalogue.Endpoint("workouts")
	ids, sum, err := b.Source.Workouts(ctx, &of)
	if err != nil {
		return sum, nil, err
	}
	for _, id := range ids {
		if answer, ok := b.streamOf(id); ok { // for a notice of its own, which is answered when that is safe
			add(&sum, answer)
			continue
		}
		q.WorkoutID = id
		p := pending{shipment: b.outlet.Begin(ctx)}
		answer, err := b.fetch(&q, p.shipment)
		add(&sum, answer)
		if err == nil {
			p.record = &record{
				person: q.Person, resource: q.Endpoint.Resource, provider: q.Provider, notice: streamOfWorkout, subject: id, workout: id,
				answer: answer, outcome: outcomeOf(answer),
			}
		}
		if all = append(all, p); err != nil {
			return sum, all, err
		}
	}
	return sum, all, nil
}

// streamOf is the answer that there was for a workout's stream, among the people
// of now.
func (b *Backfill) streamOf(workout string) (connector.Answer, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	answer, ok := b.streams[workout]
	return answer, ok
}

// fetch asks one question; the answer goes into a shipment.
func (b *Backfill) fetch(q *connector.Query, s *connector.Shipment) (connector.Answer, error) {
	answer, err := b.Source.Fetch(s.Context(), q, s.Take)
	b.tally.add(func(r *Result) { r.Rows += answer.Rows })
	if err == nil && q.WorkoutID != "" {
		b.mu.Lock()
		b.streams[q.WorkoutID] = answer
		b.mu.Unlock()
	}
	return answer, err
}
