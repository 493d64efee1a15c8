package bigquery

import (
	"fmt"
	"math"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dustin/go-humanize"

	"vitalsink/connector/connectortest"
	"vitalsink/schemas"
)

// List prices of the multi-region US, in dollars
// (https://cloud.google.com/bigquery/pricing). The free TiB of queries and the
// free 10 GiB of storage are left out.
const (
	dollarsPerTiB      = 6.25  // of queries, on demand
	dollarsPerAppended = 0.025 // GiB through the Storage Write API
	freeAppends        = 2 << 40
	dollarsPerStored   = 0.02 // GiB a month, active logical storage
	dollarsPerSlotHour = 0.06 // Enterprise edition, pay as you go
	hoursAMonth        = 24 * daysAMonth
	gib                = 1 << 30
	tib                = 1 << 40
)

const (
	readme      = "../../README.md"
	readmeWidth = 120
	tableBegins = "<!-- cost table: go test ./connector/bigquery -run TestCostTable -update -->\n"
	tableEnds   = "<!-- end of the cost table -->\n"
)

// What the table is about, and what is worked out.
var (
	customers = []float64{1_000, 100_000, 5_000_000}
	intervals = []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute}
)

const (
	exampleUsers    = 100_000
	exampleInterval = 5 * time.Minute
	mostUsers       = 5_000_000
	longest         = 15 * time.Minute
	logDays         = 7
	bigFold         = 20_000_000 // the default of --fold-rows for BigQuery
)

func (m month) dollars() (queries, appends, storage float64) {
	return m.queries() / tib * dollarsPerTiB, max(0, m.appended-freeAppends) / gib * dollarsPerAppended, m.stored / gib * dollarsPerStored
}

// measured is the mix, which takes seconds to measure.
var measured struct {
	sync.Once
	mix mix
}

// deployed is one with the mix of the generator, after a year.
func deployed(t testing.TB, users float64, interval time.Duration) deployment {
	t.Helper()
	measured.Do(func() { measured.mix = measure(t) })
	return deployment{
		mix: measured.mix, catalogue: loadCatalogue(t), users: users, interval: interval, foldRows: bigFold, days: daysAYear, retention: logDays,
	}
}

