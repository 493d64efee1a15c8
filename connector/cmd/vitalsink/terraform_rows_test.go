//go:build cgo && linux

package main

import (
	"context"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	bq "cloud.google.com/go/bigquery"
	"cloud.google.com/go/iam/apiv1/iampb"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/grpc"

	"vitalsink/connector/connectortest"
	"vitalsink/connector/terraformtest"
)

// deployment is what Terraform makes, made in stand-ins for BigQuery and
// Pub/Sub, which say what is asked of them.
type deployment struct {
	planned   []terraformtest.Resource
	instances map[string]instance // by their command
	bigQuery  *bigQuery
	pubsub    *service
	address   string // of the Pub/Sub server, by way of what records the calls
	secrets   map[string]string

	mu     sync.Mutex
	asked  map[string]bool           // methods of Pub/Sub's services
	needed map[string]map[right]bool // what the commands of each account called for
}

// deploy plans the module with everything that it can make, and makes the
// datasets, tables, views, topics and subscriptions of the plan. The commands
// get beats that suit a test.
func deploy(t *testing.T) *deployment {
	t.Helper()
	variables := everythingPlanned()
	variables["run_environment"] = map[string]string{
		"VITALSINK_FLUSH_INTERVAL": "200ms", "VITALSINK_FOLD_INTERVAL": "200ms", "VITALSINK_HTTP": "127.0.0.1:0",
	}
	d := &deployment{
		planned: terraformtest.Plan(t, "../../../terraform", variables), instances: map[string]instance{},
		bigQuery: newEmptyBigQuery(t), pubsub: newService(t), asked: map[string]bool{}, needed: map[string]map[right]bool{},
	}
	d.bigQuery.project = "my-project"
	for _, r := range d.planned {
		if i, ok := instanceOf(t, r); ok {
			d.instances[strings.Join(i.Containers[0].Args, " ")] = i
		}
	}
	if _, ok := d.instances[sweep]; !ok { // as if there were one that may do in the store what run may
		d.instances[sweep] = instance{d.instances["schema apply"].Containers, d.instances["run"].Account}
	}
	d.makeTables(t)
	topics, subscriptions := terraformtest.PubSub(t, d.planned)
	for _, topic := range topics {
		if _, err := d.pubsub.GServer.CreateTopic(t.Context(), topic); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range subscriptions {
		if _, err := d.pubsub.GServer.CreateSubscription(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	d.serve(t)
	return d
}

// makeTables makes what is planned for BigQuery, views after their tables.
func (d *deployment) makeTables(t *testing.T) {
	t.Helper()
	client := d.bigQuery.client(t)
	filtered := 0
	for _, of := range []string{"google_bigquery_dataset", "google_bigquery_table.store", "google_bigquery_table.view"} {
		for _, r := range d.planned {
			if !strings.HasPrefix(r.Address, of+".") && !strings.HasPrefix(r.Address, of+"[") || r.Type == "google_bigquery_dataset_iam_member" {
				continue
			}
			var p terraformtest.Table
			r.Into(t, &p)
			dataset := client.Dataset(p.Dataset)
			var err error
			if r.Type == "google_bigquery_dataset" {
				location, _ := r.Values["location"].(string)
				err = dataset.Create(t.Context(), &bq.DatasetMetadata{Location: location})
			} else {
				md := p.Metadata(t)
				md.Type = "" // the API says it, and is not told
				if md.RequirePartitionFilter {
					filtered++
				}
				err = dataset.Table(p.Table).Create(t.Context(), md)
			}
			if err != nil {
				t.Fatalf("%s: %v", r.Address, err)
			}
		}
	}
	if filtered == 0 {
		t.Fatal("no table requires a filter")
	}
}

// serve puts a server before Pub/Sub that keeps the methods it is called by. It
// knows of permissions, which pstest does not: everybody has them all.
func (d *deployment) serve(t *testing.T) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	note := func(method string) {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.asked[method] = true
	}
	s := grpc.NewServer(grpc.MaxRecvMsgSize(20<<20),
		grpc.UnaryInterceptor(func(ctx context.Context, req any, info *grpc.UnaryServerInfo, do grpc.UnaryHandler) (any, error) {
			note(info.FullMethod)
			return do(ctx, req)
		}),
		grpc.StreamInterceptor(func(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, do grpc.StreamHandler) error {
			note(info.FullMethod)
			return do(srv, stream)
		}))
	pubsubpb.RegisterPublisherServer(s, &d.pubsub.GServer)
	pubsubpb.RegisterSubscriberServer(s, &d.pubsub.GServer)
	iampb.RegisterIAMPolicyServer(s, permissive{})
	d.address = l.Addr().String()
	var serving sync.WaitGroup
	serving.Go(func() { _ = s.Serve(l) }) // until it is stopped
	t.Cleanup(func() {
		s.Stop()
		serving.Wait()
	})
}

// permissive lets everybody do all.
type permissive struct {
	iampb.UnimplementedIAMPolicyServer
}

func (permissive) TestIamPermissions(_ context.Context, r *iampb.TestIamPermissionsRequest) (*iampb.TestIamPermissionsResponse, error) {
	return &iampb.TestIamPermissionsResponse{Permissions: r.Permissions}, nil
}

// start starts the command of a container in its environment, with more
// arguments than it has there.
func (d *deployment) start(t *testing.T, command string, args ...string) *process {
	t.Helper()
	d.bigQuery.TakeCalls()
	d.mu.Lock()
	clear(d.asked)
	d.mu.Unlock()
	p := d.bigQuery.command(append(strings.Fields(command), args...)...)
	p.Env = append(p.Env, emulator+"="+d.address)
	for _, e := range d.instance(t, command).Containers[0].Env {
		value := e.Value
		if len(e.Source) > 0 {
			value = d.secrets[e.Name]
		}
		p.Env = append(p.Env, e.Name+"="+value)
	}
	p.start(t)
	return p
}

// instance is what runs a command. A person erases: with the rights of the
// account that sweeps, in an environment that names the warehouse.
func (d *deployment) instance(t *testing.T, command string) instance {
	t.Helper()
	if command == "erase" {
		command = sweep
	}
	i, ok := d.instances[command]
	if !ok {
		t.Fatalf("Terraform does not run %q", command)
	}
	return i
}

// does runs a command to its end, with the rights that its account has, and
// returns what it says.
func (d *deployment) does(t *testing.T, code int, command string, args ...string) string {
	t.Helper()
	p := d.start(t, command, args...)
	_ = p.Wait() // the exit code says it
	said := p.wrote.String()
	if got := p.ProcessState.ExitCode(); got != code {
		t.Errorf("%s exits with %d, want %d: %.3000s", command, got, code, said)
	}
	d.permitted(t, command)
	return said
}

// receives publishes messages, and runs the container that receives until all
// are merged. It returns what that says.
func (d *deployment) receives(t *testing.T, lines [][]byte) string {
	t.Helper()
	run := d.start(t, "run")
	for _, line := range lines {
		m := replayed(t, line)
		d.pubsub.Publish("projects/my-project/topics/vitalsink-junction", m.Data, m.Attributes)
	}
	d.pubsub.awaitAcks(t, len(d.pubsub.Messages()))
	acked := len(d.bigQuery.Jobs())
	await(t, "folds that find nothing", func() bool {
		idle := 0
		for _, j := range d.bigQuery.Jobs()[acked:] {
			switch j.Labels["step"] {
			case "merge":
				idle = 0
			case "pending":
				idle++
			}
		}
		return idle > 11 // what touches old days is folded at every tenth time
	})
	run.terminate(t)
	d.permitted(t, "run")
	return run.wrote.String()
}

// count is how many rows a view has from a day on.
func (d *deployment) count(t *testing.T, view, column string, from time.Time) int64 {
	t.Helper()
	rows := d.bigQuery.query(t, fmt.Sprintf("SELECT COUNT(*) AS n FROM `%s.%s.%s` WHERE %s >= TIMESTAMP '%s'",
		d.bigQuery.project, bigQueryDataset, view, column, from.Format("2006-01-02 15:04:05+00")))
	return rows[0][0].(int64)
}

// TestTerraformToRows: on the tables that Terraform makes, of which one can only
// be read within bounds, every command does its work, in the environment that
// its container has, and with no right but those of its account. The right
// rows are there in the end, and nothing of who is erased.
func TestTerraformToRows(t *testing.T) {
	connectortest.Long(t)
	t.Parallel()
	d := deploy(t)
	f := newForgotten(t, 3, 1)
	d.secrets = map[string]string{keyVariable: f.Key, secretVariable: webhookSecret}

	said := d.does(t, exitDone, "schema apply")
	fences := strings.Count(said, "+ fill fence")
	wants(t, said, fmt.Sprintf("changes made: %d", fences))
	if want := len(mustCatalogue(t).Versioned()); fences != want || strings.Count(said, "\n+ ") > want {
		t.Errorf("it fills %d fences, want %d, and nothing else:\n%s", fences, want, said)
	}

	said = d.receives(t, mustLines(t, f.all))
	if n := d.count(t, "heartrate", "timestamp", f.population.Start.AddDate(0, 0, -1)); n == 0 {
		t.Error("there are no heart rates")
	}
	api := []string{"--api-url", f.URL, "--request-rate", "1000", "--row-rate", "1e6", "--json"}
	said += d.receives(t, f.announced(t))
	said += d.does(t, exitDone, "backfill", api...)
	said += d.receives(t, nil)

	webhook := d.start(t, "webhook", "--listen", "127.0.0.1:0")
	var address []string
	await(t, "webhook", func() bool {
		address = regexp.MustCompile(`address=(\S+)`).FindStringSubmatch(webhook.wrote.String())
		return address != nil
	})
	mustPost(t, "http://"+address[1]+"/webhooks/junction", orderly(t)[:5]...)
	webhook.terminate(t)
	d.permitted(t, "webhook")

	compares := append(slices.Clone(api), "--settle", "0s", "--since", fmt.Sprintf("%dd", f.population.Days+4), "--sample", "0", "--share", "1")
	said += d.does(t, exitDone, "reconcile", append(slices.Clone(compares), "--repair=false")...)
	d.bigQuery.breaks(t, breaches(f.audited))
	said += d.does(t, exitAttention, "reconcile", append(slices.Clone(compares), "--repair=false")...)
	said += d.does(t, exitAttention, "reconcile", compares...)
	said += d.receives(t, nil)
	said += d.does(t, exitDone, "reconcile", append(slices.Clone(compares), "--repair=false")...)

	said += d.does(t, exitDone, "erase", "--user", f.victim.ID, "--client-user-id", f.victim.ClientUserID, "--settle", "0s", "--json")
	said += d.receives(t, mustLines(t, f.byID)) // what names them by a reference of the client's only, nobody can know any more
	said += d.does(t, exitDone, sweep, "--settle", "0s", "--json")
	if found := f.secret.in(said); len(found) > 0 {
		t.Errorf("the outputs tell %d secrets", len(found))
	}
	left := strings.Join(rowsOf(t, d.bigQuery.copied(t), everything(t)), "\n")
	if found := f.secret.in(serverID.ReplaceAllString(left, "")); len(found) > 0 || len(left) < 1e6 {
		t.Errorf("%d bytes of tables hold %d secrets of who is erased", len(left), len(found))
	}
	d.needless(t)
}
