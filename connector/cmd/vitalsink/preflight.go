package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"cloud.google.com/go/auth/credentials"
	"github.com/dustin/go-humanize"

	"vitalsink/connector"
	"vitalsink/connector/bigquery"
	"vitalsink/connector/duckdb"
	"vitalsink/connector/junction"
	"vitalsink/connector/pubsub"
	"vitalsink/connector/webhook"
	"vitalsink/schemas"
)

// needs are what a command needs, each "" or false for nothing.
type needs struct {
	warehouse       string
	writes, queries bool // rows into it, jobs in it
	source          string
	allowOrdering   bool
	topic           string
	junction        *junctionFlags
	secrets         bool
	secretFile      string
	memory          *memoryFlag
}

func (c *runCommand) needs() needs {
	return needs{warehouse: c.Warehouse, writes: true, queries: !c.NoFold, source: c.Source, allowOrdering: c.AllowOrdering, memory: &c.memoryFlag}
}

func (c *webhookCommand) needs() needs {
	n := needs{topic: c.Topic, secrets: true, secretFile: c.SecretFile, memory: &c.memoryFlag}
	if c.Topic == "" {
		n.warehouse, n.writes = c.Warehouse, true
	}
	return n
}

func (c *loadCommand) needs() needs {
	return needs{warehouse: c.Warehouse, writes: true, queries: true, memory: &c.memoryFlag}
}

func (c *backfillCommand) needs() needs {
	return needs{warehouse: c.Warehouse, writes: c.Topic == "", queries: true, topic: c.Topic, junction: &c.junctionFlags, memory: &c.memoryFlag}
}

func (c *reconcileCommand) needs() needs {
	return needs{warehouse: c.Warehouse, writes: true, queries: true, topic: c.Topic, junction: &c.junctionFlags, memory: &c.memoryFlag}
}

func (c *replayCommand) needs() needs {
	return needs{warehouse: c.Warehouse, writes: true, queries: true, memory: &c.memoryFlag}
}

func (c *eraseCommand) needs() needs {
	return needs{warehouse: c.Warehouse, writes: true, queries: true, memory: &c.memoryFlag}
}

// needs are what check looks at if nobody says for what: all that is given.
func (c *checkCommand) needs() needs {
	n := needs{
		warehouse: c.Warehouse, writes: c.Source != "", queries: true, source: c.Source, topic: c.Topic,
		secrets: os.Getenv(secretVariable) != "" || c.SecretFile != "", secretFile: c.SecretFile, memory: &c.memoryFlag,
	}
	// Who only wants to see the books does not ask a third party.
	if os.Getenv(keyVariable) != "" && c.junctionAPI != (junctionAPI{}) {
		n.junction = &junctionFlags{junctionAPI: c.junctionAPI, RequestRate: 1}
	}
	return n
}

// preflight is a check at work.
type preflight struct {
	log      *slog.Logger
	location string // said by --location
	checks   connector.Checks
	seen     map[string]bool // what was looked at
	google   bool            // there are credentials, or they are not needed
	account  string          // whose they are, "" if they do not tell
	// unreadable is why the books cannot be read, "" if they can.
	unreadable string
}

// once tells whether something is to be looked at, and has not been.
func (p *preflight) once(what, value string) bool {
	key := what + " " + value
	if value == "" || p.seen[key] {
		return false
	}
	p.seen[key] = true
	return true
}

