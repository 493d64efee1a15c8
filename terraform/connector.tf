locals {
  # Account ids have at most 30 characters: see the validation of name.
  accounts = merge(
    { run = "vitalsink run", schema = "vitalsink schema apply" },
    var.enable_webhook ? { webhook = "vitalsink webhook" } : {},
    var.enable_backfill ? { backfill = "vitalsink backfill" } : {},
    var.enable_reconcile ? { reconcile = "vitalsink reconcile" } : {},
    var.enable_sweep ? { sweep = "vitalsink erase --sweep" } : {},
    length(local.schedules) > 0 ? { scheduler = "starts vitalsink's jobs" } : {},
  )

  # Written out, not taken from .email, so that a plan shows them.
  emails = { for k, a in google_service_account.account : k => "${a.account_id}@${var.project_id}.iam.gserviceaccount.com" }

  writer_role = "projects/${var.project_id}/roles/${google_project_iam_custom_role.writer.role_id}"

  # Who may do what in the store; see bigquery.tf.
  store_roles = merge(
    { run = local.writer_role, schema = local.writer_role },
    var.enable_backfill ? { backfill = "READER" } : {},
    var.enable_reconcile ? { reconcile = local.writer_role } : {},
    var.enable_sweep ? { sweep = local.writer_role } : {},
  )

  warehouse_url = "bigquery://${var.project_id}/${google_bigquery_dataset.views.dataset_id}"
  source_url    = "pubsub://${var.project_id}/${google_pubsub_subscription.run.name}"
  topic_url     = "pubsub://${var.project_id}/${google_pubsub_topic.junction.name}"

  bill = merge(
    { VITALSINK_MAX_BYTES_BILLED = var.max_bytes_billed },
    var.max_bytes_billed_per_day == null ? {} : { VITALSINK_MAX_BYTES_BILLED_PER_DAY = var.max_bytes_billed_per_day },
  )
}

resource "google_service_account" "account" {
  for_each = local.accounts

  project      = var.project_id
  account_id   = "${var.name}-${each.key}"
  display_name = each.value

  depends_on = [google_project_service.api]
}

# Writes rows, and cannot create, change or drop a table; no predefined role is as small.
resource "google_project_iam_custom_role" "writer" {
  project     = var.project_id
  role_id     = "${replace(var.name, "-", "_")}_writer_${var.role_suffix}"
  title       = "${var.name} writer"
  description = "Rows of vitalsink's tables: read, append, merge. No right to create or drop a table."
  permissions = ["bigquery.datasets.get", "bigquery.tables.get", "bigquery.tables.getData", "bigquery.tables.updateData"]

  depends_on = [google_project_service.api]
}

# The only right on the whole project: jobs belong to no resource.
resource "google_project_iam_member" "job_user" {
  for_each = local.store_roles

  project = var.project_id
  role    = "roles/bigquery.jobUser"
  member  = "serviceAccount:${local.emails[each.key]}"
}

resource "google_pubsub_subscription_iam_member" "run" {
  for_each = toset(["roles/pubsub.subscriber", "roles/pubsub.viewer"]) # consume, and get

  project      = var.project_id
  subscription = google_pubsub_subscription.run.name
  role         = each.key
  member       = "serviceAccount:${local.emails["run"]}"
}

# It pulls: no port, no address. One instance, for it folds.
resource "google_cloud_run_v2_worker_pool" "run" {
  project             = var.project_id
  location            = var.region
  name                = "${var.name}-run"
  description         = "Receives Junction's events and folds them into BigQuery."
  labels              = local.labels
  launch_stage        = "BETA"
  deletion_protection = var.deletion_protection

  scaling {
    scaling_mode          = "MANUAL"
    manual_instance_count = var.paused ? 0 : 1
  }

  template {
    service_account = local.emails["run"]
    encryption_key  = var.kms_key_name
    labels          = local.labels

    containers {
      image = var.image
      args  = ["run"]

      dynamic "env" {
        for_each = merge(var.run_environment, local.bill, {
          VITALSINK_SOURCE    = local.source_url
          VITALSINK_WAREHOUSE = local.warehouse_url
          VITALSINK_MEMORY    = "${var.run_memory_mib}MiB"
        })
        content {
          name  = env.key
          value = env.value
        }
      }

      resources {
        limits = { cpu = tostring(var.run_cpu), memory = "${var.run_memory_mib}Mi" }
      }
    }
  }

  # Where worker pools are no preview any more, Cloud Run answers GA.
  lifecycle {
    ignore_changes = [launch_stage]
  }

  depends_on = [
    google_bigquery_table.store, google_project_iam_member.job_user, google_pubsub_subscription_iam_member.run,
  ]
}

# Fences need a row each, which Terraform cannot make. This job fills them: it runs `vitalsink schema apply`, which finds
# nothing else to do. Start it once, after the first apply, and whenever a new version brings a new table.
resource "google_bigquery_dataset_iam_member" "schema" {
  project    = var.project_id
  dataset_id = google_bigquery_dataset.views.dataset_id
  role       = "roles/bigquery.metadataViewer"
  member     = "serviceAccount:${local.emails["schema"]}"
}

resource "google_cloud_run_v2_job" "schema" {
  project             = var.project_id
  location            = var.region
  name                = "${var.name}-schema"
  labels              = local.labels
  deletion_protection = var.deletion_protection

  template {
    labels = local.labels

    template {
      service_account = local.emails["schema"]
      encryption_key  = var.kms_key_name
      max_retries     = 1
      timeout         = "900s"

      containers {
        image = var.image
        args  = ["schema", "apply"]

        env {
          name  = "VITALSINK_WAREHOUSE"
          value = local.warehouse_url
        }

        resources {
          limits = { cpu = "1", memory = "512Mi" }
        }
      }
    }
  }

  depends_on = [google_bigquery_table.view, google_project_iam_member.job_user, google_bigquery_dataset_iam_member.schema]
}
