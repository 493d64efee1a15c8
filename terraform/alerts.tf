# What a person has to know. Each alert has a page in docs/runbooks that says what it means, what to look at, and what to do.
locals {
  run_logs       = "resource.type=\"cloud_run_worker_pool\" AND resource.labels.worker_pool_name=\"${google_cloud_run_v2_worker_pool.run.name}\""
  reconcile_logs = "resource.type=\"cloud_run_job\" AND resource.labels.job_name=\"${var.name}-reconcile\""

  # Lines of the program's log; a Go test compares them with its source.
  log_metrics = merge(
    {
      fold-paused = { logs = local.run_logs, line = "folding pauses: what is appended is safe and stays pending, the tables fall behind" }
      fold-failed = { logs = local.run_logs, line = "a fold failed: what is appended is safe and stays pending, the tables fall behind" }
      quarantined = { logs = local.run_logs, line = "messages went to quarantine, in full or in part" }
      partitions  = { logs = local.run_logs, line = "a table nears the most partitions that BigQuery allows" }
    },
    var.enable_reconcile ? { drift = { logs = local.reconcile_logs, line = "drift remains: " } } : {},
  )

  # Numbers that run tells every minute.
  log_values = {
    lag       = { of = "lag_seconds", unit = "s", what = "Age of the oldest batch that is appended and not merged." }
    freshness = { of = "freshness_seconds", unit = "s", what = "Age of the newest batch that is merged." }
    billed    = { of = "billed_bytes", unit = "By", what = "Bytes that run's jobs of the day (UTC) were billed for." }
  }

  # threshold: above it for that many seconds somebody is told. What aligns makes one number of each period.
  threshold_alerts = merge(
    {
      backlog-too-old = {
        title    = "messages wait too long"
        severity = "ERROR"
        filter   = "resource.type=\"pubsub_subscription\" AND resource.labels.subscription_id=\"${google_pubsub_subscription.run.name}\" AND metric.type=\"pubsub.googleapis.com/subscription/oldest_unacked_message_age\""
        aligner  = "ALIGN_MAX"
        period   = 60
        above    = var.backlog_minutes * 60
        duration = 300
      }
      backlog-near-retention = {
        title    = "messages will be lost soon"
        severity = "CRITICAL"
        filter   = "resource.type=\"pubsub_subscription\" AND resource.labels.subscription_id=\"${google_pubsub_subscription.run.name}\" AND metric.type=\"pubsub.googleapis.com/subscription/oldest_unacked_message_age\""
        aligner  = "ALIGN_MAX"
        period   = 60
        above    = var.subscription_retention_days * 86400 / 2
        duration = 0
      }
      dead-letters = {
        title    = "there are dead letters"
        severity = "ERROR"
        filter   = "resource.type=\"pubsub_subscription\" AND resource.labels.subscription_id=\"${google_pubsub_subscription.dead_letters.name}\" AND metric.type=\"pubsub.googleapis.com/subscription/num_undelivered_messages\""
        aligner  = "ALIGN_MAX"
        period   = 60
        above    = 0
        duration = 0
      }
      fold-paused = {
        title    = "folding pauses: the day's bytes are used up"
        severity = "ERROR"
        filter   = "resource.type=\"cloud_run_worker_pool\" AND metric.type=\"logging.googleapis.com/user/${var.name}/fold-paused\""
        aligner  = "ALIGN_SUM"
        period   = 600
        above    = 0
        duration = 0
      }
      # A failure is logged when it begins, and while it lasts with every beat, at most every five minutes: three lines are
      # more than a passing one.
      fold-failing = {
        title    = "folds fail"
        severity = "ERROR"
        filter   = "resource.type=\"cloud_run_worker_pool\" AND metric.type=\"logging.googleapis.com/user/${var.name}/fold-failed\""
        aligner  = "ALIGN_SUM"
        period   = 3600
        above    = 2
        duration = 0
      }
      # The late lane is folded at every tenth beat, so that its batches wait for most of an hour.
      oldest-unmerged = {
        title    = "a batch is not merged"
        severity = "ERROR"
        filter   = "resource.type=\"cloud_run_worker_pool\" AND metric.type=\"logging.googleapis.com/user/${google_logging_metric.value["lag"].name}\""
        aligner  = "ALIGN_PERCENTILE_99"
        period   = 300
        above    = var.unmerged_minutes * 60
        duration = 0
      }
      # run counts every six hours.
      partitions-near-limit = {
        title    = "a table has 9,000 partitions, of 10,000"
        severity = "ERROR"
        filter   = "resource.type=\"cloud_run_worker_pool\" AND metric.type=\"logging.googleapis.com/user/${var.name}/partitions\""
        aligner  = "ALIGN_SUM"
        period   = 25200
        above    = 0
        duration = 0
      }
      quarantine-growing = {
        title    = "many messages go to quarantine"
        severity = "WARNING"
        filter   = "resource.type=\"cloud_run_worker_pool\" AND metric.type=\"logging.googleapis.com/user/${var.name}/quarantined\""
        aligner  = "ALIGN_SUM"
        period   = 3600
        above    = var.quarantine_per_hour
        duration = 0
      }
    },
    var.enable_reconcile ? {
      reconciliation-failed = {
        title    = "a reconciliation failed"
        severity = "WARNING"
        filter   = "${local.reconcile_logs} AND metric.type=\"run.googleapis.com/job/completed_execution_count\" AND metric.labels.result=\"failed\""
        aligner  = "ALIGN_SUM"
        period   = 300
        above    = 0
        duration = 0
      }
      drift-found = {
        title    = "tables and source differ"
        severity = "ERROR"
        filter   = "resource.type=\"cloud_run_job\" AND metric.type=\"logging.googleapis.com/user/${var.name}/drift\""
        aligner  = "ALIGN_SUM"
        period   = 300
        above    = 0
        duration = 0
      }
    } : {},
    var.enable_sweep ? {
      sweep-failed = {
        title    = "a sweep of erased people failed"
        severity = "ERROR"
        filter   = "resource.type=\"cloud_run_job\" AND resource.labels.job_name=\"${google_cloud_run_v2_job.sweep[0].name}\" AND metric.type=\"run.googleapis.com/job/completed_execution_count\" AND metric.labels.result=\"failed\""
        aligner  = "ALIGN_SUM"
        period   = 300
        above    = 0
        duration = 0
      }
    } : {},
    var.billed_gib_per_day == null ? {} : {
      bytes-billed = {
        title    = "BigQuery bills more than budgeted"
        severity = "WARNING"
        filter   = "resource.type=\"global\" AND metric.type=\"bigquery.googleapis.com/query/scanned_bytes_billed\""
        aligner  = "ALIGN_SUM"
        period   = 86400
        above    = coalesce(var.billed_gib_per_day, 0) * 1073741824
        duration = 0
      }
    },
  )

  # What a page says first, in the alert itself.
  runbook = {
    for k in concat(keys(local.threshold_alerts), var.enable_reconcile ? ["reconciliation-absent"] : []) : k =>
    "What it means, what to look at, what to do: ${coalesce(var.runbooks_url, "docs/runbooks")}/${k}.md"
  }
}

