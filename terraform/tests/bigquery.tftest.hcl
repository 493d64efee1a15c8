# That every table and view is what the program expects is proved by a Go test (TestTerraformAgrees); here is the rest.
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
    condition     = google_bigquery_dataset.views.dataset_id == "health" && google_bigquery_dataset.store.dataset_id == "health_store"
    error_message = "views are in one dataset, tables in another"
  }
  assert {
    condition     = alltrue([for d in [google_bigquery_dataset.views, google_bigquery_dataset.store] : d.location == "EU" && d.labels.app == "vitalsink" && d.storage_billing_model == "LOGICAL" && !d.delete_contents_on_destroy])
    error_message = "datasets have a location, labels and logical billing, and are not destroyed with what is in them"
  }
  assert {
    condition     = alltrue([for d in [google_bigquery_dataset.views, google_bigquery_dataset.store] : d.default_table_expiration_ms == null && d.default_partition_expiration_ms == null && length(d.default_encryption_configuration) == 0])
    error_message = "nothing expires by default: null, not 0"
  }
  assert {
    condition     = length([for a in google_bigquery_dataset.store.access : a if length(a.dataset) == 1 ? a.dataset[0].dataset[0].dataset_id == "health" && a.dataset[0].target_types == tolist(["VIEWS"]) : false]) == 1
    error_message = "the views may read the tables"
  }
  assert {
    condition     = length([for a in google_bigquery_dataset.store.access : a if contains(["projectReaders", "projectWriters", "allAuthenticatedUsers"], coalesce(a.special_group, "-"))]) == 0
    error_message = "basic roles on the project do not open the store"
  }
  assert {
    condition     = length([for a in google_bigquery_dataset.store.access : a if a.special_group == "projectOwners" && a.role == "OWNER"]) == 1
    error_message = "the project's owners own the store: BigQuery wants one"
  }
  assert {
    condition     = length(google_bigquery_dataset_iam_member.viewer) == 0
    error_message = "nobody reads the views unless named"
  }
  assert {
    condition     = output.warehouse_url == "bigquery://my-project/health" && output.catalogue_version >= 5
    error_message = "outputs are what the program takes"
  }
  assert {
    condition     = alltrue([for t in google_bigquery_table.store : t.deletion_protection && t.expiration_time == null && t.labels.app == "vitalsink" && t.dataset_id == "health_store" && length(t.table_constraints) == 0])
    error_message = "tables are protected, never expire, have labels and no constraints"
  }
  assert {
    condition     = alltrue(flatten([for t in google_bigquery_table.store : [for p in t.time_partitioning : p.expiration_ms == null && p.require_partition_filter == null]]))
    error_message = "partitions never expire, and a filter is demanded at the level of the table only"
  }
  assert {
    condition     = [for k, t in google_bigquery_table.store : k if t.require_partition_filter == true] == ["timeseries"]
    error_message = "only where the partition column is in the key every statement bounds it"
  }
  assert {
    condition     = alltrue([for t in google_bigquery_table.view : t.deletion_protection && t.labels.app == "vitalsink" && t.labels.vitalsink_catalogue == tostring(output.catalogue_version) && t.dataset_id == "health" && !t.view[0].use_legacy_sql])
    error_message = "views are protected, and have the label by which schema apply knows them"
  }
}

run "otherwise" {
  command = plan

  variables {
    name                     = "my-sink"
    dataset_id               = "people"
    viewers                  = ["group:analysts@example.com"]
    store_access             = [{ role = "WRITER", user_by_email = "eraser@example.com" }]
    deletion_protection      = false
    require_partition_filter = false
  }

  assert {
    condition     = google_bigquery_dataset_iam_member.viewer["group:analysts@example.com"].role == "roles/bigquery.dataViewer" && google_bigquery_dataset_iam_member.viewer["group:analysts@example.com"].dataset_id == "people"
    error_message = "analysts read the views"
  }
  assert {
    condition     = length([for a in google_bigquery_dataset.store.access : a if a.user_by_email == "eraser@example.com" && a.role == "WRITER"]) == 1
    error_message = "who is listed gets access to the store"
  }
  assert {
    condition     = google_project_iam_custom_role.writer.role_id == "my_sink_writer_1"
    error_message = "a role's id has no hyphens"
  }
  assert {
    condition     = strcontains(google_bigquery_table.view["sleep"].view[0].query, "FROM `my-project.people_store.sleep`")
    error_message = "views read the dataset's own store"
  }
  assert {
    condition     = alltrue([for t in merge(google_bigquery_table.store, google_bigquery_table.view) : !t.deletion_protection])
    error_message = "protection can be lifted, to destroy it all"
  }
  assert {
    condition     = alltrue([for t in google_bigquery_table.store : t.require_partition_filter == null])
    error_message = "the filter can be left out"
  }
}

run "key" {
  command = plan

  variables {
    kms_key_name = "projects/p/locations/europe/keyRings/r/cryptoKeys/k"
  }

  assert {
    condition     = alltrue([for t in google_bigquery_table.store : t.encryption_configuration[0].kms_key_name == "projects/p/locations/europe/keyRings/r/cryptoKeys/k"])
    error_message = "every table has the key, not only the dataset: else it is made anew at every apply"
  }
  assert {
    condition     = alltrue([for d in [google_bigquery_dataset.views, google_bigquery_dataset.store] : d.default_encryption_configuration[0].kms_key_name == "projects/p/locations/europe/keyRings/r/cryptoKeys/k"])
    error_message = "datasets have the key"
  }
}
