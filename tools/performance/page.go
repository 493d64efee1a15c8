package main

import (
	"bytes"
	_ "embed"
	"fmt"
	"strings"
	"text/template"
)

//go:embed page.md.tmpl
var page string

// render fills the page in.
func render(r *results) ([]byte, error) {
	t, err := template.New("page").Funcs(template.FuncMap{
		"machine": func() string { return r.machine },
		"date":    func() string { return r.date },
		"targets": func(name string) (string, error) { return table(r, targets[name]) },
		"latency": func(warehouse string) (string, error) { return latency(r, warehouse) },
	}).Parse(page)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = t.Execute(&b, nil)
	return b.Bytes(), err
}

// table shows targets.
func table(r *results, all []target) (string, error) {
	var b strings.Builder
	b.WriteString("| what | target | median | least to most | |\n|---|---|---|---|---|\n")
	for _, t := range all {
		s, err := t.measure(r)
		if err != nil {
			return "", fmt.Errorf("%s: %w", t.what, err)
		}
		verdict := ""
		if t.wanted() != "" {
			verdict = "**missed**"
			if t.met(s) {
				verdict = "met"
			}
		}
		between := ""
		if s.least != s.most {
			between = fmt.Sprintf(t.form, s.least) + " to " + fmt.Sprintf(t.form, s.most)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", t.what, t.wanted(), fmt.Sprintf(t.form, s.median), between, verdict)
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}

// latency shows what a service needs at some loads.
func latency(r *results, warehouse string) (string, error) {
	prefix := "Latency/warehouse=" + warehouse
	most, err := r.spread(prefix+"/most-2", "messages/s")
	if err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "The greatest rate was %.0f messages a second.\n\n", most.median)
	b.WriteString("| flush every | fold every | load | p50 | p99 | 1,000 users' queries in BigQuery, a month |\n|---|---|---|---|---|---|\n")
	for _, beat := range []string{"flush=1s/fold=2s", "flush=5s/fold=10s", "flush=10s/fold=30s"} {
		if r.rounds[prefix+"/"+beat+"/load=1-2"] == nil {
			continue // not measured of this warehouse
		}
		for _, load := range []string{"1", "50", "90"} {
			name := prefix + "/" + beat + "/load=" + load + "-2"
			half, err := r.spread(name, "p50-s")
			if err != nil {
				return "", err
			}
			tail, err := r.spread(name, "p99-s")
			if err != nil {
				return "", err
			}
			flush, fold, _ := strings.Cut(beat, "/")
			read, err := r.spread("FoldInterval/users=1000/"+fold+"-2", "B/month")
			if err != nil {
				return "", err
			}
			fmt.Fprintf(&b, "| %s | %s | %s %% | %.1f s | %.1f s | %.0f TiB |\n", strings.TrimPrefix(flush, "flush="), strings.TrimPrefix(fold, "fold="),
				load, half.median, tail.median, read.median/(1<<40))
		}
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}