// look looks at all that commands need.
func (p *preflight) look(ctx context.Context, all []needs) {
	p.credentials(all)
	for _, n := range all {
		if n.memory != nil && p.once("memory", "of "+n.memory.Memory) {
			p.memory(*n.memory)
		}
		if n.secrets && p.once("secrets", "in "+n.secretFile) {
			p.checks = append(p.checks, webhook.Inspect(n.secretFile, os.Getenv(secretVariable), secretVariable)...)
		}
		if n.junction != nil && p.once("junction", fmt.Sprint("at ", n.junction.junctionAPI)) {
			p.junction(ctx, *n.junction)
		}
		if p.once("source", n.source) {
			p.source(ctx, n)
		}
		if p.once("topic", n.topic) {
			p.topic(ctx, n.topic)
		}
	}
	for _, n := range merged(all) {
		before := len(p.checks)
		p.warehouse(ctx, n)
		if slices.ContainsFunc(p.checks[before:], func(c connector.Check) bool { return c.Status == connector.Failed || c.Status == connector.Unseen }) && p.unreadable == "" {
			p.unreadable = "the warehouse has to be mended first"
		}
	}
}

// merged are the uses of each warehouse.
func merged(all []needs) []needs {
	uses := map[string]needs{}
	for _, n := range all {
		if n.warehouse != "" {
			have := uses[n.warehouse]
			n.writes, n.queries = n.writes || have.writes, n.queries || have.queries
			uses[n.warehouse] = n
		}
	}
	return slices.SortedFunc(maps.Values(uses), func(a, b needs) int { return strings.Compare(a.warehouse, b.warehouse) })
}

// credentials looks for Google's, if something is asked for which they are
// needed.
func (p *preflight) credentials(all []needs) {
	wanted, project := false, ""
	for _, n := range all {
		location, _ := warehouseFlag{n.warehouse}.location()
		wanted = wanted || (n.source != "" || n.topic != "") && os.Getenv("PUBSUB_EMULATOR_HOST") == "" || location.isBigQuery() && os.Getenv(emulatorVariable) == ""
		if location.isBigQuery() {
			project = location.project
		}
	}
	if p.google = true; !wanted {
		return
	}
	const name = "credentials"
	found, err := credentials.DetectDefault(&credentials.DetectOptions{Scopes: []string{"https://www.googleapis.com/auth/cloud-platform"}})
	if err != nil {
		p.google = false
		value, why := os.Getenv(credentialsVariable), "there are no application default credentials"
		if value != "" {
			why = "no credentials can be read from this file"
		}
		p.checks.Found(connector.Failed, name, credentialsVariable, value, why,
			"gcloud auth application-default login; or set "+credentialsVariable+" to the key file of a service account, or attach an account to the machine")
		return
	}
	var key struct {
		Email string `json:"client_email"`
	}
	if json.Unmarshal(found.JSON(), &key) == nil && key.Email != "" {
		p.account = key.Email
	}
	p.checks.Well(name, strings.Join(slices.DeleteFunc([]string{"application default credentials", key.Email, project}, func(part string) bool { return part == "" }), ", "))
}

func (p *preflight) memory(f memoryFlag) {
	total, err := f.total()
	var wrong usage
	switch {
	case errors.As(err, &wrong):
		p.wrong(err)
		return
	case err != nil:
		p.checks.Found(connector.Failed, "memory", "--memory", f.Memory, err.Error(), "give the container "+humanize.IBytes(2*leastMemory)+" or more")
		return
	}
	p.checks.Well("memory", humanize.IBytes(uint64(total)))
}

func (p *preflight) junction(ctx context.Context, f junctionFlags) {
	key := os.Getenv(keyVariable)
	if _, _, known := junction.OfKey(key); !known && key != "" && f.Region == "" && f.APIURL == "" {
		p.checks.Found(connector.Failed, "junction", keyVariable, hides, "it does not begin as Junction's keys do: sk_us_, sk_eu_, pk_us_ or pk_eu_",
			"copy it anew from Junction's dashboard; if it is right, give --environment and --region")
		return
	}
	client, err := f.client(p.log)
	if err != nil {
		c := configuration{name: "junction"}
		c.judge(err)
		for _, found := range c.checks {
			found.Name = "junction"
			p.checks = append(p.checks, found)
		}
		return
	}
	defer func() { _ = client.Close() }() // it has none
	p.checks = append(p.checks, client.Inspect(ctx, keyVariable)...)
}

