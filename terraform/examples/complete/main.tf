# All of it: both ways in, history, reconciliation with repair, erasure, a key of your own, people who may read, alerts by
# mail.

terraform {
  required_version = ">= 1.9"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = ">= 6.50, < 8.0"
    }
  }
}

variable "project_id" {
  type = string
}

variable "project_number" {
  type = string
}

variable "image" {
  type = string
}

# A key in the region of the workloads can encrypt datasets in that region, not in EU.
variable "kms_key_name" {
  type = string
}

variable "on_call" {
  description = "Address that alerts go to."
  type        = string
}

provider "google" {
  project = var.project_id
  region  = "europe-west1"
}

resource "google_monitoring_notification_channel" "on_call" {
  project      = var.project_id
  display_name = "on call"
  type         = "email"
  labels       = { email_address = var.on_call }
}

module "vitalsink" {
  source = "../.."

  project_id     = var.project_id
  project_number = var.project_number
  region         = "europe-west1"
  location       = "europe-west1"
  name           = "health-events"
  labels         = { team = "data" }
  image          = var.image
  kms_key_name   = var.kms_key_name

  junction_publishers  = ["production-eu", "sandbox-eu"]
  topic_retention_days = 31

  dataset_id = "health"
  viewers    = ["group:analysts@example.com"]
  store_access = [
    { role = module.vitalsink.writer_role, group_by_email = "privacy@example.com" }, # who erases people
  ]

  run_cpu                  = 2
  run_memory_mib           = 4096
  max_bytes_billed         = "500GiB"
  max_bytes_billed_per_day = "2TiB"
  run_environment          = { VITALSINK_FOLD_INTERVAL = "10m" }

  # These need their secrets filled: see the README, "Webhooks, history, reconciliation".
  enable_webhook   = true
  enable_backfill  = true
  enable_reconcile = true
  reconcile_repair = true
  enable_sweep     = true

  notification_channels = [google_monitoring_notification_channel.on_call.name]
}

output "topic" {
  description = "To be given to Junction."
  value       = module.vitalsink.topic
}

output "webhook_url" {
  description = "To be given to Junction for teams with webhooks."
  value       = module.vitalsink.webhook_url
}
