//go:build cgo && linux

package main

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"vitalsink/connector/bigquery/bigquerytest"
)

// sweep is the command that looks for who is erased on a schedule.
const sweep = "erase --sweep"

// right is a permission on something: the project, a topic, a subscription or a
// dataset.
type right struct{ permission, on string }

// ofCalls are the permissions that Google wants of who calls a method, each on
// the dataset of the call, if it does not say where.
var ofCalls = map[string][]right{
	// https://cloud.google.com/bigquery/docs/dataset-metadata, #required_permissions
	bigquerytest.CallDatasetsGet: {{"bigquery.datasets.get", ""}},
	// https://cloud.google.com/bigquery/docs/tables, "Get information about tables"
	bigquerytest.CallTablesGet: {{"bigquery.tables.get", ""}},
	// https://cloud.google.com/bigquery/docs/managing-table-data, "Browse table data"
	bigquerytest.CallTabledataList: {{"bigquery.tables.getData", ""}},
	// https://cloud.google.com/bigquery/docs/reference/rest/v2/jobs/insert, "IAM Permissions"
	bigquerytest.CallJobsInsert: {{"bigquery.jobs.create", "project"}},
	// Who has made a job may get it, its results, and cancel it:
	// https://cloud.google.com/bigquery/docs/jobs-overview, "Required permissions"
	bigquerytest.CallJobsGet: nil, bigquerytest.CallJobsGetQueryResults: nil,
	// https://cloud.google.com/bigquery/docs/running-queries, "Required permissions";
	// temporary tables and results are in a dataset of the caller's own:
	// https://cloud.google.com/bigquery/docs/access-control-basic-roles
	bigquerytest.StatementReads: {{"bigquery.tables.getData", ""}},
	// https://cloud.google.com/bigquery/docs/access-control, "bigquery.tables.updateData"
	bigquerytest.StatementChanges: {{"bigquery.tables.updateData", ""}},
	// BigQuery says TABLES_UPDATE_DATA to who lacks it:
	// https://github.com/googleapis/java-bigquerystorage/issues/1390
	bigquerytest.CallCreateWriteStream:       {{"bigquery.tables.updateData", ""}},
	bigquerytest.CallAppendRows:              {{"bigquery.tables.updateData", ""}},
	bigquerytest.CallFinalizeWriteStream:     {{"bigquery.tables.updateData", ""}},
	bigquerytest.CallBatchCommitWriteStreams: {{"bigquery.tables.updateData", ""}},
	// https://cloud.google.com/pubsub/docs/access-control, "Required permissions"
	"/google.pubsub.v1.Subscriber/GetSubscription":   {{"pubsub.subscriptions.get", "subscriptions/vitalsink-run"}},
	"/google.pubsub.v1.Subscriber/StreamingPull":     {{"pubsub.subscriptions.consume", "subscriptions/vitalsink-run"}},
	"/google.pubsub.v1.Subscriber/Acknowledge":       {{"pubsub.subscriptions.consume", "subscriptions/vitalsink-run"}},
	"/google.pubsub.v1.Subscriber/ModifyAckDeadline": {{"pubsub.subscriptions.consume", "subscriptions/vitalsink-run"}},
	"/google.pubsub.v1.Publisher/Publish":            {{"pubsub.topics.publish", "topics/vitalsink-junction"}},
	"/google.iam.v1.IAMPolicy/TestIamPermissions":    nil,
}

// ofRoles are the permissions of predefined roles, as far as they are of calls:
// https://cloud.google.com/bigquery/docs/access-control and
// https://cloud.google.com/pubsub/docs/access-control. READER of a dataset is
// roles/bigquery.dataViewer.
var ofRoles = map[string][]string{
	"READER":                        {"bigquery.datasets.get", "bigquery.tables.get", "bigquery.tables.getData"},
	"roles/bigquery.metadataViewer": {"bigquery.datasets.get", "bigquery.tables.get"},
	"roles/bigquery.jobUser":        {"bigquery.jobs.create"},
	"roles/pubsub.subscriber":       {"pubsub.subscriptions.consume"},
	"roles/pubsub.viewer":           {"pubsub.subscriptions.get", "pubsub.topics.get"},
	"roles/pubsub.publisher":        {"pubsub.topics.publish"},
}