resource "google_logging_metric" "line" {
  for_each = local.log_metrics

  project     = var.project_id
  name        = "${var.name}/${each.key}"
  description = "Lines of vitalsink's log: ${each.value.line}"
  filter      = "${each.value.logs} AND jsonPayload.message:\"${each.value.line}\""

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "INT64"
  }

  depends_on = [google_project_service.api]
}

resource "google_logging_metric" "value" {
  for_each = local.log_values

  project         = var.project_id
  name            = "${var.name}/${each.key}"
  description     = each.value.what
  filter          = "${local.run_logs} AND jsonPayload.message:\"at work\""
  value_extractor = "EXTRACT(jsonPayload.${each.value.of})"

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "DISTRIBUTION"
    unit        = each.value.unit
  }

  # So that a percentile is exact to a tenth, from 1 s or 1 MiB on.
  bucket_options {
    exponential_buckets {
      num_finite_buckets = 190
      growth_factor      = 1.1
      scale              = each.value.unit == "By" ? 1048576 : 1
    }
  }

  depends_on = [google_project_service.api]
}

resource "google_monitoring_alert_policy" "threshold" {
  for_each = local.threshold_alerts

  project               = var.project_id
  display_name          = "${var.name}: ${each.value.title}"
  combiner              = "OR"
  severity              = each.value.severity
  notification_channels = var.notification_channels
  user_labels           = local.labels

  conditions {
    display_name = each.value.title

    condition_threshold {
      filter          = each.value.filter
      comparison      = "COMPARISON_GT"
      threshold_value = each.value.above
      duration        = "${each.value.duration}s"

      aggregations {
        alignment_period     = "${each.value.period}s"
        per_series_aligner   = each.value.aligner
        cross_series_reducer = each.value.aligner == "ALIGN_SUM" ? "REDUCE_SUM" : "REDUCE_MAX"
      }
    }
  }

  documentation {
    content   = local.runbook[each.key]
    mime_type = "text/markdown"

    dynamic "links" {
      for_each = var.runbooks_url == null ? [] : [1]
      content {
        display_name = "Runbook"
        url          = "${var.runbooks_url}/${each.key}.md"
      }
    }
  }

  # Monitoring refuses a policy about a metric that it has not heard of.
  depends_on = [google_logging_metric.line]
}

# A day and an hour without a run that ends or is at work. Not condition_absent: it reaches back 23.5 hours at most, and a
# daily run would be absent every day.
resource "google_monitoring_alert_policy" "absent" {
  count = var.enable_reconcile ? 1 : 0

  project               = var.project_id
  display_name          = "${var.name}: no reconciliation for a day"
  combiner              = "OR"
  severity              = "WARNING"
  notification_channels = var.notification_channels
  user_labels           = local.labels

  conditions {
    display_name = "no reconciliation for a day"

    condition_prometheus_query_language {
      query = "${join(" + ", [
        for metric, over in { completed_execution_count = "increase", running_executions = "max_over_time" } :
        "(sum(${over}(run_googleapis_com:job_${metric}{monitored_resource=\"cloud_run_job\",job_name=\"${google_cloud_run_v2_job.reconcile[0].name}\"}[25h])) or vector(0))"
      ])} < 0.5"
      duration            = "0s"
      evaluation_interval = "600s"
    }
  }

  documentation {
    content   = local.runbook["reconciliation-absent"]
    mime_type = "text/markdown"

    dynamic "links" {
      for_each = var.runbooks_url == null ? [] : [1]
      content {
        display_name = "Runbook"
        url          = "${var.runbooks_url}/reconciliation-absent.md"
      }
    }
  }
}
