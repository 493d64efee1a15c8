//go:build cgo

package bigquery

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/bigquery"
	"github.com/google/go-cmp/cmp"
	bq "google.golang.org/api/bigquery/v2"
	"google.golang.org/api/googleapi"

	"vitalsink/connector"
	"vitalsink/connector/bigquery/bigquerytest"
	"vitalsink/schemas"
)

// fewTables is a catalogue of one table of each kind.
func fewTables(t testing.TB) *schemas.Catalogue {
	c := *loadCatalogue(t)
	c.Tables = []*schemas.Table{c.Table("devices"), c.Table("merges"), c.Table("sleep")}
	return &c
}

// seeded is a project whose tables somebody has changed.
type seeded struct {
	testing.TB
	*Schema
}

func (s seeded) client() *bigquery.Client { return s.warehouse.client }

func (s seeded) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s seeded) drop(dataset, table string) {
	s.Helper()
	s.must(s.client().Dataset(dataset).Table(table).Delete(context.Background()))
}

// anew makes a table anew, otherwise.
func (s seeded) anew(table string, otherwise func(md *bigquery.TableMetadata)) {
	s.Helper()
	i := slices.IndexFunc(s.warehouse.tables(), func(r relation) bool { return r.name == table })
	want := s.warehouse.tables()[i]
	otherwise(want.md)
	s.drop(want.dataset, table)
	s.must(s.client().Dataset(want.dataset).Table(table).Create(context.Background(), want.md))
}

// field changes a column of a table that is made anew.
func (s seeded) field(table, column string, change func(f *bigquery.FieldSchema)) {
	s.Helper()
	s.anew(table, func(md *bigquery.TableMetadata) { change(fieldOf(md.Schema, column)) })
}

func (s seeded) without(table string, columns ...string) {
	s.Helper()
	s.anew(table, func(md *bigquery.TableMetadata) {
		md.Schema = slices.DeleteFunc(md.Schema, func(f *bigquery.FieldSchema) bool { return slices.Contains(columns, f.Name) })
	})
}

func (s seeded) update(table string, change bigquery.TableMetadataToUpdate) {
	s.Helper()
	_, err := s.client().Dataset("health_store").Table(table).Update(context.Background(), change, "")
	s.must(err)
}

// view makes a view be another one, of that catalogue.
func (s seeded) view(version string) {
	s.Helper()
	change := bigquery.TableMetadataToUpdate{ViewQuery: "SELECT user_id FROM `" + s.warehouse.config.Project + ".health_store.sleep`"}
	change.SetLabel(viewLabel, version)
	_, err := s.client().Dataset("health").Table("sleep").Update(context.Background(), change, "")
	s.must(err)
}

func (s seeded) run(statement string) {
	s.Helper()
	_, err := s.warehouse.query(context.Background(), testStatement(statement), func([]bigquery.Value) error { return nil })
	s.must(err)
}

func testStatement(text string) statement {
	return statement{step: "test", text: text, limit: defaultMaxBytesBilled}
}

// TestPlan: each difference is found and, if the plan does not refuse it,
// mended, so that nothing is left.
func TestPlan(t *testing.T) {
	server := own(t, bigquerytest.Config{})
	project := 0
	for name, test := range seededDifferences {
		t.Run(name, func(t *testing.T) {
			project++
			s := seeded{t, openSchema(t, server, fmt.Sprint("project", project))}
			if !test.empty {
				_, err := s.Apply(t.Context(), "EU", func(Difference) {})
				s.must(err)
			}
			test.seed(s)
			s.check(test.want)
		})
	}
}

