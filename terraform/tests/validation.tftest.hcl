# Every validation refuses what it is there for: of each run, every variable must fail.
mock_provider "google" {}

variables {
  project_id          = "my-project"
  project_number      = "123456789012"
  region              = "europe-west1"
  location            = "EU"
  junction_publishers = ["production-eu"]
  image               = "europe-docker.pkg.dev/p/r/vitalsink@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
}

run "round_1" {
  command = plan

  variables {
    project_id                  = "My_Project"
    project_number              = "my-project"
    region                      = "europe-west1-b"
    location                    = "Europe"
    name                        = "a-name-that-is-too-long"
    labels                      = { Team = "x" }
    kms_key_name                = "k"
    junction_publishers         = ["staging-eu"]
    topic_retention_days        = 32
    subscription_retention_days = 0
    max_delivery_attempts       = 4
    dataset_id                  = "my-health"
    viewers                     = ["allAuthenticatedUsers"]
    store_access                = [{ role = "READER" }]
    policy_tags                 = { "profile.sex" = "pii" }
    image                       = "europe-docker.pkg.dev/p/r/vitalsink:latest"
    role_suffix                 = "a-b"
    run_cpu                     = 3
    run_memory_mib              = 256
    max_bytes_billed            = "200GB"
    max_bytes_billed_per_day    = "1.5TiB"
    run_environment             = { FOLD_INTERVAL = "1m" }
    webhook_max_instances       = 0
    backfill_schedule           = "*/15 * * * *"
    reconcile_schedule          = "0 3 * * 1"
    sweep_schedule              = "0 * * * *"
    runbooks_url                = "docs/runbooks"
    backlog_minutes             = 1
    unmerged_minutes            = 5
    quarantine_per_hour         = -1
    billed_gib_per_day          = 0
  }

  expect_failures = [
    var.project_id,
    var.project_number,
    var.region,
    var.location,
    var.name,
    var.labels,
    var.kms_key_name,
    var.junction_publishers,
    var.topic_retention_days,
    var.subscription_retention_days,
    var.max_delivery_attempts,
    var.dataset_id,
    var.viewers,
    var.store_access,
    var.policy_tags,
    var.image,
    var.role_suffix,
    var.run_cpu,
    var.run_memory_mib,
    var.max_bytes_billed,
    var.max_bytes_billed_per_day,
    var.run_environment,
    var.webhook_max_instances,
    var.backfill_schedule,
    var.reconcile_schedule,
    var.sweep_schedule,
    var.runbooks_url,
    var.backlog_minutes,
    var.unmerged_minutes,
    var.quarantine_per_hour,
    var.billed_gib_per_day,
  ]
}

run "round_2" {
  command = plan

  variables {
    labels                      = { app = "other" }
    topic_retention_days        = 1.5
    subscription_retention_days = 32
    max_delivery_attempts       = 101
    store_access                = [{ role = "reader", user_by_email = "a@example.com" }]
    policy_tags                 = { "profile.gendre" = "projects/p/locations/eu/taxonomies/1/policyTags/2" }
    run_environment             = { VITALSINK_SOURCE = "pubsub://p/s" }
  }

  expect_failures = [
    var.labels,
    var.topic_retention_days,
    var.subscription_retention_days,
    var.max_delivery_attempts,
    var.store_access,
    var.policy_tags,
    var.run_environment,
  ]
}

run "round_3" {
  command = plan

  variables {
    store_access = [{ role = "roles/bigquery.dataViewer", group_by_email = "a@example.com" }]
  }

  expect_failures = [var.store_access]
}
