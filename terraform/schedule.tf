# What starts the jobs: an account that may start these jobs and nothing else.
locals {
  schedules = merge(
    var.enable_backfill ? { backfill = var.backfill_schedule } : {},
    var.enable_reconcile ? { reconcile = var.reconcile_schedule } : {},
    var.enable_sweep ? { sweep = var.sweep_schedule } : {},
  )

  scheduled_jobs = {
    for k in keys(local.schedules) : k => one(concat(
      [for j in google_cloud_run_v2_job.backfill : j.name if k == "backfill"],
      [for j in google_cloud_run_v2_job.reconcile : j.name if k == "reconcile"],
      [for j in google_cloud_run_v2_job.sweep : j.name if k == "sweep"],
    ))
  }
}

resource "google_cloud_run_v2_job_iam_member" "scheduler" {
  for_each = local.schedules

  project  = var.project_id
  location = var.region
  name     = local.scheduled_jobs[each.key]
  role     = "roles/run.invoker"
  member   = "serviceAccount:${local.emails["scheduler"]}"
}

resource "google_cloud_scheduler_job" "job" {
  for_each = local.schedules

  project     = var.project_id
  region      = var.region
  name        = local.scheduled_jobs[each.key]
  description = "Starts vitalsink ${each.key}."
  schedule    = each.value
  time_zone   = "Etc/UTC"

  http_target {
    http_method = "POST"
    uri         = "https://run.googleapis.com/v2/projects/${var.project_id}/locations/${var.region}/jobs/${local.scheduled_jobs[each.key]}:run"

    # Not oidc_token: this is an API of Google's.
    oauth_token {
      service_account_email = local.emails["scheduler"]
      scope                 = "https://www.googleapis.com/auth/cloud-platform"
    }
  }

  depends_on = [google_cloud_run_v2_job_iam_member.scheduler]
}
