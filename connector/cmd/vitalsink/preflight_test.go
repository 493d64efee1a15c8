//go:build cgo

package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	bq "cloud.google.com/go/bigquery"
	"cloud.google.com/go/iam/apiv1/iampb"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"cloud.google.com/go/pubsub/v2/pstest"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"vitalsink/connector"
	"vitalsink/connector/bigquery"
	"vitalsink/connector/connectortest"
	"vitalsink/connector/junction/junctiontest"
)

// What must never be printed.
const (
	seededKey    = "sk_us_9f8e7d6c5b4a"
	seededSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	secretPart   = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
)

// rights answers for pstest, which has no permissions, who may do what.
type rights struct {
	iampb.UnimplementedIAMPolicyServer
	server *pstest.Server

	mu     sync.Mutex
	denied []string
}

func (r *rights) deny(permissions ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.denied = permissions
}

func (r *rights) TestIamPermissions(ctx context.Context, asked *iampb.TestIamPermissionsRequest) (*iampb.TestIamPermissionsResponse, error) {
	var err error
	if strings.Contains(asked.Resource, "/topics/") {
		_, err = r.server.GServer.GetTopic(ctx, &pubsubpb.GetTopicRequest{Topic: asked.Resource})
	} else {
		_, err = r.server.GServer.GetSubscription(ctx, &pubsubpb.GetSubscriptionRequest{Subscription: asked.Resource})
	}
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	has := slices.DeleteFunc(slices.Clone(asked.Permissions), func(p string) bool { return slices.Contains(r.denied, p) })
	return &iampb.TestIamPermissionsResponse{Permissions: has}, nil
}

// React refuses what is denied.
func (r *rights) React(any) (handled bool, ret any, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if slices.Contains(r.denied, "pubsub.subscriptions.get") {
		return true, nil, status.Error(codes.PermissionDenied, "not allowed")
	}
	return false, nil, nil
}

// setup is a deployment in order, of stand-ins.
type setup struct {
	pubsub   *pstest.Server
	rights   *rights
	bigQuery *bigQuery
	junction *junctiontest.Server
	sub      *pubsubpb.Subscription // as it should be
	// warehouse is the one to check, for the case that runs: a DuckDB file that
	// is not there yet, unless it is about BigQuery.
	warehouse string
}