// skip says that something could not be looked at for want of credentials.
func (p *preflight) skip(name, field, value string) bool {
	if !p.google {
		p.checks.Found(connector.Skipped, name, field, value, "there are no credentials", "")
	}
	return !p.google
}

func (p *preflight) source(ctx context.Context, n needs) {
	project, name, err := parseResource("source", "SUBSCRIPTION", n.source)
	if err != nil {
		p.wrong(err)
		return
	}
	if p.skip("subscription", "--source", n.source) {
		return
	}
	s, err := pubsub.NewSource(ctx, project, name)
	if err != nil {
		p.checks.Found(connector.Unseen, "subscription", "--source", n.source, err.Error(), "see "+credentialsVariable)
		return
	}
	defer func() { _ = s.Close() }() // nothing was received
	p.checks = append(p.checks, s.Inspect(ctx, n.allowOrdering)...)
}

func (p *preflight) topic(ctx context.Context, url string) {
	project, name, err := parseResource("topic", "TOPIC", url)
	if err != nil {
		p.wrong(err)
		return
	}
	if p.skip("topic", "--topic", url) {
		return
	}
	t, err := pubsub.NewTopic(ctx, project, name, 1)
	if err != nil {
		p.checks.Found(connector.Unseen, "topic", "--topic", url, err.Error(), "see "+credentialsVariable)
		return
	}
	defer func() { _ = t.Close() }() // nothing was sent
	p.checks = append(p.checks, t.Inspect(ctx)...)
}

// wrong adds what is wrong with a flag, unless its command's configuration said
// so.
func (p *preflight) wrong(err error) {
	c := configuration{name: "check", checks: slices.Clone(p.checks)}
	c.judge(err)
	p.checks = c.checks
}

func (p *preflight) warehouse(ctx context.Context, n needs) {
	location, err := warehouseFlag{n.warehouse}.location()
	if err != nil {
		p.wrong(err)
		return
	}
	catalogue, err := schemas.Load()
	if err != nil {
		p.wrong(err)
		return
	}
	if !location.isBigQuery() {
		p.checks = append(p.checks, duckdb.Inspect(ctx, duckdb.Config{Path: location.path, Catalogue: catalogue}, n.writes)...)
		if _, err := os.Stat(location.path); err != nil {
			p.unreadable = "there is no file yet"
		}
		return
	}
	if p.skip("dataset", "--warehouse", n.warehouse) {
		p.unreadable = "there are no credentials"
		return
	}
	cfg, err := location.bigQuery(catalogue)
	if err != nil {
		p.checks.Found(connector.Failed, "dataset", emulatorVariable, os.Getenv(emulatorVariable), err.Error(), "set both or neither")
		return
	}
	p.checks = append(p.checks, bigquery.Inspect(ctx, cfg, bigquery.Uses{Writes: n.writes, Queries: n.queries, Location: p.location})...)
}

// marksOf are the statuses in a list.
var marksOf = map[connector.Status]string{connector.Failed: "FAIL", connector.Unseen: "FAIL"}

// printChecks prints a line a check, and what to do below those that are not
// well.
func printChecks(out io.Writer, checks connector.Checks) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, c := range checks {
		mark := marksOf[c.Status]
		if mark == "" {
			mark = string(c.Status)
		}
		what := strings.TrimSpace(c.Field + " " + c.Value)
		if c.Why != "" {
			what = strings.TrimPrefix(what+": "+c.Why, ": ")
		}
		fmt.Fprintf(w, "%s\t%s\t%s\n", mark, c.Name, what)
		if c.Remedy != "" {
			fmt.Fprintf(w, "\t\twhat to do: %s\n", c.Remedy)
		}
	}
	return w.Flush()
}

// printConfig prints the settings of commands.
func printConfig(out io.Writer, all map[string][]setting) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(w, "%s\t\t\n", name)
		for _, s := range all[name] {
			fmt.Fprintf(w, "  %s\t%s\t%s\n", s.Name, s.Value, s.From)
		}
	}
	return w.Flush()
}
