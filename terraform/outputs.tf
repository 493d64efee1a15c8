output "topic" {
  description = "Topic to give to Junction: projects/PROJECT/topics/TOPIC."
  value       = local.topic_id
}

output "topic_url" {
  description = "The same as vitalsink's --topic."
  value       = local.topic_url
}

output "source_url" {
  description = "The subscription, as vitalsink's --source."
  value       = local.source_url
}

output "dead_letters_url" {
  description = "The subscription of dead letters, as vitalsink replay takes it."
  value       = "pubsub://${var.project_id}/${google_pubsub_subscription.dead_letters.name}"
}

output "warehouse_url" {
  description = "The datasets, as vitalsink's --warehouse."
  value       = local.warehouse_url
}

output "catalogue_version" {
  description = "Version of the catalogue that the tables follow."
  value       = local.common.catalogue_version
}

output "accounts" {
  description = "Service accounts of the workloads, by command."
  value       = local.emails
}

output "writer_role" {
  description = "Custom role that reads and writes rows of the store, for store_access of the person who erases."
  value       = local.writer_role
}

output "pubsub_keeps" {
  description = "For how long Pub/Sub can keep a message, as vitalsink erase's --pubsub-keeps: in the topic or the subscription, then as a dead letter."
  value       = local.pubsub_keeps
}

output "schema_job" {
  description = "Job that fills the fences; start it once after the first apply: gcloud run jobs execute JOB --region REGION --wait."
  value       = google_cloud_run_v2_job.schema.name
}

output "secrets" {
  description = "Secrets to fill, by what they are for: the webhook's signing secret, and the key of Junction's API."
  value       = { for k, s in google_secret_manager_secret.secret : k => s.secret_id }
}

output "webhook_url" {
  description = "Address to give to Junction for webhooks; null if there is none."
  value       = one([for s in google_cloud_run_v2_service.webhook : "${s.uri}/webhooks/junction"])
}
