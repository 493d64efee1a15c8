output "topic" {
  description = "Topic to give to Junction: projects/PROJECT/topics/TOPIC."
  value       = local.topic_id
}

output "topic_url" {
  description = "The same as vitalsink's --topic."
  value       = "pubsub://${var.project_id}/${google_pubsub_topic.junction.name}"
}

output "source_url" {
  description = "The subscription, as vitalsink's --source."
  value       = "pubsub://${var.project_id}/${google_pubsub_subscription.run.name}"
}

output "dead_letters_url" {
  description = "The subscription of dead letters, as vitalsink replay takes it."
  value       = "pubsub://${var.project_id}/${google_pubsub_subscription.dead_letters.name}"
}

output "warehouse_url" {
  description = "The datasets, as vitalsink's --warehouse."
  value       = "bigquery://${var.project_id}/${google_bigquery_dataset.views.dataset_id}"
}

output "catalogue_version" {
  description = "Version of the catalogue that the tables follow."
  value       = local.common.catalogue_version
}
