# Every validation refuses what it is there for.
mock_provider "google" {}

variables {
  project_id          = "my-project"
  project_number      = "123456789012"
  region              = "europe-west1"
  location            = "EU"
  junction_publishers = ["production-eu"]
  image               = "europe-docker.pkg.dev/p/r/vitalsink@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
}

run "project_id" {
  command = plan

  variables {
    project_id = "My_Project"
  }

  expect_failures = [var.project_id]
}

run "project_number" {
  command = plan

  variables {
    project_number = "my-project"
  }

  expect_failures = [var.project_number]
}

run "region" {
  command = plan

  variables {
    region = "europe-west1-b"
  }

  expect_failures = [var.region]
}

run "location" {
  command = plan

  variables {
    location = "Europe"
  }

  expect_failures = [var.location]
}

run "name" {
  command = plan

  variables {
    name = "a-name-that-is-too-long"
  }

  expect_failures = [var.name]
}

run "labels" {
  command = plan

  variables {
    labels = { Team = "x" }
  }

  expect_failures = [var.labels]
}

run "labels_2" {
  command = plan

  variables {
    labels = { app = "other" }
  }

  expect_failures = [var.labels]
}

run "kms_key_name" {
  command = plan

  variables {
    kms_key_name = "k"
  }

  expect_failures = [var.kms_key_name]
}

run "junction_publishers" {
  command = plan

  variables {
    junction_publishers = ["staging-eu"]
  }

  expect_failures = [var.junction_publishers]
}

run "topic_retention_days" {
  command = plan

  variables {
    topic_retention_days = 32
  }

  expect_failures = [var.topic_retention_days]
}

run "topic_retention_days_2" {
  command = plan

  variables {
    topic_retention_days = 1.5
  }

  expect_failures = [var.topic_retention_days]
}

run "subscription_retention_days" {
  command = plan

  variables {
    subscription_retention_days = 0
  }

  expect_failures = [var.subscription_retention_days]
}

run "subscription_retention_days_2" {
  command = plan

  variables {
    subscription_retention_days = 32
  }

  expect_failures = [var.subscription_retention_days]
}

run "max_delivery_attempts" {
  command = plan

  variables {
    max_delivery_attempts = 4
  }

  expect_failures = [var.max_delivery_attempts]
}

run "max_delivery_attempts_2" {
  command = plan

  variables {
    max_delivery_attempts = 101
  }

  expect_failures = [var.max_delivery_attempts]
}

run "dataset_id" {
  command = plan

  variables {
    dataset_id = "my-health"
  }

  expect_failures = [var.dataset_id]
}

run "viewers" {
  command = plan

  variables {
    viewers = ["allAuthenticatedUsers"]
  }

  expect_failures = [var.viewers]
}

run "store_access_of_nobody" {
  command = plan

  variables {
    store_access = [{ role = "READER" }]
  }

  expect_failures = [var.store_access]
}

run "store_access_role" {
  command = plan

  variables {
    store_access = [{ role = "reader", user_by_email = "a@example.com" }]
  }

  expect_failures = [var.store_access]
}

run "image" {
  command = plan

  variables {
    image = "europe-docker.pkg.dev/p/r/vitalsink:latest"
  }

  expect_failures = [var.image]
}

run "role_suffix" {
  command = plan

  variables {
    role_suffix = "a-b"
  }

  expect_failures = [var.role_suffix]
}

run "run_cpu" {
  command = plan

  variables {
    run_cpu = 3
  }

  expect_failures = [var.run_cpu]
}

run "run_memory_mib" {
  command = plan

  variables {
    run_memory_mib = 256
  }

  expect_failures = [var.run_memory_mib]
}

run "max_bytes_billed" {
  command = plan

  variables {
    max_bytes_billed = "200GB"
  }

  expect_failures = [var.max_bytes_billed]
}

run "max_bytes_billed_per_day" {
  command = plan

  variables {
    max_bytes_billed_per_day = "1.5TiB"
  }

  expect_failures = [var.max_bytes_billed_per_day]
}

run "run_environment" {
  command = plan

  variables {
    run_environment = { FOLD_INTERVAL = "1m" }
  }

  expect_failures = [var.run_environment]
}

run "run_environment_2" {
  command = plan

  variables {
    run_environment = { VITALSINK_SOURCE = "pubsub://p/s" }
  }

  expect_failures = [var.run_environment]
}

run "webhook_max_instances" {
  command = plan

  variables {
    webhook_max_instances = 0
  }

  expect_failures = [var.webhook_max_instances]
}

run "backfill_schedule" {
  command = plan

  variables {
    backfill_schedule = "*/15 * * * *"
  }

  expect_failures = [var.backfill_schedule]
}

run "reconcile_schedule" {
  command = plan

  variables {
    reconcile_schedule = "0 3 * * 1"
  }

  expect_failures = [var.reconcile_schedule]
}

run "runbooks_url" {
  command = plan

  variables {
    runbooks_url = "docs/runbooks"
  }

  expect_failures = [var.runbooks_url]
}

run "backlog_minutes" {
  command = plan

  variables {
    backlog_minutes = 1
  }

  expect_failures = [var.backlog_minutes]
}

run "quarantine_per_hour" {
  command = plan

  variables {
    quarantine_per_hour = -1
  }

  expect_failures = [var.quarantine_per_hour]
}

run "billed_gib_per_day" {
  command = plan

  variables {
    billed_gib_per_day = 0
  }

  expect_failures = [var.billed_gib_per_day]
}
