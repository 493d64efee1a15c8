# The same SQL, description and label as `vitalsink schema apply` gives them: either may make a view, and the other
# finds nothing to do.
locals {
  own_views = {
    for k, t in local.declared : k => {
      table       = k
      description = t.description
      columns     = [for c in local.columns[k] : c.name if !contains(try(t.hidden, []), c.name)]
      where       = t.kind == "versioned" ? ["NOT _deleted"] : []
    }
  }

  # One for each series: the columns of its shape, and those that it names.
  series_views = merge([
    for k, t in local.declared : {
      for r in try(t.resources, []) : r.name => {
        table       = k
        description = r.description
        columns = [
          for c in local.columns[k] : c.name
          if try(c.computed, "") != "resource" && (contains(try(c.shapes, [r.shape]), r.shape) || contains(try(r.columns, []), c.name))
        ]
        where = ["NOT _deleted", "resource = '${r.name}'"]
      }
    }
  ]...)

  views = merge(local.own_views, local.series_views)

  view_queries = {
    for k, v in local.views : k => join("\n", concat(
      ["SELECT ${join(", ", [for c in v.columns : "`${c}`"])}", "FROM `${var.project_id}.${var.dataset_id}_store.${v.table}`"],
      length(v.where) == 0 ? [] : ["WHERE ${join("\n  AND ", v.where)}"],
    ))
  }
}

resource "google_bigquery_table" "view" {
  for_each = local.views

  project             = var.project_id
  dataset_id          = google_bigquery_dataset.views.dataset_id
  table_id            = each.key
  description         = each.value.description
  labels              = merge(local.labels, { vitalsink_catalogue = tostring(local.common.catalogue_version) })
  deletion_protection = var.deletion_protection

  view {
    query          = local.view_queries[each.key]
    use_legacy_sql = false
  }

  # BigQuery refuses a view of a table that is not there, and checks whether it may read it.
  depends_on = [google_bigquery_table.store]
}
