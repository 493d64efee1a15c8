package main

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"golang.org/x/perf/benchfmt"
)

// results are what the benchmarks measured.
type results struct {
	machine, date string
	rounds        map[string]map[string][]float64 // by benchmark and unit, a value a round
}

// read reads a file of Go's benchmark format, which also says date and machine.
func read(path string) (*results, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	r := &results{rounds: map[string]map[string][]float64{}}
	in := benchfmt.NewReader(f, path)
	for in.Scan() {
		if one, ok := in.Result().(*benchfmt.Result); ok {
			r.machine, r.date = one.GetConfig("machine"), one.GetConfig("date")
			r.add(one)
		}
	}
	if err := errors.Join(in.Err(), f.Close()); err != nil {
		return nil, err
	}
	if len(r.rounds) == 0 || r.machine == "" || r.date == "" {
		return nil, fmt.Errorf("%s has no benchmarks, no machine or no date", path)
	}
	return r, nil
}

func (r *results) add(one *benchfmt.Result) {
	name := one.Name.String()
	if r.rounds[name] == nil {
		r.rounds[name] = map[string][]float64{}
	}
	for _, v := range one.Values {
		unit, value := v.Unit, v.Value
		if v.OrigUnit != "" { // as the benchmark called it
			unit, value = v.OrigUnit, v.OrigValue
		}
		r.rounds[name][unit] = append(r.rounds[name][unit], value)
	}
}

// values are those of all rounds.
func (r *results) values(name, unit string) ([]float64, error) {
	v := r.rounds[name][unit]
	if len(v) == 0 {
		return nil, fmt.Errorf("no benchmark %s with a value in %s", name, unit)
	}
	return v, nil
}

// spread is a median, and the least and the greatest value.
type spread struct{ median, least, most float64 }

func spreadOf(values []float64) spread {
	s := slices.Sorted(slices.Values(values))
	middle := s[len(s)/2]
	if len(s)%2 == 0 {
		middle = (s[len(s)/2-1] + middle) / 2
	}
	return spread{middle, s[0], s[len(s)-1]}
}

// spread is that of a benchmark's values.
func (r *results) spread(name, unit string) (spread, error) {
	v, err := r.values(name, unit)
	if err != nil {
		return spread{}, err
	}
	return spreadOf(v), nil
}

// ratio is how many times one benchmark's value is another's, round by round.
func (r *results) ratio(name, base, unit string) (spread, error) {
	v, err := r.values(name, unit)
	if err != nil {
		return spread{}, err
	}
	by, err := r.values(base, unit)
	if err != nil {
		return spread{}, err
	}
	if len(v) != len(by) {
		return spread{}, fmt.Errorf("%s ran %d times, %s %d times", name, len(v), base, len(by))
	}
	ratios := make([]float64, len(v))
	for i := range v {
		ratios[i] = v[i] / by[i]
	}
	return spreadOf(ratios), nil
}
