mock_provider "google" {}

variables {
  project_id          = "my-project"
  project_number      = "123456789012"
  region              = "europe-west1"
  location            = "EU"
  junction_publishers = ["production-eu", "sandbox-us"]
  image               = "europe-docker.pkg.dev/p/r/vitalsink@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
}

run "default" {
  command = plan

  assert {
    condition     = google_pubsub_topic.junction.name == "vitalsink-junction" && google_pubsub_topic.junction.message_retention_duration == "604800s"
    error_message = "the topic keeps messages for seven days, for seek"
  }
  assert {
    condition     = google_pubsub_topic.junction.labels.app == "vitalsink" && google_pubsub_topic.dead_letters.labels.app == "vitalsink"
    error_message = "topics have labels"
  }
  assert {
    condition     = length(google_pubsub_topic.junction.message_storage_policy) == 0
    error_message = "a storage policy could shut Junction out"
  }
  assert {
    condition = { for k, m in google_pubsub_topic_iam_member.publisher : k => "${m.role} ${m.member} ${m.topic}" } == {
      production-eu = "roles/pubsub.publisher serviceAccount:customer-topics-eu@vital-prod-307415.iam.gserviceaccount.com vitalsink-junction"
      sandbox-us    = "roles/pubsub.publisher serviceAccount:customer-topics-us@vital-sandbox.iam.gserviceaccount.com vitalsink-junction"
    }
    error_message = "Junction's accounts publish"
  }
  assert {
    condition = { for k, m in google_pubsub_topic_iam_member.viewer : k => "${m.role} ${m.member} ${m.topic}" } == {
      production-eu = "roles/pubsub.viewer serviceAccount:customer-topics-eu@vital-prod-307415.iam.gserviceaccount.com vitalsink-junction"
      sandbox-us    = "roles/pubsub.viewer serviceAccount:customer-topics-us@vital-sandbox.iam.gserviceaccount.com vitalsink-junction"
    }
    error_message = "Junction's accounts look at the topic"
  }
  assert {
    condition     = google_pubsub_subscription.run.name == "vitalsink-run" && google_pubsub_subscription.run.message_retention_duration == "2678400s"
    error_message = "unacknowledged messages stay for 31 days"
  }
  assert {
    condition     = google_pubsub_subscription.run.topic == "projects/my-project/topics/vitalsink-junction" && output.topic == google_pubsub_subscription.run.topic
    error_message = "it is the topic's"
  }
  assert {
    condition     = output.source_url == "pubsub://my-project/vitalsink-run" && output.topic_url == "pubsub://my-project/vitalsink-junction" && output.dead_letters_url == "pubsub://my-project/vitalsink-dead-letters"
    error_message = "outputs are what the program takes"
  }
  assert {
    condition     = alltrue([for s in [google_pubsub_subscription.run, google_pubsub_subscription.dead_letters] : s.ack_deadline_seconds == 60 && !s.retain_acked_messages])
    error_message = "a minute to acknowledge, which the client prolongs; what is acknowledged is gone"
  }
  assert {
    condition     = google_pubsub_subscription.run.filter == null
    error_message = "a filter cannot change without losing the backlog"
  }
  assert {
    condition     = !google_pubsub_subscription.run.enable_message_ordering && !google_pubsub_subscription.run.enable_exactly_once_delivery
    error_message = "ordering and exactly-once are off: run refuses them"
  }
  assert {
    condition     = google_pubsub_subscription.run.expiration_policy[0].ttl == "" && google_pubsub_subscription.dead_letters.expiration_policy[0].ttl == ""
    error_message = "subscriptions never expire"
  }
  assert {
    condition     = google_pubsub_subscription.run.retry_policy[0].minimum_backoff == "10s" && google_pubsub_subscription.run.retry_policy[0].maximum_backoff == "600s"
    error_message = "redelivery backs off from 10 s to 600 s"
  }
  assert {
    condition     = google_pubsub_subscription.run.dead_letter_policy[0].max_delivery_attempts == 100 && google_pubsub_subscription.run.dead_letter_policy[0].dead_letter_topic == "projects/my-project/topics/vitalsink-dead-letters"
    error_message = "a hundred deliveries before a message is a dead letter"
  }
  assert {
    condition     = google_pubsub_subscription.run.labels.app == "vitalsink" && google_pubsub_subscription.dead_letters.labels.app == "vitalsink"
    error_message = "subscriptions have labels"
  }
  assert {
    condition     = google_pubsub_topic.dead_letters.name == "vitalsink-dead-letters"
    error_message = "there is a topic of dead letters"
  }
  assert {
    condition     = google_pubsub_subscription.dead_letters.name == "vitalsink-dead-letters" && google_pubsub_subscription.dead_letters.topic == "projects/my-project/topics/vitalsink-dead-letters" && google_pubsub_subscription.dead_letters.message_retention_duration == "2678400s"
    error_message = "dead letters are kept for 31 days"
  }
  assert {
    condition = (google_pubsub_topic_iam_member.dead_letter_publisher.role == "roles/pubsub.publisher" &&
      google_pubsub_topic_iam_member.dead_letter_publisher.topic == "vitalsink-dead-letters" &&
    google_pubsub_topic_iam_member.dead_letter_publisher.member == "serviceAccount:service-123456789012@gcp-sa-pubsub.iam.gserviceaccount.com")
    error_message = "Pub/Sub's agent publishes dead letters"
  }
  assert {
    condition = (google_pubsub_subscription_iam_member.dead_letter_subscriber.role == "roles/pubsub.subscriber" &&
      google_pubsub_subscription_iam_member.dead_letter_subscriber.subscription == "vitalsink-run" &&
    google_pubsub_subscription_iam_member.dead_letter_subscriber.member == "serviceAccount:service-123456789012@gcp-sa-pubsub.iam.gserviceaccount.com")
    error_message = "Pub/Sub's agent takes dead letters off the subscription"
  }
  assert {
    condition = { for s in google_project_service.api : s.service => s.disable_on_destroy } == { for s in [
      "bigquery", "bigquerystorage", "cloudscheduler", "iam", "logging", "monitoring", "pubsub", "run", "secretmanager"
    ] : "${s}.googleapis.com" => false }
    error_message = "APIs are enabled, and stay so"
  }
}

