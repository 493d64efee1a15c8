# Policy tags are on the columns, see bigquery.tf. Here is who reads them in any case: whoever of the module's accounts
# reads rows. The job schema does not, and to append needs no right to read.
locals {
  column_names = flatten([for k, all in local.columns : [for c in all : "${k}.${c.name}"]])

  tag_readers = merge([
    for tag in toset(values(var.policy_tags)) : {
      for k in keys(local.store_roles) : "${k} ${tag}" => { account = k, tag = tag } if k != "schema"
    }
  ]...)
}

resource "google_data_catalog_policy_tag_iam_member" "reader" {
  for_each = local.tag_readers

  policy_tag = each.value.tag
  role       = "roles/datacatalog.categoryFineGrainedReader"
  member     = "serviceAccount:${local.emails[each.value.account]}"
}
