# Containers of secrets, always there, so that they can be filled before what needs them is enabled. Their values never
# pass through Terraform, whose state would hold them: gcloud secrets versions add NAME --data-file=-
locals {
  secrets = { webhook = "${var.name}-webhook-secret", junction = "${var.name}-junction-api-key" }

  secret_readers = merge(
    var.enable_webhook ? { webhook = "webhook" } : {},
    var.enable_backfill ? { backfill = "junction" } : {},
    var.enable_reconcile ? { reconcile = "junction" } : {},
  )
}

resource "google_secret_manager_secret" "secret" {
  for_each = local.secrets

  project   = var.project_id
  secret_id = each.value
  labels    = local.labels

  replication {
    dynamic "auto" {
      for_each = var.kms_key_name == null ? [1] : []
      content {}
    }

    # A key of one region cannot encrypt a secret that is everywhere.
    dynamic "user_managed" {
      for_each = var.kms_key_name == null ? [] : [var.kms_key_name]
      content {
        replicas {
          location = var.region
          customer_managed_encryption {
            kms_key_name = user_managed.value
          }
        }
      }
    }
  }

  lifecycle {
    prevent_destroy = true
  }

  depends_on = [google_project_service.api, google_kms_crypto_key_iam_member.agent]
}

resource "google_secret_manager_secret_iam_member" "reader" {
  for_each = local.secret_readers

  project   = var.project_id
  secret_id = google_secret_manager_secret.secret[each.value].secret_id
  role      = "roles/secretmanager.secretAccessor"
  member    = "serviceAccount:${local.emails[each.key]}"
}

# Who may publish to the topic beside Junction.
resource "google_pubsub_topic_iam_member" "door" {
  for_each = toset(concat(
    var.enable_webhook ? ["webhook"] : [],
    var.enable_backfill ? ["backfill"] : [],
    var.enable_reconcile && var.reconcile_repair ? ["reconcile"] : [],
  ))

  project = var.project_id
  topic   = google_pubsub_topic.junction.name
  role    = "roles/pubsub.publisher"
  member  = "serviceAccount:${local.emails[each.key]}"
}