// TestCostTable: README has the table that the model makes of the catalogue and
// the generator's people. With -update it is written anew.
func TestCostTable(t *testing.T) {
	connectortest.Long(t)
	raw, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begins := strings.Cut(string(raw), tableBegins)
	old, after, ends := strings.Cut(rest, tableEnds)
	if !begins || !ends {
		t.Fatal("README has no place for the cost table")
	}
	table := costTable(t)
	if *update {
		if err := os.WriteFile(readme, []byte(before+tableBegins+table+tableEnds+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if table != old {
		t.Errorf("README's cost table is another; make cost writes it anew:\n%s", table)
	}
}

// costTable is what stands in README between the marks.
func costTable(t testing.TB) string {
	var b strings.Builder
	d := deployed(t, exampleUsers, exampleInterval)
	fmt.Fprintf(&b, "\n%s\n\n%s\n", wrap(d.exampleText()), wrap(mixText(d.mix)))
	b.WriteString("\n| users | a fold every | queries read | queries | appends | storage | a month |\n|---|---|---|---|---|---|---|\n")
	var shares, largest, tooMuch []string
	for _, users := range customers {
		for _, interval := range intervals {
			m := deployed(t, users, interval).month()
			queries, appends, storage := m.dollars()
			fmt.Fprintf(&b, "| %s | %d min | %s | %s | %s | %s | **%s** |\n", whole(users), int(interval.Minutes()),
				size(m.queries()), dollars(queries), dollars(appends), dollars(storage), dollars(queries+appends+storage))
			if interval == exampleInterval {
				shares = append(shares, fmt.Sprintf("of %s users %s", whole(users), m.shares()))
				largest = append(largest, fmt.Sprintf("%s of %s users", size(m.largest), whole(users)))
				if m.largest > defaultMaxBytesBilled {
					tooMuch = append(tooMuch, whole(users))
				}
			}
		}
	}
	fmt.Fprintf(&b, "\n%s\n\n%s\n\n", wrap("What the queries of a fold every 5 minutes read: "+strings.Join(shares, "; ")+
		". The largest merge, one of the late lane, reads "+strings.Join(largest, ", ")+". For "+strings.Join(tooMuch, " and ")+" users it stays pending until `--max-bytes-billed` is raised: to ten times that, so that it is not made in dear parts."), wrap(variantsText(t)))
	return b.String()
}

// mixText says what a user's devices send.
func mixText(m mix) string {
	samples := m.of(schemas.TimeseriesTable)
	var summaries, without, others, changing float64
	for _, h := range m {
		for _, f := range h.lanes {
			switch {
			case h.table.StickyColumn() != "":
				summaries += f.rows
				without += f.ages.get(noDay).rows
			case h != samples:
				others += f.rows
			}
		}
	}
	for _, f := range samples.lanes {
		for _, a := range f.ages {
			changing += a.changing
		}
	}
	of := func(rows float64) string { return humanize.FormatFloat("#,###.#", rows) }
	s := samples.lanes[recent].messages + samples.lanes[late].messages
	return fmt.Sprintf("**The mix** is that of the generator's people (`connector/synth`), who wear two or three devices all day: "+
		"%s samples a user and day in %.0f messages, %s summaries and %s other records. "+
		"%.0f %% of the messages come twice, %.0f %% are told anew, %.0f %% come weeks late. "+
		"Of those with samples %.0f %% bring a newer version of one that is there, often just of the last one before; "+
		"%.0f %% of the summaries have no `created_at`. "+
		"The tables are a year old, the logs hold %d days, and one receiver with %d workers appends every minute. "+
		"Prices are Google's for the US (https://cloud.google.com/bigquery/pricing): $%v a TiB of queries, $%v a GiB appended beyond 2 TiB a month, "+
		"$%v a GiB and month stored; the free TiB of queries is left out.",
		whole(math.Round((samples.lanes[recent].rows+samples.lanes[late].rows)/100)*100), s, of(summaries), of(others),
		100*sentTwice, 100*toldAnew, 100*weeksLate, 100*changing/s, 100*without/summaries, logDays, workers, dollarsPerTiB, dollarsPerAppended, dollarsPerStored)
}

// exampleText works the formula out for one merge.
func (d deployment) exampleText() string {
	const noonOfDay = 0.5
	all := d.inflows()
	b := d.records(all)
	for _, s := range all {
		if s.table.Name != schemas.TimeseriesTable || s.lane != recent {
			continue
		}
		days := d.partition(s, today, noonOfDay) + d.partition(s, today+1, noonOfDay)
		f := d.merge(s, b, noonOfDay)
		probes, merge := s.widths.probes(f), s.widths.merge(f)
		of := map[string]float64{}
		for _, c := range append(probes, merge...) {
			of[c.what] += c.billed(leastBilled)
		}
		total := billed(probes, leastBilled) + billed(merge, leastBilled)
		w, folds := s.widths, float64(daysAMonth*24*time.Hour/d.interval)
		queries, _, _ := d.month().dollars()
		return fmt.Sprintf("**For example**, %s users, a fold every %d minutes, noon: today and yesterday have %s million samples. "+
			"Of each the key and the version are %.0f bytes, all columns %.0f. The merge of recent samples looks their keys up three times, "+
			"for the probe, the merge and the update, and replaces both days: %s million × (3 × %.0f + %.0f) bytes are %s. "+
			"The log since 11:00 is %s, once by its keys and once as a whole, and the merge's own rows, read three times, %s. "+
			"Together %s or $%.2f; a month has %s such merges, %s of the table's %s. Of the rest most is the late lane's: what comes weeks late "+
			"touches weeks of days, and every tenth fold pays for them all.",
			whole(d.users), int(d.interval.Minutes()), whole(days/1e6), w.probed, w.all,
			whole(days/1e6), w.probed, w.all, size(days*(3*w.probed+w.all)),
			size(f.log*(w.logProbed+w.logAll)), size(f.rows*(w.source+w.staged+w.inserted)),
			size(total), total/tib*dollarsPerTiB, whole(folds), dollars(folds*total/tib*dollarsPerTiB), dollars(queries))
	}
	return ""
}

// shares says what queries are paid for.
func (m month) shares() string {
	share := func(of ...string) string {
		sum := 0.0
		for _, what := range of {
			sum += m.billed[what]
		}
		return fmt.Sprintf("%.0f %%", 100*sum/m.queries())
	}
	return fmt.Sprintf("what is pending %s, looking for rows to change %s, changing them %s, the rest %s", share("pending"),
		share("probe", "look-up"), share("update"), share("fence", "ledger", "log", "books", "insert"))
}

// variantsText says what other mixes, and other ways to pay, would cost.
func variantsText(t testing.TB) string {
	cost := func(d deployment) string {
		queries, _, _ := d.month().dollars()
		return dollars(queries)
	}
	d, most := deployed(t, exampleUsers, exampleInterval), deployed(t, mostUsers, longest)
	with := func(m mix) string {
		of := d
		of.mix = m
		return cost(of)
	}
	merges := 0.0
	for _, s := range most.inflows() {
		merges = max(merges, s.merges)
	}
	queries, _, _ := most.month().dollars()
	big := most
	big.foldRows *= 20
	return fmt.Sprintf("Other mixes: the queries of %s users and a fold every %d minutes, here %s, are %s with a quarter of the samples, "+
		"%s if nothing comes weeks late, and %s if all summaries have `created_at`. "+
		"For %s users on-demand billing is absurd: in %d minutes there are %.0f merges' worth of samples, each of which pays for the days anew. "+
		"With `--fold-rows %s` it is one, and the queries are %s instead of %s, for which %s slots of capacity work day and night (Enterprise edition, $%v a slot-hour).",
		whole(d.users), int(d.interval.Minutes()), cost(d), with(d.mix.lighter(0.25)), with(d.mix.punctual()), with(d.mix.dated()),
		whole(most.users), int(most.interval.Minutes()), merges, whole(big.foldRows), cost(big), dollars(queries),
		whole(rounded(queries/hoursAMonth/dollarsPerSlotHour)), dollarsPerSlotHour)
}

// rounded has two digits that count.
func rounded(n float64) float64 {
	if n <= 0 {
		return 0
	}
	unit := math.Pow(10, math.Floor(math.Log10(n))-1)
	return math.Round(n/unit) * unit
}

func whole(n float64) string   { return humanize.Comma(int64(math.Round(n))) }
func dollars(n float64) string { return "$" + whole(rounded(n)) }

// size is a number of bytes with two digits.
func size(n float64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"}
	i := 0
	for ; rounded(n) >= 1000 && i < len(units)-1; i++ {
		n /= 1024
	}
	if n < 10 {
		return fmt.Sprintf("%.1f %s", n, units[i])
	}
	return fmt.Sprintf("%.0f %s", rounded(n), units[i])
}

// wrap breaks a paragraph into lines.
func wrap(text string) string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len(line)+1+len(word) > readmeWidth {
			lines = append(lines, line)
			line = ""
		}
		line = strings.TrimPrefix(line+" "+word, " ")
	}
	return strings.Join(append(lines, line), "\n")
}

// TestCostOfNobody: without users a fold reads the registry and the ledger, and
// nothing else.
func TestCostOfNobody(t *testing.T) {
	connectortest.Long(t)
	for _, interval := range intervals {
		m := deployed(t, 0, interval).month()
		folds := float64(daysAMonth*24*time.Hour) / float64(interval)
		if want := folds * 2 * leastBilled; math.Abs(m.queries()-want) > 1 || m.appended != 0 || m.stored != 0 {
			t.Errorf("every %s: %+v, want queries of %v", interval, m, want)
		}
	}
}

// TestCostGrows: more users cost more, and so do more folds, and tables with
// more history.
func TestCostGrows(t *testing.T) {
	connectortest.Long(t)
	queries := func(users float64, minutes int, days float64) float64 {
		d := deployed(t, users, time.Duration(minutes)*time.Minute)
		d.days = days
		return d.month().queries()
	}
	for _, users := range []float64{1, 1e3, 3e4, 1e6, 5e6, 2e7} {
		for _, minutes := range []int{15, 60} {
			for _, days := range []float64{1, 365} {
				is := queries(users, minutes, days)
				for what, more := range map[string]float64{
					"users":   queries(users*1.2, minutes, days),
					"folds":   queries(users, minutes/5, days),
					"history": queries(users, minutes, days+30),
				} {
					if more <= is {
						t.Errorf("%v users every %d minutes after %v days read %v; with more %s %v", users, minutes, days, is, what, more)
					}
				}
			}
		}
	}
}

// TestCostOfRowsWithoutDay: the more summaries lie in the partition of those
// without created_at, the more does every merge read that looks there.
func TestCostOfRowsWithoutDay(t *testing.T) {
	connectortest.Long(t)
	for _, users := range customers {
		d := deployed(t, users, exampleInterval)
		least := d.month().queries()
		for _, rows := range []float64{1_000, 10_000} {
			d.mix = measured.mix.with(func(h *habit) {
				if h.table.StickyColumn() != "" {
					h.before.ages.at(noDay).fresh += rows
				}
			})
			more := d.month().queries()
			if more <= least {
				t.Errorf("%v users: %v rows without a day cost %v, fewer %v", users, rows, more, least)
			}
			least = more
		}
	}
}

// TestTargetColumns: what the merge looks up of a table are the columns that
// the model counts, and no others.
func TestTargetColumns(t *testing.T) {
	s, err := newStatements("project", "health")
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range loadCatalogue(t).Versioned() {
		n := namesFor(goldenMerge(table), maxPartitions)
		text, err := s.render("target.sql", n.With(n.Parts[0]))
		if err != nil {
			t.Fatal(err)
		}
		want := "SELECT " + idents(keyColumns(table)) + "\n"
		if !strings.Contains(strings.Replace(text, " _version", " `_version`", 1), want) || strings.Count(text, "SELECT") != 1 {
			t.Errorf("%s: %s\nwant %s", table.Name, text, want)
		}
		merge, err := s.render("merge.sql", n)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Count(merge, text); got != 1 {
			t.Errorf("%s: the merge looks up %d times what it should once", table.Name, got)
		}
	}
}

// BenchmarkFoldInterval measures nothing: it tells what the model says that a
// month of folds reads.
func BenchmarkFoldInterval(b *testing.B) {
	const users = 1_000
	for _, interval := range []time.Duration{2 * time.Second, 10 * time.Second, 30 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute} {
		b.Run(fmt.Sprintf("users=%d/fold=%s", users, interval), func(b *testing.B) {
			b.ReportMetric(deployed(b, users, interval).month().queries(), "B/month")
		})
	}
}