func openSchema(t testing.TB, server standIn, project string) *Schema {
	t.Helper()
	s, err := OpenSchema(context.Background(), Config{
		Project: project, Dataset: testDataset, Catalogue: fewTables(t), REST: server.REST(), Write: server.Write(),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// check compares the plan, applies it, and looks what is left.
func (s seeded) check(want []string) {
	s.Helper()
	p, err := s.Plan(context.Background())
	s.must(err)
	if diff := cmp.Diff(want, linesOf(s, p)); diff != "" {
		s.Fatalf("plan (-want +got):\n%s", diff)
	}
	var done []Difference
	_, err = s.Apply(context.Background(), "EU", func(d Difference) { done = append(done, d) })
	left, planErr := s.Plan(context.Background())
	s.must(planErr)
	if len(p.Refused()) > 0 {
		if !errors.Is(err, connector.ErrConfiguration) || len(done) > 0 {
			s.Errorf("apply: %v, and it made %d changes; it must refuse", err, len(done))
		}
		if diff := cmp.Diff(want, linesOf(s, left)); diff != "" {
			s.Errorf("what was refused has changed something (-before +after):\n%s", diff)
		}
		return
	}
	s.must(err)
	if len(done) != len(p.Changes()) || len(left.Changes()) > 0 || len(left.Refused()) > 0 {
		s.Errorf("%d changes were planned, %d made, left are %v", len(p.Changes()), len(done), linesOf(s, left))
	}
}

// linesOf are the differences, and each that is refused has a reason and a
// remedy.
func linesOf(t testing.TB, p *Plan) []string {
	var lines []string
	for _, d := range p.Differences {
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s %s %s", d.Action, d.Name(), strings.Join(d.Columns, ","))))
		if d.Action == Refuse && (d.Why == "" || d.Remedy == "") {
			t.Errorf("%s is refused without a reason or a remedy", d.Name())
		}
	}
	return lines
}

var seededDifferences = map[string]struct {
	empty bool // there are no datasets
	seed  func(s seeded)
	want  []string
}{
	"none": {seed: func(seeded) {}},
	"empty project": {empty: true, seed: func(seeded) {},
		want: append([]string{"create dataset health_store", "create dataset health"}, allMissing...)},
	"no log": {seed: func(s seeded) { s.drop("health_store", "sleep_log") }, want: []string{"create table health_store.sleep_log"}},
	"no fence": {seed: func(s seeded) { s.drop("health_store", "sleep_fence") }, want: []string{
		"create table health_store.sleep_fence", "fill fence health_store.sleep_fence",
	}},
	"no row in a fence": {seed: func(s seeded) { s.run("DELETE FROM health_store.sleep_fence WHERE TRUE") },
		want: []string{"fill fence health_store.sleep_fence"}},
	"nullable columns": {seed: func(s seeded) {
		s.without("sleep", "hr_dip", "sleep_stream", "score")
		s.without("sleep_log", "score")
	}, want: []string{"add columns health_store.sleep score,hr_dip,sleep_stream", "add columns health_store.sleep_log score"}},
	"no view":       {seed: func(s seeded) { s.drop("health", "sleep") }, want: []string{"create view health.sleep"}},
	"an older view": {seed: func(s seeded) { s.view("1") }, want: []string{"replace view health.sleep"}},
	"a newer view":  {seed: func(s seeded) { s.view("99") }, want: []string{"keep health.sleep"}},
	"somebody's view": {seed: func(s seeded) {
		s.drop("health", "sleep")
		s.must(s.client().Dataset("health").Table("sleep").Create(context.Background(), &bigquery.TableMetadata{ViewQuery: "SELECT 1 AS a"}))
	}, want: []string{"refuse health.sleep"}},
	"another fence without a row": {seed: func(s seeded) {
		s.field("sleep_fence", "n", func(f *bigquery.FieldSchema) { f.Required = false })
	}, want: []string{"keep health_store.sleep_fence n", "fill fence health_store.sleep_fence"}},
	"collation": {empty: true, seed: func(s seeded) {
		s.must(s.client().Dataset("health").Create(context.Background(), &bigquery.DatasetMetadata{Location: "EU"}))
		s.must(s.client().Dataset("health_store").Create(context.Background(), &bigquery.DatasetMetadata{Location: "EU", DefaultCollation: "und:ci"}))
	}, want: append([]string{"refuse health_store"}, allMissing...)},
	"column more": {seed: func(s seeded) {
		s.anew("sleep", func(md *bigquery.TableMetadata) {
			md.Schema = append(md.Schema, &bigquery.FieldSchema{Name: "mine", Type: bigquery.StringFieldType})
		})
	}, want: []string{"keep health_store.sleep mine"}},
	"nullable instead of required": {seed: func(s seeded) {
		s.field("sleep", "_message_id", func(f *bigquery.FieldSchema) { f.Required = false })
	}, want: []string{"keep health_store.sleep _message_id"}},
	"other clustering": {seed: func(s seeded) {
		s.update("sleep", bigquery.TableMetadataToUpdate{Clustering: &bigquery.Clustering{Fields: []string{"id"}}})
	}, want: []string{"keep health_store.sleep"}},
	"required column": {seed: func(s seeded) { s.without("sleep", "_version") }, want: []string{"refuse health_store.sleep _version"}},
	"another type": {seed: func(s seeded) {
		s.field("sleep", "score", func(f *bigquery.FieldSchema) { f.Type = bigquery.StringFieldType })
	}, want: []string{"refuse health_store.sleep score"}},
	"repeated": {seed: func(s seeded) {
		s.field("sleep", "score", func(f *bigquery.FieldSchema) { f.Repeated = true })
	}, want: []string{"refuse health_store.sleep score"}},
	"required instead of nullable": {seed: func(s seeded) {
		s.field("sleep_log", "score", func(f *bigquery.FieldSchema) { f.Required = true })
	}, want: []string{"refuse health_store.sleep_log score"}},
	"required column more": {seed: func(s seeded) {
		s.anew("sleep", func(md *bigquery.TableMetadata) {
			md.Schema = append(md.Schema, &bigquery.FieldSchema{Name: "mine", Type: bigquery.StringFieldType, Required: true})
		})
	}, want: []string{"refuse health_store.sleep mine"}},
	"other partitions": {seed: func(s seeded) {
		s.anew("sleep", func(md *bigquery.TableMetadata) { md.TimePartitioning.Field = "updated_at" })
	}, want: []string{"refuse health_store.sleep"}},
	"no partitions": {seed: func(s seeded) {
		s.anew("sleep_log", func(md *bigquery.TableMetadata) { md.TimePartitioning = nil })
	}, want: []string{"refuse health_store.sleep_log"}},
	"partitions that expire": {seed: func(s seeded) {
		s.update("sleep_log", bigquery.TableMetadataToUpdate{TimePartitioning: &bigquery.TimePartitioning{
			Type: bigquery.HourPartitioningType, Field: "_appended_at", Expiration: 24 * time.Hour,
		}})
	}, want: []string{"refuse health_store.sleep_log"}},
	"table that expires": {seed: func(s seeded) {
		s.update("sleep", bigquery.TableMetadataToUpdate{ExpirationTime: time.Now().Add(time.Hour)})
	}, want: []string{"refuse health_store.sleep"}},
	"partition filter": {seed: func(s seeded) {
		s.update("sleep", bigquery.TableMetadataToUpdate{RequirePartitionFilter: true})
		s.update("sleep_log", bigquery.TableMetadataToUpdate{RequirePartitionFilter: true}) // which does no harm
	}, want: []string{"refuse health_store.sleep"}},
	"two rows in a fence": {seed: func(s seeded) { s.run("INSERT INTO health_store.sleep_fence (n) VALUES (3)") },
		want: []string{"refuse health_store.sleep_fence"}},
	"view for a table": {seed: func(s seeded) {
		s.drop("health_store", "merges")
		s.must(s.client().Dataset("health_store").Table("merges").Create(context.Background(), &bigquery.TableMetadata{ViewQuery: "SELECT 1 AS a"}))
	}, want: []string{"refuse health_store.merges"}},
	"another location": {empty: true, seed: func(s seeded) {
		s.must(s.client().Dataset("health").Create(context.Background(), &bigquery.DatasetMetadata{Location: "US"}))
		s.must(s.client().Dataset("health_store").Create(context.Background(), &bigquery.DatasetMetadata{Location: "EU"}))
	}, want: append([]string{"refuse health"}, allMissing...)},
	"dataset where things expire": {empty: true, seed: func(s seeded) {
		s.must(s.client().Dataset("health").Create(context.Background(), &bigquery.DatasetMetadata{Location: "EU"}))
		s.must(s.client().Dataset("health_store").Create(context.Background(), &bigquery.DatasetMetadata{
			Location: "EU", DefaultPartitionExpiration: 24 * time.Hour,
		}))
	}, want: append([]string{"refuse health_store"}, allMissing...)},
}

var allMissing = []string{
	"create table health_store.devices", "create table health_store.devices_log",
	"create table health_store.devices_fence", "fill fence health_store.devices_fence",
	"create table health_store.merges",
	"create table health_store.sleep", "create table health_store.sleep_log",
	"create table health_store.sleep_fence", "fill fence health_store.sleep_fence",
	"create view health.devices", "create view health.merges", "create view health.sleep",
}

// TestApplyBesideAppends: a table that others change all the time is extended
// all the same.
func TestApplyBesideAppends(t *testing.T) {
	s := own(t, bigquerytest.Config{})
	s.apply(t, loadCatalogue(t))
	s.Inject(bigquerytest.Fault{Call: bigquerytest.CallTablesPatch, Table: "sleep", REST: &googleapi.Error{
		Code: 412, Message: "Precondition Failed", Errors: []googleapi.ErrorItem{{Reason: "conditionNotMet"}},
	}})
	s.apply(t, newer(t))
	if n := s.Calls(bigquerytest.CallTablesPatch); n != 4 { // table, log, view, and once more
		t.Errorf("%d calls", n)
	}
	if lacking := s.must(t, newer(t)).Lacking(); len(lacking) != 0 {
		t.Errorf("lacking: %v", lacking)
	}
}

// TestPolicyTagsStay: columns that somebody protects are no difference, and
// stay protected when the table is extended. Each column is sent as it is: what
// BigQuery does about tags that are not sent is not to decide it.
func TestPolicyTagsStay(t *testing.T) {
	s := own(t, bigquerytest.Config{})
	s.apply(t, loadCatalogue(t))
	old := seeded{t, s.schema(t, loadCatalogue(t))}
	table := old.client().Dataset(storeOf(testDataset)).Table("sleep")
	tagged := func() *bigquery.FieldSchema {
		md, err := table.Metadata(t.Context())
		old.must(err)
		return fieldOf(md.Schema, "score")
	}
	md, err := table.Metadata(t.Context())
	old.must(err)
	tags := &bigquery.PolicyTagList{Names: []string{"projects/p/locations/eu/taxonomies/1/policyTags/2"}}
	fieldOf(md.Schema, "score").PolicyTags = tags
	old.update("sleep", bigquery.TableMetadataToUpdate{Schema: md.Schema})
	plan, err := old.Plan(t.Context())
	old.must(err)
	if len(plan.Differences) != 0 {
		t.Errorf("of a tag: %v", plan.Differences)
	}
	s.apply(t, newer(t))
	if diff := cmp.Diff(tags, tagged().PolicyTags); diff != "" {
		t.Errorf("after new columns: %s", diff)
	}
	field := &bq.TableFieldSchema{Name: "score", Type: "INTEGER", PolicyTags: &bq.TableFieldSchemaPolicyTags{Names: tags.Names}}
	sent := extended(&bq.TableSchema{Fields: []*bq.TableFieldSchema{field}}, bigquery.Schema{{Name: "more", Type: bigquery.StringFieldType}}, []string{"more"})
	if got := sent.Fields[0].PolicyTags; got == nil || !slices.Equal(got.Names, tags.Names) || len(sent.Fields) != 2 {
		t.Errorf("sent: %+v", sent.Fields)
	}
}