run "otherwise" {
  command = plan

  variables {
    junction_publishers  = ["production-us", "sandbox-eu"]
    topic_retention_days = 0
    enable_apis          = false
  }

  assert {
    condition = toset([for m in google_pubsub_topic_iam_member.publisher : m.member]) == toset([
      "serviceAccount:customer-topics-us@vital-prod-307415.iam.gserviceaccount.com",
      "serviceAccount:customer-topics-eu@vital-sandbox.iam.gserviceaccount.com",
    ])
    error_message = "Junction's other accounts"
  }
  assert {
    condition     = google_pubsub_topic.junction.message_retention_duration == null
    error_message = "0 days is no retention"
  }
  assert {
    condition     = length(google_project_service.api) == 0
    error_message = "APIs can be left alone"
  }
}

run "key" {
  command = plan

  variables {
    kms_key_name = "projects/p/locations/europe/keyRings/r/cryptoKeys/k"
  }

  assert {
    condition     = google_pubsub_topic.junction.kms_key_name == "projects/p/locations/europe/keyRings/r/cryptoKeys/k" && google_pubsub_topic.dead_letters.kms_key_name == google_pubsub_topic.junction.kms_key_name
    error_message = "topics are encrypted with the key"
  }
  assert {
    condition = { for k, m in google_kms_crypto_key_iam_member.agent : k => "${m.role} ${m.member}" if m.crypto_key_id == "projects/p/locations/europe/keyRings/r/cryptoKeys/k" } == {
      bigquery      = "roles/cloudkms.cryptoKeyEncrypterDecrypter serviceAccount:bq-123456789012@bigquery-encryption.iam.gserviceaccount.com"
      pubsub        = "roles/cloudkms.cryptoKeyEncrypterDecrypter serviceAccount:service-123456789012@gcp-sa-pubsub.iam.gserviceaccount.com"
      run           = "roles/cloudkms.cryptoKeyEncrypterDecrypter serviceAccount:service-123456789012@serverless-robot-prod.iam.gserviceaccount.com"
      secretmanager = "roles/cloudkms.cryptoKeyEncrypterDecrypter serviceAccount:service-123456789012@gcp-sa-secretmanager.iam.gserviceaccount.com"
    }
    error_message = "service agents use the key"
  }
}
