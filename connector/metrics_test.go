package connector_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"vitalsink/connector"
	"vitalsink/schemas"
	"vitalsink/transforms"
)

// meter measures an ingest and a folder.
type meter struct {
	reader  *metric.ManualReader
	metrics *connector.Metrics
}

func newMeter(t *testing.T, in *connector.Ingest, f *connector.Folder) *meter {
	t.Helper()
	m := &meter{reader: metric.NewManualReader()}
	otel := metric.NewMeterProvider(metric.WithReader(m.reader)).Meter("test")
	var err error
	if m.metrics, err = connector.NewMetrics(otel); err != nil {
		t.Fatal(err)
	}
	in.Metrics = m.metrics
	if f != nil {
		f.Metrics = m.metrics
	}
	stop, err := m.metrics.Observe(otel, in, f)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
	return m
}

// read are all values, by name and labels: "rows{outcome=appended,table=x}".
// Of a histogram they are its count and, of whole numbers, its sum.
func (m *meter) read(t *testing.T) map[string]float64 {
	t.Helper()
	var all metricdata.ResourceMetrics
	if err := m.reader.Collect(context.Background(), &all); err != nil {
		t.Fatal(err)
	}
	values := map[string]float64{}
	for _, scope := range all.ScopeMetrics {
		for _, instrument := range scope.Metrics {
			checkBounded(t, m.metrics.Made(), instrument)
			readInstrument(t, values, strings.TrimPrefix(instrument.Name, "vitalsink."), instrument.Data)
		}
	}
	return values
}

func readInstrument(t *testing.T, values map[string]float64, name string, data metricdata.Aggregation) {
	t.Helper()
	switch d := data.(type) {
	case metricdata.Sum[int64]:
		for _, p := range d.DataPoints {
			values[name+labels(p.Attributes)] = float64(p.Value)
		}
	case metricdata.Gauge[int64]:
		for _, p := range d.DataPoints {
			values[name+labels(p.Attributes)] = float64(p.Value)
		}
	case metricdata.Gauge[float64]:
		for _, p := range d.DataPoints {
			values[name+labels(p.Attributes)] = p.Value
		}
	case metricdata.Histogram[int64]:
		for _, p := range d.DataPoints {
			values[name+".count"+labels(p.Attributes)], values[name+".sum"+labels(p.Attributes)] = float64(p.Count), float64(p.Sum)
		}
	case metricdata.Histogram[float64]:
		for _, p := range d.DataPoints {
			values[name+".count"+labels(p.Attributes)] = float64(p.Count)
		}
	default:
		t.Fatalf("%s is a %T", name, data)
	}
}

// checkBounded wants an instrument to have just the labels that it is declared
// with, and no other values: so there is a most of series.
func checkBounded(t *testing.T, made []connector.Instrument, m metricdata.Metrics) {
	t.Helper()
	i := slices.IndexFunc(made, func(i connector.Instrument) bool { return i.Name == m.Name })
	if i < 0 || made[i].Unit != m.Unit || made[i].What != m.Description {
		t.Fatalf("%s is not declared as it is", m.Name)
	}
	values := map[string]float64{}
	readInstrument(t, values, "", m.Data)
	for name := range values {
		_, pairs, _ := strings.Cut(strings.TrimSuffix(name, "}"), "{")
		left := slices.Clone(made[i].Labels)
		for pair := range strings.SplitSeq(pairs, ",") {
			label, value, _ := strings.Cut(pair, "=")
			if pair == "" {
				continue
			}
			of := slices.IndexFunc(left, func(l connector.Label) bool { return l.Name == label })
			if of < 0 || !slices.Contains(valuesOf(t, left[of]), value) {
				t.Errorf("%s has %s", m.Name, pair)
				return
			}
			left = slices.Delete(left, of, of+1)
		}
		if len(left) > 0 {
			t.Errorf("%s%s lacks %v", m.Name, name, left)
		}
	}
}

func valuesOf(t *testing.T, l connector.Label) []string {
	t.Helper()
	if l.Values != nil {
		return l.Values
	}
	var tables []string
	for _, table := range catalogue(t).Versioned() {
		tables = append(tables, table.Name)
	}
	return tables
}

func labels(s attribute.Set) string {
	var pairs []string
	for _, kv := range s.ToSlice() { // sorted
		pairs = append(pairs, string(kv.Key)+"="+kv.Value.AsString())
	}
	if len(pairs) == 0 {
		return ""
	}
	return "{" + strings.Join(pairs, ",") + "}"
}

// sequence is a source of messages.
type sequence []*connector.Message

func (s sequence) Receive(ctx context.Context, deliver func(context.Context, *connector.Message) error) error {
	for _, m := range s {
		if err := deliver(ctx, m); err != nil {
			return err
		}
	}
	return nil
}

