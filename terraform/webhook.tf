resource "google_cloud_run_v2_service" "webhook" {
  count = var.enable_webhook ? 1 : 0

  project             = var.project_id
  location            = var.region
  name                = "${var.name}-webhook"
  description         = "Takes Junction's webhooks and publishes them."
  labels              = local.labels
  ingress             = "INGRESS_TRAFFIC_ALL"
  deletion_protection = var.deletion_protection

  template {
    service_account = local.emails["webhook"]
    encryption_key  = var.kms_key_name
    labels          = local.labels
    timeout         = "15s" # as long as Svix waits

    scaling {
      min_instance_count = 0
      max_instance_count = var.webhook_max_instances
    }

    containers {
      image = var.image
      args  = ["webhook"]

      env {
        name  = "VITALSINK_TOPIC"
        value = local.topic_url
      }

      env {
        name  = "VITALSINK_LISTEN"
        value = "0.0.0.0:8080"
      }

      env {
        name = "VITALSINK_WEBHOOK_SECRET"
        value_source {
          secret_key_ref {
            secret  = google_secret_manager_secret.secret["webhook"].secret_id
            version = "latest"
          }
        }
      }

      ports {
        container_port = 8080
      }

      startup_probe {
        http_get {
          path = "/healthz"
          port = 8080
        }
      }

      resources {
        limits = { cpu = "1", memory = "512Mi" }
      }
    }
  }

  depends_on = [google_secret_manager_secret_iam_member.reader, google_pubsub_topic_iam_member.door]
}

# Svix has no Google account: the signature of each request says who it is.
resource "google_cloud_run_v2_service_iam_member" "webhook" {
  count = var.enable_webhook ? 1 : 0

  project  = var.project_id
  location = google_cloud_run_v2_service.webhook[0].location
  name     = google_cloud_run_v2_service.webhook[0].name
  role     = "roles/run.invoker"
  member   = "allUsers"
}
