# Tables are declared in ../schemas, and only there; vitalsink reads the same files. A Go test compares what is planned
# here with what `vitalsink schema plan` expects.
locals {
  schemas_path = "${path.module}/../schemas"
  common       = yamldecode(file("${local.schemas_path}/_common.yaml"))
  declared = {
    for f in fileset(local.schemas_path, "[a-z]*.yaml") : trimsuffix(f, ".yaml") => yamldecode(file("${local.schemas_path}/${f}"))
  }
  versioned = { for k, t in local.declared : k => t if t.kind == "versioned" }

  # As BigQuery's API names them, so that what it answers is no difference.
  types = {
    STRING = "STRING", BYTES = "BYTES", INT64 = "INTEGER", FLOAT64 = "FLOAT", BOOL = "BOOLEAN", TIMESTAMP = "TIMESTAMP",
    DATE   = "DATE", JSON = "JSON"
  }

  columns = { for k, t in local.declared : k => concat(t.columns, t.kind == "versioned" ? local.common.version_columns : []) }

  latest = {
    for k, t in local.declared : k => {
      of          = k
      description = t.description
      columns     = local.columns[k]
      partition   = try({ type = "DAY", field = t.partition.column }, null)
      cluster     = try(t.cluster, [])
      # Where the column is not part of the key, a merge looks rows up without a bound on it.
      filtered = try(t.partition.rule, "") == "key" && var.require_partition_filter
    }
  }

  logs = {
    for k, t in local.versioned : "${k}_log" => {
      of          = k
      description = "All versions of the rows of ${k}."
      columns     = concat(local.columns[k], local.common.log_columns)
      # It never expires by itself, which would not ask whether rows are merged.
      partition = { type = "HOUR", field = "_appended_at" }
      cluster   = ["_batch_id"]
      filtered  = false
    }
  }

  fences = {
    for k, t in local.versioned : "${k}_fence" => {
      of          = k
      description = "One row: how many merges ${k} has had."
      columns     = [{ name = "n", type = "INT64", required = true }]
      partition   = null
      cluster     = []
      filtered    = false
    }
  }

  tables = merge(local.latest, local.logs, local.fences)

  table_schemas = {
    for k, t in local.tables : k => jsonencode([
      for c in t.columns : merge(
        {
          name = c.name
          type = local.types[c.type]
          mode = try(c.repeated, false) ? "REPEATED" : try(c.required, false) ? "REQUIRED" : "NULLABLE"
        },
        { for d in ["description"] : d => c.description if can(c.description) },
        { for tag in [lookup(var.policy_tags, "${t.of}.${c.name}", null)] : "policyTags" => { names = [tag] } if tag != null },
      )
    ])
  }
}

resource "google_bigquery_dataset" "views" {
  project               = var.project_id
  dataset_id            = var.dataset_id
  location              = var.location
  description           = "Health data of wearables: views. The tables are in ${var.dataset_id}_store."
  labels                = local.labels
  storage_billing_model = "LOGICAL"

  default_table_expiration_ms     = null
  default_partition_expiration_ms = null
  delete_contents_on_destroy      = false

  dynamic "default_encryption_configuration" {
    for_each = var.kms_key_name == null ? [] : [var.kms_key_name]
    content {
      kms_key_name = default_encryption_configuration.value
    }
  }

  lifecycle {
    prevent_destroy = true
  }

  depends_on = [google_project_service.api, google_kms_crypto_key_iam_member.agent]
}

resource "google_bigquery_dataset_iam_member" "viewer" {
  for_each = var.viewers

  project    = var.project_id
  dataset_id = google_bigquery_dataset.views.dataset_id
  role       = "roles/bigquery.dataViewer"
  member     = each.key
}

# Access is listed in full: the default would let in whoever has the basic role Viewer or Editor on the project. And
# _iam_member on this dataset would remove the authorization of the views.
resource "google_bigquery_dataset" "store" {
  project               = var.project_id
  dataset_id            = "${var.dataset_id}_store"
  location              = var.location
  description           = "Tables behind ${var.dataset_id}: latest rows, logs, quarantine. For vitalsink, not for people."
  labels                = local.labels
  storage_billing_model = "LOGICAL"

  default_table_expiration_ms     = null
  default_partition_expiration_ms = null
  delete_contents_on_destroy      = false

  access {
    role          = "OWNER"
    special_group = "projectOwners"
  }

  access {
    dataset {
      dataset {
        project_id = var.project_id
        dataset_id = google_bigquery_dataset.views.dataset_id
      }
      target_types = ["VIEWS"]
    }
  }

  dynamic "access" {
    for_each = local.store_roles
    content {
      role          = access.value
      user_by_email = local.emails[access.key]
    }
  }

  dynamic "access" {
    for_each = var.store_access
    content {
      role           = access.value.role
      user_by_email  = access.value.user_by_email
      group_by_email = access.value.group_by_email
    }
  }

  dynamic "default_encryption_configuration" {
    for_each = var.kms_key_name == null ? [] : [var.kms_key_name]
    content {
      kms_key_name = default_encryption_configuration.value
    }
  }

  lifecycle {
    prevent_destroy = true
  }

  depends_on = [google_project_service.api, google_kms_crypto_key_iam_member.agent]
}

resource "google_bigquery_table" "store" {
  for_each = local.tables

  project                  = var.project_id
  dataset_id               = google_bigquery_dataset.store.dataset_id
  table_id                 = each.key
  description              = each.value.description
  labels                   = local.labels
  schema                   = local.table_schemas[each.key]
  clustering               = length(each.value.cluster) == 0 ? null : each.value.cluster
  require_partition_filter = each.value.filtered ? true : null
  expiration_time          = null
  deletion_protection      = var.deletion_protection

  dynamic "time_partitioning" {
    for_each = each.value.partition == null ? [] : [each.value.partition]
    content {
      type          = time_partitioning.value.type
      field         = time_partitioning.value.field
      expiration_ms = null
    }
  }

  # Not only the dataset's default: a table without it would be made anew at every apply.
  dynamic "encryption_configuration" {
    for_each = var.kms_key_name == null ? [] : [var.kms_key_name]
    content {
      kms_key_name = encryption_configuration.value
    }
  }

  lifecycle {
    precondition {
      condition     = length(each.value.cluster) <= 4
      error_message = "${each.key} has more than 4 clustering columns, which BigQuery does not take."
    }
    precondition {
      condition     = length(setsubtract(each.value.cluster, each.value.columns[*].name)) == 0
      error_message = "${each.key} is clustered by a column that it has not."
    }
  }

  # Who reads a column must be let in before the column has a tag.
  depends_on = [google_data_catalog_policy_tag_iam_member.reader]
}