// knownMessages are 7 messages: two say the same of the same second, one has
// two bad samples of three, one is empty, two are broken, one is a summary.
func knownMessages() sequence {
	samples := func(list string) string {
		return `{"event_type":"daily.data.heartrate.created","user_id":"u","data":{"data":[` + list + `]}}`
	}
	var all sequence
	for i, body := range []string{
		samples(`{"timestamp":"2026-05-01T00:00:00Z","value":1},{"timestamp":"2026-05-01T00:00:01Z","value":2}`),
		samples(`{"timestamp":"2026-05-01T00:00:00Z","value":3}`),
		samples(`{"timestamp":"2026-05-01T00:00:02Z","value":4},{"timestamp":"?","value":5},7`),
		samples(``), `not JSON`, `{"event_type":"daily.data.heartrate.created","data":{"data":[{"timestamp":"2026-05-01T00:00:00Z","value":6}]}}`,
		`{"event_type":"daily.data.sleep.created","user_id":"u","data":{"id":"s","created_at":"2026-05-01T08:00:00Z"}}`,
	} {
		all = append(all, &connector.Message{
			Message: transforms.Message{
				ID: fmt.Sprint("known", i), PublishTime: time.Date(2026, 5, 2, 0, 0, i, 0, time.UTC), Data: []byte(body),
			},
			Ack: func() {}, Nack: func() {},
		})
	}
	return all
}

// wantKnown is what an ingest and a fold of knownMessages measure: the numbers
// of the messages, but for those that depend on how they fell into batches.
func wantKnown() map[string]float64 {
	want := map[string]float64{
		"messages.received{outcome=landed}": 3, "messages.received{outcome=partly_quarantined}": 1,
		"messages.received{outcome=quarantined}": 2, "messages.received{outcome=empty}": 1,
		"rows{outcome=appended,table=timeseries}": 4, "rows{outcome=appended,table=sleep}": 1,
		// A refused message has a row with its bytes; of one that is refused in
		// part the samples have their own besides.
		"rows{outcome=appended,table=quarantine}": 5,
		"quarantined{reason=not_json}":            1, "quarantined{reason=no_user}": 1, "quarantined{reason=bad_key}": 1,
		"quarantined{reason=bad_shape}":          1,
		"rows{outcome=applied,table=timeseries}": 3, "rows{outcome=superseded,table=timeseries}": 1,
		"rows{outcome=applied,table=sleep}": 1, "rows{outcome=superseded,table=sleep}": 0,
		"rows{outcome=applied,table=quarantine}": 5, "rows{outcome=superseded,table=quarantine}": 0,
		"batch.rows.count": 3, "batch.rows.sum": 10, "batch.age.count": 3,
		"held": 0, "messages.held": 0, "paused": 0,
	}
	for _, table := range []string{"timeseries", "sleep", "quarantine"} {
		want["append.duration.count{result=ok,table="+table+"}"] = 1
		want["fold.duration.count{result=ok,table="+table+"}"] = 1
		want["rows{outcome=stale,table="+table+"}"], want["rows{outcome=erased,table="+table+"}"] = 0, 0
	}
	return want
}

