locals {
  # Junction's own accounts, one for each of its environments and regions.
  publisher_projects = { sandbox = "vital-sandbox", production = "vital-prod-307415" }

  publishers = {
    for p in var.junction_publishers : p =>
    "serviceAccount:customer-topics-${split("-", p)[1]}@${local.publisher_projects[split("-", p)[0]]}.iam.gserviceaccount.com"
  }

  # Written out, not taken from .id, so that a plan shows them.
  topic_id        = "projects/${var.project_id}/topics/${google_pubsub_topic.junction.name}"
  dead_letters_id = "projects/${var.project_id}/topics/${google_pubsub_topic.dead_letters.name}"

  # For how long a message can be there: in the topic or the subscription, and after that as a dead letter.
  dead_letter_days = 31
  pubsub_keeps     = "${max(var.topic_retention_days, var.subscription_retention_days) + local.dead_letter_days}d"

  pubsub_agent = "serviceAccount:service-${var.project_number}@gcp-sa-pubsub.iam.gserviceaccount.com"
}

# No message_storage_policy: Junction publishes from us-central1 and europe-west1, and a policy without them refuses it. An
# organization policy for resource locations can do the same.
resource "google_pubsub_topic" "junction" {
  project                    = var.project_id
  name                       = "${var.name}-junction"
  kms_key_name               = var.kms_key_name
  labels                     = local.labels
  message_retention_duration = var.topic_retention_days == 0 ? null : "${var.topic_retention_days * 86400}s"

  lifecycle {
    prevent_destroy = true
  }

  depends_on = [google_project_service.api, google_kms_crypto_key_iam_member.agent]
}

resource "google_pubsub_topic_iam_member" "publisher" {
  for_each = local.publishers

  project = var.project_id
  topic   = google_pubsub_topic.junction.name
  role    = "roles/pubsub.publisher"
  member  = each.value
}

# Junction looks whether the topic is there before it publishes.
resource "google_pubsub_topic_iam_member" "viewer" {
  for_each = local.publishers

  project = var.project_id
  topic   = google_pubsub_topic.junction.name
  role    = "roles/pubsub.viewer"
  member  = each.value
}

# No filter: it cannot be changed without losing the backlog. No ordering and no exactly-once delivery: both are slow, and
# versions decide what is latest.
resource "google_pubsub_subscription" "run" {
  project                      = var.project_id
  name                         = "${var.name}-run"
  topic                        = local.topic_id
  labels                       = local.labels
  ack_deadline_seconds         = 60
  message_retention_duration   = "${var.subscription_retention_days * 86400}s"
  retain_acked_messages        = false
  enable_message_ordering      = false
  enable_exactly_once_delivery = false

  expiration_policy {
    ttl = "" # never
  }

  retry_policy {
    minimum_backoff = "10s"
    maximum_backoff = "600s"
  }

  dead_letter_policy {
    dead_letter_topic     = local.dead_letters_id
    max_delivery_attempts = var.max_delivery_attempts
  }

  lifecycle {
    prevent_destroy = true
  }
}

resource "google_pubsub_topic" "dead_letters" {
  project      = var.project_id
  name         = "${var.name}-dead-letters"
  kms_key_name = var.kms_key_name
  labels       = local.labels

  depends_on = [google_project_service.api, google_kms_crypto_key_iam_member.agent]
}

# Without it a dead letter would be gone at once.
resource "google_pubsub_subscription" "dead_letters" {
  project                    = var.project_id
  name                       = "${var.name}-dead-letters"
  topic                      = local.dead_letters_id
  labels                     = local.labels
  ack_deadline_seconds       = 60
  message_retention_duration = "${local.dead_letter_days * 86400}s"
  retain_acked_messages      = false

  expiration_policy {
    ttl = "" # never
  }

  lifecycle {
    prevent_destroy = true
  }
}

# Without these two Pub/Sub never moves a message to the dead letters, and says nothing.
resource "google_pubsub_topic_iam_member" "dead_letter_publisher" {
  project = var.project_id
  topic   = google_pubsub_topic.dead_letters.name
  role    = "roles/pubsub.publisher"
  member  = local.pubsub_agent
}

resource "google_pubsub_subscription_iam_member" "dead_letter_subscriber" {
  project      = var.project_id
  subscription = google_pubsub_subscription.run.name
  role         = "roles/pubsub.subscriber"
  member       = local.pubsub_agent
}
