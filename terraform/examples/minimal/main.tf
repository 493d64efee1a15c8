# The least: Junction's production in Europe, into BigQuery. In a repository of your own, source is
# the whole repository with //terraform: the module reads the folder schemas beside it.
#
#   source = "git::https://REPOSITORY.git//terraform?ref=TAG"

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

provider "google" {
  project = var.project_id
  region  = "europe-west1"
}

module "vitalsink" {
  source = "../.."

  project_id          = var.project_id
  project_number      = var.project_number
  region              = "europe-west1"
  location            = "EU"
  junction_publishers = ["production-eu"]
  image               = var.image
}

output "topic" {
  description = "To be given to Junction."
  value       = module.vitalsink.topic
}
