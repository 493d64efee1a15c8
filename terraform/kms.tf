# Google's service agents encrypt with the key, not the accounts of the workloads.
locals {
  kms_agents = {
    bigquery      = "bq-${var.project_number}@bigquery-encryption.iam.gserviceaccount.com"
    pubsub        = "service-${var.project_number}@gcp-sa-pubsub.iam.gserviceaccount.com"
    run           = "service-${var.project_number}@serverless-robot-prod.iam.gserviceaccount.com"
    secretmanager = "service-${var.project_number}@gcp-sa-secretmanager.iam.gserviceaccount.com"
  }
}

resource "google_kms_crypto_key_iam_member" "agent" {
  for_each = var.kms_key_name == null ? {} : local.kms_agents

  crypto_key_id = var.kms_key_name
  role          = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
  member        = "serviceAccount:${each.value}"
}