func newSetup(t *testing.T) *setup {
	t.Helper()
	r := &rights{}
	s := &setup{rights: r, bigQuery: newBigQuery(t), junction: junctiontest.New(junctiontest.Config{Key: seededKey})}
	s.pubsub = pstest.NewServerWithCallback(0, func(g *grpc.Server) { iampb.RegisterIAMPolicyServer(g, r) },
		pstest.ServerReactorOption{FuncName: "GetSubscription", Reactor: r})
	r.server = s.pubsub
	t.Cleanup(func() {
		s.junction.Close()
		if err := s.pubsub.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, topic := range []string{demoTopic, demoTopic + "-dead"} {
		if _, err := s.pubsub.GServer.CreateTopic(t.Context(), &pubsubpb.Topic{Name: topic}); err != nil {
			t.Fatal(err)
		}
	}
	s.sub = &pubsubpb.Subscription{
		Name: demoSubscription, Topic: demoTopic, AckDeadlineSeconds: 60, MessageRetentionDuration: durationpb.New(7 * 24 * time.Hour),
		ExpirationPolicy: &pubsubpb.ExpirationPolicy{},
		DeadLetterPolicy: &pubsubpb.DeadLetterPolicy{DeadLetterTopic: demoTopic + "-dead", MaxDeliveryAttempts: 100},
	}
	s.subscribe(t, s.sub)
	return s
}

func (s *setup) subscribe(t *testing.T, sub *pubsubpb.Subscription) {
	t.Helper()
	if _, err := s.pubsub.GServer.CreateSubscription(t.Context(), sub); err != nil {
		t.Fatal(err)
	}
}

// environment points a command at the stand-ins.
func (s *setup) environment(t *testing.T) {
	t.Helper()
	s.warehouse = "duckdb://" + filepath.Join(t.TempDir(), "new.duckdb")
	for _, entry := range os.Environ() {
		if name, _, _ := strings.Cut(entry, "="); strings.HasPrefix(name, "VITALSINK_") {
			t.Setenv(name, "") // which brings it back in the end
			if err := os.Unsetenv(name); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, value := range map[string]string{
		emulator: s.pubsub.Addr, emulatorVariable: s.bigQuery.RESTAddr(), storageEmulatorVariable: s.bigQuery.WriteAddr(),
		keyVariable: seededKey, secretVariable: seededSecret, "VITALSINK_SOURCE": "pubsub://demo/vitalsink", credentialsVariable: "",
	} {
		t.Setenv(name, value)
	}
}

// findings are those that are not well, and all that was printed, as a list and
// as JSON.
func checkFindings(t *testing.T, args ...string) (code int, found []connector.Check, said string) {
	t.Helper()
	var out, list, errs strings.Builder
	code = execute(t.Context(), append([]string{"check", "--json"}, args...), streams{nil, &out, &errs})
	if asList := execute(t.Context(), append([]string{"check"}, args...), streams{nil, &list, &errs}); asList != code {
		t.Errorf("check exits with %d, and with --json with %d", asList, code)
	}
	said = out.String() + list.String() + errs.String()
	var result struct{ Checks []connector.Check }
	if err := json.Unmarshal([]byte(out.String()), &result); err != nil {
		t.Fatalf("%v:\n%s", err, said)
	}
	for _, c := range result.Checks {
		if c.Status != connector.OK {
			found = append(found, c)
		}
	}
	for _, secret := range []string{seededKey, secretPart} {
		if strings.Contains(said, secret) {
			t.Errorf("it prints a secret:\n%s", said)
		}
	}
	return code, found, said
}

// misconfiguration is one that check must find.
type misconfiguration struct {
	seed          func(t *testing.T, s *setup) // what is changed is put right by t.Cleanup
	args          []string                     // instead of all commands
	status        connector.Status
	field, remedy string
}

// env sets a variable.
func env(name, value string) func(*testing.T, *setup) {
	return func(t *testing.T, _ *setup) { t.Setenv(name, value) }
}

// subscribed makes a subscription that is another.
func subscribed(edit func(*pubsubpb.Subscription)) func(*testing.T, *setup) {
	return func(t *testing.T, s *setup) {
		name := "projects/demo/subscriptions/" + strings.ToLower(strings.ReplaceAll(filepath.Base(t.Name()), "_", "-"))
		sub := &pubsubpb.Subscription{
			Name: name, Topic: s.sub.Topic, AckDeadlineSeconds: s.sub.AckDeadlineSeconds, MessageRetentionDuration: s.sub.MessageRetentionDuration,
			ExpirationPolicy: s.sub.ExpirationPolicy, DeadLetterPolicy: s.sub.DeadLetterPolicy,
		}
		edit(sub)
		s.subscribe(t, sub)
		t.Setenv("VITALSINK_SOURCE", "pubsub://demo/"+filepath.Base(name))
	}
}

// deniedPubSub takes a permission away.
func deniedPubSub(permission string) func(*testing.T, *setup) {
	return func(t *testing.T, s *setup) {
		s.rights.deny(permission)
		t.Cleanup(func() { s.rights.deny() })
	}
}

func deniedBigQuery(permission string) func(*testing.T, *setup) {
	return func(t *testing.T, s *setup) {
		s.warehouse = s.bigQuery.url()
		s.bigQuery.Deny(permission, "")
		t.Cleanup(s.bigQuery.Allow)
	}
}

// changed changes a table of the store, and then puts all in order.
func changed(table string, do func(ctx context.Context, of *bq.Table) error) func(*testing.T, *setup) {
	return func(t *testing.T, s *setup) {
		s.warehouse = s.bigQuery.url()
		client, err := bq.NewClient(t.Context(), s.bigQuery.project, s.bigQuery.REST()...)
		if err != nil {
			t.Fatal(err)
		}
		of := client.Dataset(bigQueryDataset + "_store").Table(table)
		if table == "sleep_view" {
			of = client.Dataset(bigQueryDataset).Table("sleep")
		}
		t.Cleanup(func() {
			_ = of.Delete(context.Background()) // it may be gone
			schema, err := bigquery.OpenSchema(context.Background(), bigquery.Config{
				Project: bigQueryProject, Dataset: bigQueryDataset, Catalogue: mustCatalogue(t), REST: s.bigQuery.REST(), Write: s.bigQuery.Write(),
			})
			if err == nil {
				_, err = schema.Apply(context.Background(), "EU", func(bigquery.Difference) {})
			}
			if err := errors.Join(err, schema.Close(), client.Close()); err != nil {
				t.Fatal(err)
			}
		})
		if err := do(t.Context(), of); err != nil {
			t.Fatal(err)
		}
	}
}

func deleted(ctx context.Context, of *bq.Table) error { return of.Delete(ctx) }

func updated(to bq.TableMetadataToUpdate) func(context.Context, *bq.Table) error {
	return func(ctx context.Context, of *bq.Table) error {
		_, err := of.Update(ctx, to, "")
		return err
	}
}

// lacking makes a table anew that lacks a column.
func lacking(column string) func(context.Context, *bq.Table) error {
	return func(ctx context.Context, of *bq.Table) error {
		md, err := of.Metadata(ctx)
		if err != nil {
			return err
		}
		md.Schema = slices.DeleteFunc(md.Schema, func(f *bq.FieldSchema) bool { return f.Name == column })
		return errors.Join(of.Delete(ctx), of.Create(ctx, &bq.TableMetadata{Schema: md.Schema, TimePartitioning: md.TimePartitioning, Clustering: md.Clustering}))
	}
}

// ofDuckDB checks a DuckDB file that make has made, as load needs it.
func ofDuckDB(make func(t *testing.T, path string)) func(*testing.T, *setup) {
	return func(t *testing.T, _ *setup) {
		path := filepath.Join(t.TempDir(), "f.duckdb")
		make(t, path)
		t.Setenv("VITALSINK_WAREHOUSE", "duckdb://"+path)
	}
}

var ofFile = []string{"--for", "load"}

var misconfigurations = map[string]misconfiguration{
	// Configuration.
	"unknown variable":  {env("VITALSINK_FLUSH_INTERVALL", "1m"), nil, connector.Failed, "VITALSINK_FLUSH_INTERVALL", "is it VITALSINK_FLUSH_INTERVAL?"},
	"misspelt secret":   {env("VITALSINK_SECRET", seededSecret), nil, connector.Failed, "VITALSINK_SECRET", "is it VITALSINK_WEBHOOK_SECRET?"},
	"far from any":      {env("VITALSINK_CLUSTER", "1"), nil, connector.Failed, "VITALSINK_CLUSTER", "names the variables"},
	"source missing":    {func(t *testing.T, _ *setup) { unset(t, "VITALSINK_SOURCE") }, nil, connector.Failed, "--source", "set VITALSINK_SOURCE"},
	"source":            {env("VITALSINK_SOURCE", "demo/vitalsink"), nil, connector.Failed, "--source", "write pubsub://PROJECT/SUBSCRIPTION"},
	"no time":           {env("VITALSINK_FOLD_INTERVAL", "often"), nil, connector.Failed, "--fold-interval", "write TIME"},
	"too long":          {env("VITALSINK_FLUSH_INTERVAL", "40m"), nil, connector.Failed, "--flush-interval", "at most 25m"},
	"no number":         {env("VITALSINK_PARALLEL", "four"), nil, connector.Failed, "--parallel", "write N"},
	"little memory":     {env("VITALSINK_MEMORY", "64MiB"), nil, connector.Failed, "--memory", "at least 512 MiB"},
	"bill":              {env("VITALSINK_MAX_BYTES_BILLED", "1GB,5"), nil, connector.Failed, "--max-bytes-billed", "such as 200GiB"},
	"path":              {env("VITALSINK_PATH", "/healthz"), nil, connector.Failed, "--path", "change --path"},
	"listen":            {env("VITALSINK_LISTEN", "8080"), nil, connector.Failed, "--listen", "write HOST:PORT"},
	"secret in a topic": {env("VITALSINK_TOPIC", seededSecret), []string{"--for", "webhook"}, connector.Failed, "--topic", "write pubsub://PROJECT/TOPIC"},
	"warehouse":         {env("VITALSINK_WAREHOUSE", "bigquery://demo"), []string{"--for", "load"}, connector.Failed, "--warehouse", "write duckdb://PATH or bigquery://PROJECT/DATASET"},
	"one emulator":      {env(storageEmulatorVariable, ""), []string{"--for", "load", "--warehouse", "bigquery://demo/health"}, connector.Failed, emulatorVariable, "set both or neither"},
	"credentials": {func(t *testing.T, _ *setup) {
		t.Setenv(emulator, "")
		t.Setenv(credentialsVariable, filepath.Join(t.TempDir(), "key.json"))
	}, nil, connector.Failed, credentialsVariable, "gcloud auth application-default login"},

	// The subscription and the topic.
	"no subscription": {env("VITALSINK_SOURCE", "pubsub://demo/nowhere"), nil, connector.Failed, "--source", "gcloud pubsub subscriptions create nowhere"},
	"ordering":        {subscribed(func(s *pubsubpb.Subscription) { s.EnableMessageOrdering = true }), nil, connector.Failed, "ordering", "create another subscription"},
	"exactly once":    {subscribed(func(s *pubsubpb.Subscription) { s.EnableExactlyOnceDelivery = true }), nil, connector.Failed, "exactly-once", "--no-enable-exactly-once-delivery"},
	"filter":          {subscribed(func(s *pubsubpb.Subscription) { s.Filter = `attributes:a` }), nil, connector.Warning, "filter", "create another subscription"},
	"ack deadline":    {subscribed(func(s *pubsubpb.Subscription) { s.AckDeadlineSeconds = 10 }), nil, connector.Warning, "ack-deadline", "--ack-deadline 60"},
	"retention":       {subscribed(func(s *pubsubpb.Subscription) { s.MessageRetentionDuration = durationpb.New(time.Hour) }), nil, connector.Warning, "retention", "--message-retention-duration 7d"},
	"expiration":      {subscribed(func(s *pubsubpb.Subscription) { s.ExpirationPolicy = nil }), nil, connector.Warning, "expiration", "--expiration-period never"},
	"no dead letters": {subscribed(func(s *pubsubpb.Subscription) { s.DeadLetterPolicy = nil }), nil, connector.Warning, "dead-letter topic", "--dead-letter-topic"},
	"dead letters at once": {subscribed(func(s *pubsubpb.Subscription) {
		s.DeadLetterPolicy = &pubsubpb.DeadLetterPolicy{DeadLetterTopic: demoTopic + "-dead", MaxDeliveryAttempts: 5}
	}), nil, connector.Warning, "dead-letter attempts", "--max-delivery-attempts 100"},
	"push":            {subscribed(func(s *pubsubpb.Subscription) { s.PushConfig = &pubsubpb.PushConfig{PushEndpoint: "https://x.example"} }), nil, connector.Failed, "delivery", "--push-endpoint=''"},
	"topic deleted":   {deleteTopicOf, nil, connector.Failed, "topic", "gcloud pubsub subscriptions create"},
	"detached":        {subscribed(func(s *pubsubpb.Subscription) { s.Detached = true }), nil, connector.Failed, "detached", "gcloud pubsub subscriptions create"},
	"may not consume": {deniedPubSub(consume), nil, connector.Failed, consume, "roles/pubsub.subscriber"},
	"may not look":    {deniedPubSub("pubsub.subscriptions.get"), nil, connector.Failed, "pubsub.subscriptions.get", "roles/pubsub.viewer"},
	"no topic":        {nil, []string{"--for", "webhook", "--topic", "pubsub://demo/none"}, connector.Failed, "--topic", "gcloud pubsub topics create none"},
	"may not publish": {deniedPubSub("pubsub.topics.publish"), nil, connector.Failed, "pubsub.topics.publish", "roles/pubsub.publisher"},

	// BigQuery.
	"no dataset":                {nil, []string{"--for", "load", "--warehouse", "bigquery://demo/nowhere"}, connector.Failed, "--warehouse", "vitalsink schema apply --warehouse bigquery://demo/nowhere --location"},
	"elsewhere":                 {nil, []string{"--for", "load", "--warehouse", "bigquery://demo/health", "--location", "US"}, connector.Failed, "--location", "name another --warehouse"},
	"may not see datasets":      {deniedBigQuery("bigquery.datasets.get"), nil, connector.Failed, "bigquery.datasets.get", "vitalsinkWriter"},
	"may not see tables":        {deniedBigQuery("bigquery.tables.get"), nil, connector.Failed, "bigquery.tables.get", "vitalsinkWriter"},
	"may not read":              {deniedBigQuery("bigquery.tables.getData"), nil, connector.Failed, "bigquery.tables.getData", "vitalsinkWriter"},
	"may not write":             {deniedBigQuery("bigquery.tables.updateData"), nil, connector.Failed, "bigquery.tables.updateData", "vitalsinkWriter"},
	"may not run jobs":          {deniedBigQuery("bigquery.jobs.create"), nil, connector.Failed, "bigquery.jobs.create", "roles/bigquery.jobUser"},
	"table missing":             {changed("sleep", deleted), nil, connector.Failed, "health_store.sleep", "vitalsink schema apply"},
	"view missing":              {changed("sleep_view", deleted), nil, connector.Failed, "health.sleep", "vitalsink schema apply"},
	"column missing":            {changed("sleep", lacking("hr_lowest")), nil, connector.Warning, "health_store.sleep", "vitalsink schema apply"},
	"key column missing":        {changed("sleep", lacking("id")), nil, connector.Failed, "health_store.sleep.id", "bq rm"},
	"fence without a row":       {changed("sleep_fence", lacking("")), nil, connector.Failed, "health_store.sleep_fence", "vitalsink schema apply"},
	"partition filter":          {changed("sleep", updated(bq.TableMetadataToUpdate{RequirePartitionFilter: true})), nil, connector.Failed, "health_store.sleep", "bq update --norequire_partition_filter"},
	"table that expires":        {changed("sleep", updated(bq.TableMetadataToUpdate{ExpirationTime: time.Now().Add(48 * time.Hour)})), nil, connector.Failed, "health_store.sleep", "bq update --expiration 0"},
	"log that expires":          {changed("sleep_log", updated(bq.TableMetadataToUpdate{TimePartitioning: &bq.TimePartitioning{Type: bq.HourPartitioningType, Field: "_appended_at", Expiration: 24 * time.Hour}})), nil, connector.Failed, "health_store.sleep_log", "--time_partitioning_expiration 0"},
	"clock of the machine":      {otherJunction(func(c *junctiontest.Config) { c.Now = func() time.Time { return time.Now().Add(-5 * time.Minute) } }), []string{"--for", "reconcile"}, connector.Warning, "clock", "timedatectl"},
	"key is not known":          {otherJunction(func(c *junctiontest.Config) { c.Key = "sk_us_another" }), []string{"--for", "reconcile"}, connector.Failed, keyVariable, "make a key"},
	"no key":                    {func(t *testing.T, _ *setup) { unset(t, keyVariable) }, nil, connector.Failed, keyVariable, "it holds the team's API key"},
	"key of another region":     {nil, []string{"--for", "reconcile", "--warehouse", "duckdb://new.duckdb", "--region", "eu"}, connector.Failed, "--region", "the API key is for us"},
	"address of another region": {nil, []string{"--for", "reconcile", "--warehouse", "duckdb://new.duckdb", "--api-url", "https://api.sandbox.eu.junction.com"}, connector.Failed, "--region", "--environment sandbox --region us"},
	"no key of Junction's":      {env(keyVariable, "another"), []string{"--for", "reconcile"}, connector.Failed, keyVariable, "copy it anew"},
	"not Junction":              {notJunction, []string{"--for", "reconcile"}, connector.Failed, "--api-url", "leave --api-url out"},

	// The webhook's secret.
	"no base64":          {env(secretVariable, seededSecret+",whsec_!!"), nil, connector.Failed, secretVariable, "whsec_ and base64"},
	"too short":          {env(secretVariable, "whsec_aGk="), nil, connector.Failed, secretVariable, "whsec_ and base64"},
	"no secret":          {func(t *testing.T, _ *setup) { unset(t, secretVariable) }, nil, connector.Failed, secretVariable, "whsec_ and base64"},
	"without its prefix": {env(secretVariable, secretPart), nil, connector.Warning, secretVariable, "whsec_ and base64"},
	"secret file":        {nil, []string{"--for", "webhook", "--topic", "pubsub://demo/junction", "--secret-file", "/nowhere"}, connector.Failed, "--secret-file", "whsec_ and base64"},

	// DuckDB.
	"no folder":      {env("VITALSINK_WAREHOUSE", "duckdb:///nowhere/f.duckdb"), ofFile, connector.Failed, "--warehouse", "mkdir -p /nowhere"},
	"not a DuckDB":   {ofDuckDB(func(t *testing.T, path string) { writeText(t, path, "a,b\n1,2\n") }), ofFile, connector.Failed, "--warehouse", "it is damaged"},
	"somebody's":     {ofDuckDB(func(t *testing.T, path string) { changeFile(t, path, "CREATE TABLE mine (n INTEGER)") }), ofFile, connector.Failed, "--warehouse", "name a file that vitalsink made"},
	"a journal":      {ofDuckDB(func(t *testing.T, path string) { writeText(t, path+".wal", "x") }), ofFile, connector.Failed, "--warehouse", "rm "},
	"newer":          {ofDuckDB(func(t *testing.T, path string) { newerFile(t, path) }), ofFile, connector.Warning, "catalogue", "run the newer vitalsink"},
	"nothing to see": {nothingYet, []string{}, connector.Unseen, "--warehouse", "load something into it first"},
}

const consume = "pubsub.subscriptions.consume"

func unset(t *testing.T, name string) {
	t.Setenv(name, "") // which brings it back in the end
	if err := os.Unsetenv(name); err != nil {
		t.Fatal(err)
	}
}

func deleteTopicOf(t *testing.T, s *setup) {
	const topic = "projects/demo/topics/short-lived"
	if _, err := s.pubsub.GServer.CreateTopic(t.Context(), &pubsubpb.Topic{Name: topic}); err != nil {
		t.Fatal(err)
	}
	subscribed(func(sub *pubsubpb.Subscription) { sub.Topic = topic })(t, s)
	if _, err := s.pubsub.GServer.DeleteTopic(t.Context(), &pubsubpb.DeleteTopicRequest{Topic: topic}); err != nil {
		t.Fatal(err)
	}
}

// otherJunction is one that is not as it should be.
func otherJunction(edit func(*junctiontest.Config)) func(*testing.T, *setup) {
	return func(t *testing.T, s *setup) {
		cfg := junctiontest.Config{Key: seededKey}
		edit(&cfg)
		other := junctiontest.New(cfg)
		t.Cleanup(other.Close)
		t.Setenv("VITALSINK_WAREHOUSE", s.warehouse)
		t.Setenv("VITALSINK_API_URL", other.URL)
	}
}

func notJunction(t *testing.T, s *setup) {
	other := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(other.Close)
	t.Setenv("VITALSINK_WAREHOUSE", s.warehouse)
	t.Setenv("VITALSINK_API_URL", other.URL)
}

// nothingYet is a check of no command, before there is a file.
func nothingYet(t *testing.T, s *setup) {
	t.Setenv("VITALSINK_WAREHOUSE", s.warehouse)
	unset(t, keyVariable)
	unset(t, "VITALSINK_SOURCE")
}

func writeText(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// newerFile is a file as a vitalsink of a later catalogue leaves it.
func newerFile(t *testing.T, path string) {
	t.Helper()
	messages := filepath.Join(t.TempDir(), "none.ndjson")
	writeText(t, messages, "\n")
	_ = execute(t.Context(), []string{"load", "--warehouse", "duckdb://" + path, messages}, streams{nil, &strings.Builder{}, &strings.Builder{}})
	changeFile(t, path, "COMMENT ON TABLE store.batches IS 'catalogue 99, 00'")
}

// everything is a check of all that a deployment needs.
func (s *setup) everything() []string {
	return []string{
		"--for", "run,webhook,backfill,reconcile,load,replay,erase", "--topic", "pubsub://demo/junction",
		"--warehouse", s.warehouse, "--api-url", s.junction.URL, "--location", "EU",
	}
}

// TestCheckFindsMisconfigurations: of each it names the field, and what to do;
// where all is in order it finds nothing. Nothing that it prints is a secret.
func TestCheckFindsMisconfigurations(t *testing.T) {
	connectortest.Long(t)
	s := newSetup(t)
	clean := func(t *testing.T) {
		s.environment(t)
		s.warehouse = s.bigQuery.url()
		if code, found, said := checkFindings(t, s.everything()...); code != exitDone || len(found) > 0 {
			t.Errorf("of a setup in order it says (%d):\n%s", code, said)
		}
	}
	t.Run("clean", clean)
	for name, c := range misconfigurations {
		t.Run(name, func(t *testing.T) {
			s.environment(t)
			if c.seed != nil {
				c.seed(t, s)
			}
			args := c.args
			if args == nil {
				args = s.everything()
			}
			code, found, said := checkFindings(t, args...)
			want := map[connector.Status]int{connector.Failed: exitAttention, connector.Unseen: exitFailed, connector.Warning: exitDone}[c.status]
			if code != want {
				t.Errorf("it exits with %d, want %d", code, want)
			}
			if !slices.ContainsFunc(found, func(f connector.Check) bool {
				return f.Status == c.status && f.Field == c.field && strings.Contains(f.Remedy, c.remedy)
			}) {
				t.Errorf("it does not find %s %s with %q:\n%s", c.status, c.field, c.remedy, said)
			}
			for _, f := range found {
				if f.Status != connector.Skipped && (f.Remedy == "" || f.Field == "" || f.Why == "") {
					t.Errorf("a finding lacks its field, why, or what to do: %+v", f)
				}
			}
		})
	}
	t.Run("clean again", clean) // or a case has changed another
}

// TestCheckFindsAll: several things that are wrong are told at once.
func TestCheckFindsAll(t *testing.T) {
	s := newSetup(t)
	s.environment(t)
	s.warehouse = s.bigQuery.url()
	s.rights.deny(consume, "pubsub.topics.publish")
	s.bigQuery.Deny("bigquery.jobs.create", "")
	s.bigQuery.Deny("bigquery.tables.updateData", "")
	t.Setenv("VITALSINK_FLUSH_INTERVAL", "soon")
	t.Setenv(secretVariable, "whsec_aGk=")
	code, found, said := checkFindings(t, s.everything()...)
	if code != exitAttention {
		t.Errorf("it exits with %d", code)
	}
	for _, field := range []string{consume, "pubsub.topics.publish", "bigquery.jobs.create", "bigquery.tables.updateData", "--flush-interval", secretVariable} {
		if !slices.ContainsFunc(found, func(f connector.Check) bool { return f.Status == connector.Failed && f.Field == field }) {
			t.Errorf("it does not find %s:\n%s", field, said)
		}
	}
}
