package junctiontest

import (
	"context"
	"encoding/json"
	"fmt"

	"vitalsink/connector/synth"
	"vitalsink/schemas"
)

// Difference is what Fill has made different, by the records' keys.
type Difference struct {
	Missing []string // is not there
	Changed []string // has another value
	Extra   []string // is there, and no event ever told of it
}

// Fill loads what the source holds of a population: users, records and streams,
// as Config.Disagree says. What it returns is complete even with an error, of
// which there is only ctx's.
func (s *Server) Fill(ctx context.Context, p *synth.Population, cat *schemas.Catalogue) (Difference, error) {
	var d Difference
	people := *p // streams are written later
	for held, err := range p.Records(ctx, cat) {
		if err != nil {
			return d, fmt.Errorf("fill stand-in for Junction: %w", err)
		}
		s.AddUser(held.User)
		s.Put(s.config.Disagree.apply(held.Records, &d)...)
		s.store.mu.Lock()
		for _, w := range held.Workouts {
			s.store.streams[w.ID] = stream{held.User.ID, func() json.RawMessage { return people.Stream(w) }}
		}
		s.store.mu.Unlock()
	}
	return d, nil
}
