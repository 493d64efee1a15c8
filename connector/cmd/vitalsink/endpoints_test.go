package main

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"vitalsink/schemas"
)

var update = flag.Bool("update", false, "write the tables of docs anew")

// TestEndpointsPage: the table of docs/backfill.md is the catalogue's.
func TestEndpointsPage(t *testing.T) {
	const begin, end = "-update -->\n", "<!-- end of endpoints -->"
	c, err := schemas.Load()
	if err != nil {
		t.Fatal(err)
	}
	endpoints := c.Endpoints()
	slices.SortFunc(endpoints, func(a, b schemas.Endpoint) int { return strings.Compare(a.Resource, b.Resource) })
	table := "| resource | asked at | becomes |\n|---|---|---|\n"
	for _, e := range endpoints {
		table += fmt.Sprintf("| `%s` | `GET %s` | `%s` |\n", e.Resource, e.Path, e.Event)
	}
	page := mustDoc(t, "backfill.md")
	head, rest, _ := strings.Cut(page, begin)
	_, tail, ok := strings.Cut(rest, end)
	if !ok {
		t.Fatal("docs/backfill.md has no table of endpoints")
	}
	want := head + begin + table + end + tail
	if *update {
		if err := os.WriteFile("../../../docs/backfill.md", []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if page != want {
		t.Error("the table of docs/backfill.md is not the catalogue's; write it anew with -update")
	}
}
