// Command livecheck shows, on a BigQuery project of one's own, what vitalsink
// takes for granted about BigQuery and no stand-in can prove: the points of the
// design's "Not yet proved". Then it lands a million generated samples, and
// says how fast that was and what it cost.
//
// It works in two datasets that it makes and deletes, and touches no other.
// main is the command line; trial is these datasets; checks is the list of what
// is looked at, in order, and each of the other files looks at one thing. To
// add a check, write its function and put it into the list.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"syscall"

	"github.com/alecthomas/kong"
	"github.com/dustin/go-humanize"
	"google.golang.org/api/option"
)

// Exit codes.
const (
	exitDone      = 0
	exitFailed    = 1
	exitUsage     = 2
	exitDifferent = 3 // BigQuery is not what vitalsink takes it for: a person has to look
)

// options are the command line.
type options struct {
	Project    string   `placeholder:"ID" help:"The project, by its id. It is never taken from credentials. Default: none; a stand-in for BigQuery within this process, which proves nothing about Google's service."`
	Location   string   `default:"EU" placeholder:"NAME" help:"Where the datasets are made: EU, US, europe-west1, … Default ${default}."`
	Samples    int      `default:"1000000" placeholder:"N" help:"About how many generated samples are landed. Default ${default}."`
	MaxDollars float64  `default:"5" placeholder:"USD" help:"What the folds of a run may be billed for, by the list price: beyond it they stop, and the run fails. Default ${default}."`
	Only       []string `placeholder:"CHECK" help:"Look only at these, by their names in the list, such as \"load,truth\". Default: at all."`
	JSON       bool     `name:"json" help:"Print one JSON object at the end; the checklist goes to stderr."`
}

const about = `Shows on a BigQuery project of yours what vitalsink takes for granted about
BigQuery and could not be tried without one, then lands generated samples and
says how fast that was and what it cost: a checklist, of which each line is ok,
DIFFERENT, FAILED, or cannot be shown here. Nothing in it is of a real person.

  make live-check PROJECT=my-project
  make live-check PROJECT=my-project LOCATION=US SAMPLES=10000000
  make live-check                     a stand-in in this process, to see how it looks

It makes two datasets named vitalsink_livecheck_…, works in them only, and deletes
them at the end, also after a failure or Ctrl-C (a second Ctrl-C does not wait for
that; the commands to delete them by hand are printed before they are made). A
million samples cost well under a dollar and take a quarter of an hour or so;
the estimate is printed before it begins.

It needs application default credentials (gcloud auth application-default login)
of somebody who may create datasets and run jobs, such as roles/bigquery.user with
roles/bigquery.dataEditor, or roles/bigquery.admin, and the BigQuery and BigQuery
Storage APIs enabled. Best take a project with nothing else in it: then what the
bill says is what this did.

Exit codes: 0 all is as assumed, 1 failed, 2 wrong usage, 3 BigQuery does
something else than vitalsink assumes: please report it, with the output of
FLAGS=--json. By way of make, all but 0 are 2.
No values, ids or payloads are printed.`

// streams are what the command writes to.
type streams struct{ out, err io.Writer }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends it at once
	code := execute(ctx, os.Args[1:], streams{os.Stdout, os.Stderr})
	stop()
	os.Exit(code)
}

// execute runs one command line and returns its exit code.
func execute(ctx context.Context, args []string, std streams) int {
	left := -1 // --help ends the parse
	var o options
	parser, err := kong.New(&o, kong.Name("livecheck"), kong.Description(about),
		kong.Writers(std.out, std.err), kong.Exit(func(code int) { left = code }))
	if err != nil {
		fmt.Fprintln(std.err, "livecheck:", err)
		return exitFailed
	}
	if _, err = parser.Parse(args); left >= 0 {
		return left
	}
	if err == nil {
		err = o.check()
	}
	if err != nil {
		fmt.Fprintln(std.err, "livecheck:", err)
		return exitUsage
	}
	code, err := run(ctx, o, std)
	if err != nil {
		fmt.Fprintln(std.err, "livecheck:", err)
	}
	return code
}

// projectID keeps out what a client would take for a wish to find a project in
// the credentials.
var (
	projectID    = regexp.MustCompile(`^([a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]$`)
	locationName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]*$`)
)

// check reports all that is wrong with the flags.
func (o *options) check() error {
	var wrong []error
	if o.Project != "" && !projectID.MatchString(o.Project) {
		wrong = append(wrong, fmt.Errorf("--project %s: write the id of a project, such as my-project", o.Project))
	}
	if !locationName.MatchString(o.Location) {
		wrong = append(wrong, fmt.Errorf("--location %s: write a location, such as EU or europe-west1", o.Location))
	}
	if o.Samples < 1 || o.Samples > mostSamples {
		wrong = append(wrong, fmt.Errorf("--samples %d: give a number from 1 to %d", o.Samples, mostSamples))
	}
	least := math.Ceil(20*dollars(estimate(o.Samples))) / 10 // twice the estimate
	if !(o.MaxDollars >= least && o.MaxDollars <= mostDollars) {
		wrong = append(wrong, fmt.Errorf("--max-dollars %v: so many samples take an estimated $%.2f; give dollars from %v to %v",
			o.MaxDollars, dollars(estimate(o.Samples)), least, mostDollars))
	}
	for _, name := range o.Only {
		if !slices.ContainsFunc((&trial{}).checks(), func(c check) bool { return c.name == name }) {
			wrong = append(wrong, fmt.Errorf("--only %s: there is no such check", name))
		}
	}
	return errors.Join(wrong...)
}

// mostDollars is more than anybody means to spend on this.
const mostDollars = 10_000

// target is the BigQuery that is looked at.
type target struct {
	project     string
	real        bool // it is Google's
	rest, write []option.ClientOption
	close       func() error
}

// run looks at the BigQuery that the options name.
func run(ctx context.Context, o options, std streams) (code int, err error) {
	of := target{project: o.Project, real: true, close: func() error { return nil }}
	if o.Project == "" {
		if of, err = startStandIn(o); err != nil {
			return exitFailed, err
		}
	}
	r, err := look(ctx, o, of, std)
	if err = errors.Join(err, of.close()); err != nil {
		return exitFailed, err
	}
	return r.code(), nil
}

// look goes through the checklist and prints what it finds.
func look(ctx context.Context, o options, of target, std streams) (*report, error) {
	r := &report{out: std.out, Project: of.project, Location: o.Location, StandIn: !of.real}
	if o.JSON {
		r.out = std.err
	}
	t, err := newTrial(o, of, r.out)
	if err != nil {
		return nil, err
	}
	r.Dataset = t.dataset
	greet(r.out, t)
	r.all(ctx, std.err, t)
	if o.JSON {
		err = printJSON(std.out, r)
	}
	return r, err
}

// greet says what is about to happen, and what it may cost.
func greet(out io.Writer, t *trial) {
	if !t.real {
		fmt.Fprint(out, "This BigQuery is a stand-in within this process: it shows that the program works, and proves nothing about Google's service.\n"+
			"With a project of your own: make live-check PROJECT=my-project\n\n")
		return
	}
	bytes := estimate(t.options.Samples)
	fmt.Fprintf(out, "Project %s, location %s. This is Google's service, and it costs: an estimated %s of queries, $%.2f at $%.2f per TiB;\n"+
		"appends are free up to %d TiB a month. Folds stop at $%.2f (--max-dollars). %s.\n\n",
		t.project, t.options.Location, humanize.IBytes(uint64(bytes)), dollars(bytes), dollarsPerTiB, freeTiB, t.options.MaxDollars, priceSource)
}
