resource "google_cloud_run_v2_job" "sweep" {
  count = var.enable_sweep ? 1 : 0

  project             = var.project_id
  location            = var.region
  name                = "${var.name}-sweep"
  labels              = local.labels
  deletion_protection = var.deletion_protection

  template {
    labels = local.labels

    template {
      service_account = local.emails["sweep"]
      encryption_key  = var.kms_key_name
      max_retries     = 0        # the next one does what is left
      timeout         = "72000s" # so that it has ended when the next begins

      containers {
        image = var.image
        args  = ["erase", "--sweep"]

        dynamic "env" {
          for_each = {
            VITALSINK_WAREHOUSE        = local.warehouse_url
            VITALSINK_MAX_BYTES_BILLED = var.max_bytes_billed
            VITALSINK_PUBSUB_KEEPS     = local.pubsub_keeps
          }
          content {
            name  = env.key
            value = env.value
          }
        }

        resources {
          limits = { cpu = "1", memory = "1024Mi" }
        }
      }
    }
  }

  depends_on = [google_project_iam_member.job_user]
}
