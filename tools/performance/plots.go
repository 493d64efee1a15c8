package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"
)

// curve is a line of a plot: the medians of a benchmark with a parameter.
type curve struct {
	label string
	name  string // with %d or %s for the parameter's value
	unit  string
	scale float64 // the value is multiplied by it
	per   bool    // instead of the value, how many of them fit into scale
}

// figure is a plot.
type figure struct {
	name, title, x, y string
	at                []point
	curves            []curve
	logX, logY        bool
}

// point is a value of the parameter, as the benchmark writes it.
type point struct {
	x    float64
	text string
}

func powers(from, to int) (all []point) {
	for n := from; n <= to; n *= 10 {
		all = append(all, point{float64(n), fmt.Sprint(n)})
	}
	return all
}

func (f figure) save(r *results, dir string) error {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = f.title, f.x, f.y
	p.Legend.Top = true
	if f.logX {
		p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
	}
	if f.logY {
		p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
	}
	p.Add(plotter.NewGrid())
	highest := 0.0
	for i, c := range f.curves {
		var points plotter.XYs
		for _, at := range f.at {
			s, err := r.spread(strings.ReplaceAll(c.name, "%", at.text), c.unit)
			if err != nil {
				return err
			}
			y := s.median * c.scale
			if c.per {
				y = c.scale / s.median
			}
			highest = max(highest, y)
			points = append(points, plotter.XY{X: at.x, Y: y})
		}
		line, dots, err := plotter.NewLinePoints(points)
		if err != nil {
			return err
		}
		line.Color, dots.Color, dots.Shape = plotutil.Color(i), plotutil.Color(i), plotutil.Shape(i)
		p.Add(line, dots)
		p.Legend.Add(c.label, line, dots)
	}
	if !f.logY {
		p.Y.Min, p.Y.Max = 0, 1.3*highest // with room for the legend
	}
	return p.Save(16*vg.Centimeter, 9*vg.Centimeter, filepath.Join(dir, f.name+".svg"))
}

// plots are those of the page.
var plots = []figure{
	{
		name: "decode", title: "Decoding: samples a second of processor time", x: "samples a message", y: "samples/s", at: powers(1, 1_000_000), logX: true,
		curves: []curve{{label: "decode", name: "DecodeSize/samples=%", unit: "cpu-ns/sample", scale: 1e9, per: true}},
	},
	{
		name: "fold", title: "A fold of 268,000 rows into DuckDB", x: "rows of the table", y: "seconds of processor time", at: powers(1_000_000, 100_000_000), logX: true,
		curves: []curve{{label: "fold", name: "Fold/table=%-2", unit: "cpu-ns/op", scale: 1e-9}},
	},
	{
		name: "latency", title: "From publication into the tables of DuckDB", x: "load, % of the greatest rate", y: "seconds, p99",
		at: []point{{1, "1"}, {50, "50"}, {90, "90"}},
		curves: []curve{
			{label: "flush 1 s, fold 2 s", name: "Latency/warehouse=duckdb/flush=1s/fold=2s/load=%-2", unit: "p99-s", scale: 1},
			{label: "flush 5 s, fold 10 s", name: "Latency/warehouse=duckdb/flush=5s/fold=10s/load=%-2", unit: "p99-s", scale: 1},
			{label: "flush 10 s, fold 30 s", name: "Latency/warehouse=duckdb/flush=10s/fold=30s/load=%-2", unit: "p99-s", scale: 1},
		},
	},
	{
		name: "cost", title: "What folds read in BigQuery, 1,000 users", x: "seconds between folds", y: "TiB a month",
		at:   []point{{2, "2s"}, {10, "10s"}, {30, "30s"}, {60, "1m0s"}, {300, "5m0s"}, {900, "15m0s"}},
		logX: true, logY: true,
		curves: []curve{{label: "queries", name: "FoldInterval/users=1000/fold=%-2", unit: "B/month", scale: 1. / (1 << 40)}},
	},
}