// TestMetricsOfKnownMessages: what is measured is what happened, all of it,
// and the same that the books say.
func TestMetricsOfKnownMessages(t *testing.T) {
	w := openFile(t)
	in := newIngest(t, w)
	in.Workers = 1 // so that each table has one batch
	folder := &connector.Folder{Warehouse: w, Catalogue: catalogue(t), Log: slog.New(slog.DiscardHandler)}
	m := newMeter(t, in, folder)
	if err := in.Run(t.Context(), knownMessages()); err != nil {
		t.Fatal(err)
	}
	folded, err := folder.Fold(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := m.read(t)
	compareWithBooks(t, got, in.Landed(), folded)
	for _, table := range []string{"timeseries", "sleep", "quarantine"} {
		name := "freshness{table=" + table + "}"
		if age, ok := got[name]; !ok || age < 0 || age > 60 {
			t.Errorf("%s is %v s old, seen %v", table, age, ok)
		}
		delete(got, name)
	}
	if diff := cmp.Diff(wantKnown(), got); diff != "" {
		t.Errorf("want (-), got (+):\n%s", diff)
	}

	// The same again: nothing is newer.
	if err := in.Run(t.Context(), knownMessages()); err != nil {
		t.Fatal(err)
	}
	if _, err := folder.Fold(t.Context()); err != nil {
		t.Fatal(err)
	}
	got = m.read(t)
	compareWithBooks(t, got, in.Landed(), folder.Folded())
	if n := got["rows{outcome=applied,table=timeseries}"]; n != 3 {
		t.Errorf("%v rows are applied after the same came again, want 3 as before", n)
	}
}

// compareWithBooks compares what is measured with the books of an ingest and of
// its folds.
func compareWithBooks(t *testing.T, got map[string]float64, l connector.Landed, f connector.Folded) {
	t.Helper()
	want := map[string]int{
		"messages.received{outcome=landed}":             l.Books.MessagesLanded,
		"messages.received{outcome=partly_quarantined}": l.Books.MessagesPartlyQuarantined,
		"messages.received{outcome=quarantined}":        l.Books.MessagesQuarantined,
		"messages.received{outcome=empty}":              l.Books.MessagesEmpty,
		"batch.rows.count":                              l.Batches,
		"batch.rows.sum":                                l.Books.Rows + l.Tables[schemas.QuarantineTable].Rows,
		"batch.age.count":                               l.Batches,
	}
	merges := 0
	for table, books := range l.Tables {
		want["rows{outcome=appended,table="+table+"}"] = books.Rows
		merges += int(got["fold.duration.count{result=ok,table="+table+"}"])
	}
	for table, books := range f.Tables {
		want["rows{outcome=applied,table="+table+"}"] = books.Applied
		want["rows{outcome=superseded,table="+table+"}"] = books.Superseded
		want["rows{outcome=stale,table="+table+"}"] = books.Stale
		want["rows{outcome=erased,table="+table+"}"] = books.Erased
	}
	for reason, n := range l.Quarantined {
		want["quarantined{reason="+string(reason)+"}"] = n
	}
	for name, n := range want {
		if got[name] != float64(n) {
			t.Errorf("%s is %v, and %d in the books", name, got[name], n)
		}
	}
	if merges != f.Merges {
		t.Errorf("%d merges are measured, and %d done", merges, f.Merges)
	}
}

// TestMetricsOfOutage: while the warehouse fails, it is to be seen that it is
// paused and what is in hand; afterwards, that nothing is.
func TestMetricsOfOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var down atomic.Bool
		in := newIngest(t, outage(openFile(t), &down))
		in.FlushRows, in.GiveUp = 1, 50*time.Minute
		m := newMeter(t, in, nil)
		if got := m.read(t); got["paused"] != 0 || got["held"] != 0 || got["messages.held"] != 0 {
			t.Errorf("before anything came: %v", got)
		}
		down.Store(true)
		ended := make(chan error, 1)
		d := &door{n: 20, samples: 100}
		go func() { ended <- in.Run(t.Context(), d) }()
		time.Sleep(20 * time.Minute)
		got := m.read(t)
		if got["paused"] != 1 || got["held"] < 2<<10 || got["held"] != float64(in.Held()) || got["messages.held"] < 1 {
			t.Errorf("while the warehouse fails: %v", got)
		}
		if n := got["append.duration.count{result=failed,table=timeseries}"]; n < 10 {
			t.Errorf("%v appends failed in 20 minutes", n)
		}
		if got["batch.rows.count"] != 0 || got["rows{outcome=appended,table=timeseries}"] != 0 {
			t.Errorf("nothing is committed, and it says so: %v", got)
		}
		down.Store(false)
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		got = m.read(t)
		if got["paused"] != 0 || got["held"] != 0 || got["messages.held"] != 0 {
			t.Errorf("after the outage: %v", got)
		}
		if got["messages.received{outcome=landed}"] != 20 || got["rows{outcome=appended,table=timeseries}"] != 2000 {
			t.Errorf("what was tried again is counted again: %v", got)
		}
	})
}

// unmerging is a warehouse that does not merge while down is true.
type unmerging struct {
	connector.Warehouse
	down atomic.Bool
}

func (u *unmerging) Merge(ctx context.Context, m *connector.Merge) (connector.MergeBooks, error) {
	if u.down.Load() {
		return connector.MergeBooks{}, errBoom
	}
	return u.Warehouse.Merge(ctx, m)
}

// TestMetricsOfLag: what is appended and not merged grows old; when it is
// merged there is no lag, and the table is as fresh as its newest batch.
func TestMetricsOfLag(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &unmerging{Warehouse: openFile(t)}
		in := newIngest(t, w)
		folder := &connector.Folder{Warehouse: w, Catalogue: catalogue(t), Log: slog.New(slog.DiscardHandler)}
		m := newMeter(t, in, folder)
		const lag, freshness = "lag{table=timeseries}", "freshness{table=timeseries}"
		w.down.Store(true)
		for range 2 { // the older batch counts
			if err := in.Run(t.Context(), &door{n: 1, samples: 1}); err != nil {
				t.Fatal(err)
			}
			if _, err := folder.Fold(t.Context()); err == nil {
				t.Error("a fold that cannot merge says nothing")
			}
			time.Sleep(10 * time.Minute)
		}
		got := m.read(t)
		// The second fold tries both batches, then each.
		if got[lag] < 1200 || got[lag] > 1201 || got["fold.duration.count{result=failed,table=timeseries}"] != 4 {
			t.Errorf("a batch waits for 20 minutes, and a newer one for 10: %v", got)
		}
		if _, fresh := got[freshness]; fresh {
			t.Errorf("nothing is merged: %v", got)
		}
		time.Sleep(time.Minute)
		if later := m.read(t); later[lag]-got[lag] != 60 {
			t.Errorf("a minute later the lag is %v s, and was %v", later[lag], got[lag])
		}
		w.down.Store(false)
		if _, err := folder.Fold(t.Context()); err != nil {
			t.Fatal(err)
		}
		got = m.read(t)
		if _, lags := got[lag]; lags || got[freshness] < 660 || got[freshness] > 661 {
			t.Errorf("all is merged, the newest batch is 11 minutes old: %v", got)
		}
	})
}
