mock_provider "google" {}

variables {
  project_id          = "my-project"
  project_number      = "123456789012"
  region              = "europe-west1"
  location            = "EU"
  junction_publishers = ["production-eu"]
  image               = "europe-docker.pkg.dev/p/r/vitalsink@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
}

run "default" {
  command = plan

  assert {
    condition     = alltrue([for t in google_bigquery_table.store : !strcontains(t.schema, "policyTags")]) && length(google_data_catalog_policy_tag_iam_member.reader) == 0
    error_message = "no column has a tag unless asked for"
  }
}

run "tagged" {
  command = plan

  variables {
    policy_tags = {
      "profile.birth_date" = "projects/p/locations/eu/taxonomies/1/policyTags/2"
      "profile.sex"        = "projects/p/locations/eu/taxonomies/1/policyTags/2"
      "quarantine.payload" = "projects/p/locations/eu/taxonomies/1/policyTags/3"
    }
    enable_backfill  = true
    enable_reconcile = true
    enable_sweep     = true
  }

  assert {
    condition = { for k, t in google_bigquery_table.store : k => { for c in jsondecode(t.schema) : c.name => c.policyTags if can(c.policyTags) } if strcontains(t.schema, "policyTags") } == {
      for k, columns in {
        profile        = { birth_date = "2", sex = "2" }
        profile_log    = { birth_date = "2", sex = "2" }
        quarantine     = { payload = "3" }
        quarantine_log = { payload = "3" }
      } : k => { for name, id in columns : name => { names = ["projects/p/locations/eu/taxonomies/1/policyTags/${id}"] } }
    }
    error_message = "a column has its tag in the table and in the log, and no other column has one"
  }
  assert {
    condition = toset([for m in google_data_catalog_policy_tag_iam_member.reader : "${m.policy_tag} ${m.role} ${m.member}"]) == toset(flatten([
      for id in ["2", "3"] : [
        for k in ["backfill", "reconcile", "run", "sweep"] : "projects/p/locations/eu/taxonomies/1/policyTags/${id} roles/datacatalog.categoryFineGrainedReader serviceAccount:vitalsink-${k}@my-project.iam.gserviceaccount.com"
      ]
    ]))
    error_message = "who merges, compares or erases reads what is tagged"
  }
}
