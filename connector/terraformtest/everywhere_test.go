package terraformtest

import (
	"encoding/json"
	"strings"
	"testing"
)

// level is what the provider knows of a resource, or of a template in one.
type level struct {
	Attributes map[string]struct {
		Optional bool `json:"optional"`
	} `json:"attributes"`
	Blocks map[string]struct {
		Block level `json:"block"`
	} `json:"block_types"`
}

// lacking are the places that could have labels or the project, and do not.
func (l level) lacking(at string, values map[string]any) (all []string) {
	for name, a := range l.Attributes {
		if !a.Optional {
			continue
		}
		switch name {
		case "project":
			if values[name] != "my-project" {
				all = append(all, at+name)
			}
		case "labels", "user_labels":
			if labels, _ := values[name].(map[string]any); labels["app"] != "vitalsink" || labels["team"] != "data" {
				all = append(all, at+name)
			}
		}
	}
	templates, _ := values["template"].([]any)
	for _, template := range templates {
		if inner, ok := template.(map[string]any); ok {
			all = append(all, l.Blocks["template"].Block.lacking(at+"template.", inner)...)
		}
	}
	return all
}

// TestEverywhere: whatever can have labels has them, and nothing is made in
// another project than the one named, such as the provider's own.
func TestEverywhere(t *testing.T) {
	planned := Plan(t, module, map[string]any{
		"project_id": "my-project", "project_number": "1", "region": "europe-west1", "location": "EU", "labels": map[string]string{"team": "data"},
		"junction_publishers": []string{"production-eu"}, "image": "registry/vitalsink@sha256:" + strings.Repeat("0", 64),
		"kms_key_name": "projects/p/locations/europe/keyRings/r/cryptoKeys/k", "viewers": []string{"group:analysts@example.com"},
		"policy_tags":    map[string]string{"profile.sex": "projects/p/locations/eu/taxonomies/1/policyTags/2"},
		"enable_webhook": true, "enable_backfill": true, "enable_reconcile": true, "reconcile_repair": true, "enable_sweep": true,
		"billed_gib_per_day": 2,
	})
	raw, err := run(module, "providers", "schema", "-json")
	if err != nil {
		t.Fatal(err)
	}
	var known struct {
		Providers map[string]struct {
			Resources map[string]struct {
				Block level `json:"block"`
			} `json:"resource_schemas"`
		} `json:"provider_schemas"`
	}
	if err := json.Unmarshal(raw, &known); err != nil {
		t.Fatal(err)
	}
	types := known.Providers["registry.terraform.io/hashicorp/google"].Resources
	seen := map[string]bool{}
	for _, r := range planned {
		of, ok := types[r.Type]
		if !ok {
			t.Fatalf("the provider does not know %s", r.Type)
		}
		seen[r.Type+"."+r.Name] = true
		for _, place := range of.Block.lacking("", r.Values) {
			t.Errorf("%s: %s", r.Address, place)
		}
	}
	var unseen []string
	for _, b := range readModule(t) {
		if b.kind == "resource" && !seen[b.name] {
			unseen = append(unseen, b.name)
		}
	}
	if len(unseen) > 0 {
		t.Errorf("not planned, so not looked at: %v", unseen)
	}
}