// grant is a role that an account has on something.
type grant struct{ account, role, on string }

// grants are all that are planned, in whatever way.
func (d *deployment) grants(t *testing.T) (all []grant) {
	t.Helper()
	for _, r := range d.planned {
		var p struct {
			Dataset      string `json:"dataset_id"`
			Topic        string `json:"topic"`
			Subscription string `json:"subscription"`
			Role         string `json:"role"`
			Member       string `json:"member"`
			Access       []struct {
				Role    string `json:"role"`
				Account string `json:"user_by_email"`
			} `json:"access"`
		}
		on := ""
		switch r.Type {
		case "google_bigquery_dataset", "google_bigquery_dataset_iam_member":
			r.Into(t, &p)
			on = p.Dataset
		case "google_project_iam_member":
			r.Into(t, &p)
			on = "project"
		case "google_pubsub_topic_iam_member":
			r.Into(t, &p)
			on = "topics/" + p.Topic
		case "google_pubsub_subscription_iam_member":
			r.Into(t, &p)
			on = "subscriptions/" + p.Subscription
		}
		if account, ok := strings.CutPrefix(p.Member, "serviceAccount:"); ok {
			all = append(all, grant{account, p.Role, on})
		}
		for _, a := range p.Access {
			if a.Account != "" {
				all = append(all, grant{a.Account, a.Role, on})
			}
		}
	}
	return all
}

// permissions are those of a role: of one that is planned, or of ofRoles.
func (d *deployment) permissions(t *testing.T, role string) []string {
	t.Helper()
	for _, r := range d.planned {
		var p struct {
			Project     string   `json:"project"`
			ID          string   `json:"role_id"`
			Permissions []string `json:"permissions"`
		}
		if r.Type != "google_project_iam_custom_role" {
			continue
		}
		if r.Into(t, &p); role == "projects/"+p.Project+"/roles/"+p.ID {
			return p.Permissions
		}
	}
	known, ok := ofRoles[role]
	if !ok {
		t.Errorf("what may who has %s?", role)
	}
	return known
}

// permitted wants the account of a command to have the rights to all that the
// command has called since it was started, and keeps which these are.
func (d *deployment) permitted(t *testing.T, command string) {
	t.Helper()
	account := d.instance(t, command).Account
	has := map[right]bool{}
	for _, g := range d.grants(t) {
		if g.account == account {
			for _, permission := range d.permissions(t, g.role) {
				has[right{permission, g.on}] = true
			}
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	calls := d.bigQuery.TakeCalls()
	for method := range d.asked {
		calls = append(calls, bigquerytest.Call{Method: method})
	}
	for _, call := range calls {
		wants, known := ofCalls[call.Method]
		if !known {
			t.Errorf("%s calls %s: which permissions does it take?", command, call.Method)
		}
		for _, want := range wants {
			if want.on == "" {
				want.on = call.Dataset
			}
			if d.needed[account] == nil {
				d.needed[account] = map[right]bool{}
			}
			d.needed[account][want] = true
			if !has[want] {
				t.Errorf("%s: its account has no %s on %s, for %s", command, want.permission, want.on, call.Method)
			}
		}
	}
}

// needless wants each role that the account of a command has to be needed by it,
// and of a role of the module's own each permission by somebody.
func (d *deployment) needless(t *testing.T) {
	t.Helper()
	unneeded := map[right]bool{} // of own roles, by permission and role
	for _, g := range d.grants(t) {
		needed, ran := d.needed[g.account]
		used := false
		for _, permission := range d.permissions(t, g.role) {
			is := needed[right{permission, g.on}]
			used = used || is
			if own := (right{permission, g.role}); strings.HasPrefix(g.role, "projects/") {
				before, known := unneeded[own]
				unneeded[own] = !is && (before || !known)
			}
		}
		if ran && !used {
			t.Errorf("%s has %s on %s, and needs nothing of it", g.account, g.role, g.on)
		}
	}
	for _, r := range slices.SortedFunc(maps.Keys(unneeded), func(a, b right) int { return strings.Compare(a.permission, b.permission) }) {
		if unneeded[r] {
			t.Errorf("%s has %s, which nobody needs", r.on, r.permission)
		}
	}
}
