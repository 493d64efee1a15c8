package connector

import (
	"errors"

	"go.opentelemetry.io/otel/metric"
)

// Instruments makes instruments of a meter, and keeps what it made and what
// went wrong.
type Instruments struct {
	meter metric.Meter
	made  []Instrument
	errs  []error
}

// Instrument is what is known of one: docs/metrics.md is made of it.
type Instrument struct {
	Name   string // by OpenTelemetry: "vitalsink.batch.age"
	Kind   string // counter, histogram or gauge
	Unit   string // UCUM: "s", "By"; "" if it only counts
	What   string
	Labels []Label
}

// Label is one of an instrument's, with the values that it may have.
type Label struct {
	Name   string
	Values []string // nil: the versioned tables of the catalogue
}

// byTable is the label of what is measured for each table.
var byTable = Label{Name: "table"}

// NewInstruments makes none yet.
func NewInstruments(meter metric.Meter) *Instruments { return &Instruments{meter: meter} }

// Made are the instruments, in order.
func (i *Instruments) Made() []Instrument { return i.made }

// Err is what went wrong.
func (i *Instruments) Err() error { return errors.Join(i.errs...) }

// made notes an instrument.
func made[T any](i *Instruments, what Instrument, instrument T, err error) T {
	i.made, i.errs = append(i.made, what), append(i.errs, err)
	return instrument
}

// Counter makes one of what has happened so far, in units of its own ("") or
// bytes.
func (i *Instruments) Counter(name, unit, what string, labels ...Label) metric.Int64Counter {
	c, err := i.meter.Int64Counter(name, metric.WithUnit(unit), metric.WithDescription(what))
	return made(i, Instrument{name, "counter", unit, what, labels}, c, err)
}

// Sizes makes a histogram of numbers of rows.
func (i *Instruments) Sizes(name, what string, labels ...Label) metric.Int64Histogram {
	h, err := i.meter.Int64Histogram(name, metric.WithDescription(what),
		metric.WithExplicitBucketBoundaries(1, 10, 100, 1e3, 1e4, 1e5, 1e6))
	return made(i, Instrument{name, "histogram", "", what, labels}, h, err)
}

// Seconds makes a histogram of durations.
func (i *Instruments) Seconds(name, what string, labels ...Label) metric.Float64Histogram {
	h, err := i.meter.Float64Histogram(name, metric.WithDescription(what), metric.WithUnit("s"),
		metric.WithExplicitBucketBoundaries(.01, .1, .5, 1, 5, 15, 60, 300, 1800))
	return made(i, Instrument{name, "histogram", "s", what, labels}, h, err)
}

// Gauge makes one that is asked for what it is now.
func (i *Instruments) Gauge(name, unit, what string, labels ...Label) metric.Int64ObservableGauge {
	g, err := i.meter.Int64ObservableGauge(name, metric.WithDescription(what), metric.WithUnit(unit))
	return made(i, Instrument{name, "gauge", unit, what, labels}, g, err)
}

// Age makes a gauge of seconds.
func (i *Instruments) Age(name, what string, labels ...Label) metric.Float64ObservableGauge {
	g, err := i.meter.Float64ObservableGauge(name, metric.WithDescription(what), metric.WithUnit("s"))
	return made(i, Instrument{name, "gauge", "s", what, labels}, g, err)
}
