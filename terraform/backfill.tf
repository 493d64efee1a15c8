resource "google_cloud_run_v2_job" "backfill" {
  count = var.enable_backfill ? 1 : 0

  project             = var.project_id
  location            = var.region
  name                = "${var.name}-backfill"
  labels              = local.labels
  deletion_protection = var.deletion_protection

  template {
    labels = local.labels

    template {
      service_account = local.emails["backfill"]
      encryption_key  = var.kms_key_name
      max_retries     = 0       # the next one does what is left
      timeout         = "3300s" # so that it has ended when the next begins

      containers {
        image = var.image
        args  = ["backfill"]

        dynamic "env" {
          for_each = {
            VITALSINK_WAREHOUSE        = local.warehouse_url
            VITALSINK_TOPIC            = local.topic_url
            VITALSINK_MAX_BYTES_BILLED = var.max_bytes_billed
          }
          content {
            name  = env.key
            value = env.value
          }
        }

        env {
          name = "VITALSINK_JUNCTION_API_KEY"
          value_source {
            secret_key_ref {
              secret  = google_secret_manager_secret.secret["junction"].secret_id
              version = "latest"
            }
          }
        }

        resources {
          limits = { cpu = "1", memory = "1024Mi" }
        }
      }
    }
  }

  depends_on = [
    google_project_iam_member.job_user, google_secret_manager_secret_iam_member.reader, google_pubsub_topic_iam_member.door,
  ]
}
