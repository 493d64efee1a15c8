package main

import "fmt"

// measurement is what a row of a table tells.
type measurement func(*results) (spread, error)

// value is a benchmark's value.
func value(name, unit string) measurement {
	return func(r *results) (spread, error) { return r.spread(name, unit) }
}

// ratio is how many times the value of base a benchmark has.
func ratio(name, base, unit string) measurement {
	return func(r *results) (spread, error) { return r.ratio(name, base, unit) }
}

// target is a row: what is wanted beside what was measured.
type target struct {
	what    string
	measure measurement
	form    string // of a number
	least   float64
	most    float64 // 0 if there is no bound
}

func (t target) met(s spread) bool { return s.median >= t.least && (t.most == 0 || s.median <= t.most) }

func (t target) wanted() string {
	switch {
	case t.most > 0:
		return "at most " + fmt.Sprintf(t.form, t.most)
	case t.least > 0:
		return "at least " + fmt.Sprintf(t.form, t.least)
	}
	return ""
}

// cpu is the processor time of an operation, of all threads.
const cpu = "cpu-ns/op"

const times = "%.2f×"

// targets are the tables of the page, by name.
var targets = map[string][]target{
	"decode": append(each([]string{"heartrate", "blood_pressure", "steps", "sleep", "mixed"}, func(corpus string) target {
		return target{what: corpus + ", rate beside the floor's", measure: ratio("Floor/"+corpus, "Decode/"+corpus, cpu), form: times, least: 2. / 3}
	}), append(each([]string{"heartrate", "blood_pressure", "steps"}, func(corpus string) target {
		return target{what: corpus + ", rate beside `encoding/json`'s", measure: ratio("EncodingJSON/"+corpus, "Decode/"+corpus, cpu), form: times, least: 8}
	}), append(each([]string{"sleep", "mixed"}, func(corpus string) target {
		return target{what: corpus + ", rate beside `encoding/json`'s", measure: ratio("EncodingJSON/"+corpus, "Decode/"+corpus, cpu), form: times, least: 5}
	}), each([]string{"heartrate", "blood_pressure", "steps"}, func(corpus string) target {
		return target{what: corpus + ", allocations a sample", measure: value("Decode/"+corpus, "allocs/sample"), form: "%.2f", most: 0.1}
	})...)...)...),
	"job": {
		{what: "`load` of 50 million samples, samples a second", measure: value("Job/samples=50000000/load-2", "samples/s"), form: "%.0f", least: 500_000},
		{what: "by hand in SQL, 50 million, samples a second", measure: value("Job/samples=50000000/by_hand-2", "samples/s"), form: "%.0f"},
		{what: "rate of `load` beside by hand, 50 million", measure: ratio("Job/samples=50000000/by_hand-2", "Job/samples=50000000/load-2", "ns/op"), form: times, least: 1},
		{what: "rate of `load` beside by hand, 5 million", measure: ratio("Job/samples=5000000/by_hand-2", "Job/samples=5000000/load-2", "ns/op"), form: times, least: 1},
	},
	"growth": {
		{what: "a fold into 10 million rows beside one into 1 million", measure: ratio("Fold/table=10000000-2", "Fold/table=1000000-2", cpu), form: times, most: 1.5},
		{what: "into 100 million rows beside 1 million", measure: ratio("Fold/table=100000000-2", "Fold/table=1000000-2", cpu), form: times, most: 1.5},
		{what: "a sample among 1,000,000 in a message beside one among 1,000", measure: ratio("DecodeSize/samples=1000000", "DecodeSize/samples=1000", "cpu-ns/sample"), form: times, most: 1.5},
		{what: "ingest with two processors beside one, by the wall", measure: ratio("Ingest-2", "Ingest", "samples/s"), form: times, least: 1.7},
	},
	"memory": {
		{what: "`run` into BigQuery, 1,000 messages waiting, MiB", measure: mebibytes("Backlog/warehouse=bigquery/messages=1000-2"), form: "%.0f", most: 512},
		{what: "10,000 messages waiting", measure: mebibytes("Backlog/warehouse=bigquery/messages=10000-2"), form: "%.0f", most: 512},
		{what: "`run` into DuckDB, 1,000 messages waiting", measure: mebibytes("Backlog/warehouse=duckdb/messages=1000-2"), form: "%.0f", most: 512},
		{what: "10,000 messages waiting", measure: mebibytes("Backlog/warehouse=duckdb/messages=10000-2"), form: "%.0f", most: 512},
	},
	"webhook": doors(),
	"bigquery": {
		{what: "encode a batch and send it, beside sending copies of as many bytes", measure: ratio("AppendDiscard-2", "SendDiscard-2", cpu), form: times, most: 1.5},
		{what: "encode it, and do nothing with it, beside copying as many bytes", measure: ratio("Encode-2", "Copy-2", cpu), form: times},
		{what: "how full requests are", measure: value("SendDiscard-2", "filled"), form: "%.2f", least: 0.8},
		{what: "connections, for all batches of a run", measure: value("AppendDiscard-2", "connections"), form: "%.0f", most: 1},
	},
}

// doors are the figures of the webhook door and of the server beside it.
func doors() (all []target) {
	for _, size := range []string{"1000", "100000"} {
		bare, door := "Requests/bytes="+size+"/server=bare-2", "Requests/bytes="+size+"/server=door-2"
		for _, server := range []struct{ what, name string }{{"a server that only reads", bare}, {"the door", door}} {
			what := size + " bytes, " + server.what
			all = append(all,
				target{what: what + ", requests a second", measure: value(server.name, "requests/s"), form: "%.0f"},
				target{what: what + ", p50 in ms", measure: milliseconds(server.name, "p50-s"), form: "%.2f"},
				target{what: what + ", p99 in ms", measure: milliseconds(server.name, "p99-s"), form: "%.2f"})
		}
		all = append(all, target{what: size + " bytes, rate of the door beside the other's", measure: ratio(door, bare, "requests/s"), form: times})
	}
	return all
}

func milliseconds(name, unit string) measurement {
	return func(r *results) (spread, error) {
		s, err := r.spread(name, unit)
		return spread{s.median * 1000, s.least * 1000, s.most * 1000}, err
	}
}

func mebibytes(name string) measurement {
	return func(r *results) (spread, error) {
		s, err := r.spread(name, "peak-B")
		return spread{s.median / (1 << 20), s.least / (1 << 20), s.most / (1 << 20)}, err
	}
}

func each(corpora []string, f func(string) target) (all []target) {
	for _, c := range corpora {
		all = append(all, f(c))
	}
	return all
}
