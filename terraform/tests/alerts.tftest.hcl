mock_provider "google" {}

variables {
  project_id          = "my-project"
  project_number      = "123456789012"
  region              = "europe-west1"
  location            = "EU"
  junction_publishers = ["production-eu"]
  image               = "europe-docker.pkg.dev/p/r/vitalsink@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
}

run "least" {
  command = plan

  assert {
    condition     = keys(google_monitoring_alert_policy.threshold) == ["backlog-near-retention", "backlog-too-old", "dead-letters", "fold-failing", "fold-paused", "oldest-unmerged", "partitions-near-limit", "quarantine-growing"] && length(google_monitoring_alert_policy.absent) == 0
    error_message = "alerts for what is on"
  }
  assert {
    condition     = keys(google_logging_metric.line) == ["fold-failed", "fold-paused", "partitions", "quarantined"]
    error_message = "lines of the log that are counted"
  }
  assert {
    condition     = google_logging_metric.line["fold-paused"].filter == "resource.type=\"cloud_run_worker_pool\" AND resource.labels.worker_pool_name=\"vitalsink-run\" AND jsonPayload.message:\"folding pauses: what is appended is safe and stays pending, the tables fall behind\""
    error_message = "a line is looked for in run's log"
  }
  assert {
    condition = { for k, p in google_monitoring_alert_policy.threshold : k => "${p.conditions[0].condition_threshold[0].comparison} ${p.conditions[0].condition_threshold[0].threshold_value}" } == {
      backlog-near-retention = "COMPARISON_GT 1339200"
      backlog-too-old        = "COMPARISON_GT 1800"
      dead-letters           = "COMPARISON_GT 0"
      fold-failing           = "COMPARISON_GT 2"
      fold-paused            = "COMPARISON_GT 0"
      oldest-unmerged        = "COMPARISON_GT 7200"
      partitions-near-limit  = "COMPARISON_GT 0"
      quarantine-growing     = "COMPARISON_GT 10"
    }
    error_message = "thresholds"
  }
  assert {
    condition = { for k, p in google_monitoring_alert_policy.threshold : k => one(regex("metric.type=\"([^\"]+)\"", p.conditions[0].condition_threshold[0].filter)) } == {
      backlog-near-retention = "pubsub.googleapis.com/subscription/oldest_unacked_message_age"
      backlog-too-old        = "pubsub.googleapis.com/subscription/oldest_unacked_message_age"
      dead-letters           = "pubsub.googleapis.com/subscription/num_undelivered_messages"
      fold-failing           = "logging.googleapis.com/user/vitalsink/fold-failed"
      fold-paused            = "logging.googleapis.com/user/vitalsink/fold-paused"
      oldest-unmerged        = "logging.googleapis.com/user/vitalsink/lag"
      partitions-near-limit  = "logging.googleapis.com/user/vitalsink/partitions"
      quarantine-growing     = "logging.googleapis.com/user/vitalsink/quarantined"
    }
    error_message = "metrics"
  }
  assert {
    condition = { for k in ["backlog-near-retention", "backlog-too-old", "dead-letters"] : k => one(regex("subscription_id=\"([^\"]+)\"", google_monitoring_alert_policy.threshold[k].conditions[0].condition_threshold[0].filter)) } == {
      backlog-near-retention = "vitalsink-run"
      backlog-too-old        = "vitalsink-run"
      dead-letters           = "vitalsink-dead-letters"
    }
    error_message = "whose backlog"
  }
  assert {
    condition     = alltrue([for p in google_monitoring_alert_policy.threshold : contains(["WARNING", "ERROR", "CRITICAL"], p.severity)]) && google_monitoring_alert_policy.threshold["backlog-near-retention"].severity == "CRITICAL"
    error_message = "what is about to lose data is critical"
  }
  # A line that is counted must be one that an alert asks for, and the other way round.
  assert {
    condition = toset(flatten([for p in google_monitoring_alert_policy.threshold : regexall("logging.googleapis.com/user/([a-z/-]+)", p.conditions[0].condition_threshold[0].filter)])) == toset(concat(
      values(google_logging_metric.line)[*].name, [google_logging_metric.value["lag"].name],
    ))
    error_message = "alerts are about the lines that are counted"
  }
  assert {
    condition = { for k, m in google_logging_metric.value : k => "${m.value_extractor} ${m.metric_descriptor[0].value_type} ${m.metric_descriptor[0].unit}" } == {
      billed    = "EXTRACT(jsonPayload.billed_bytes) DISTRIBUTION By"
      freshness = "EXTRACT(jsonPayload.freshness_seconds) DISTRIBUTION s"
      lag       = "EXTRACT(jsonPayload.lag_seconds) DISTRIBUTION s"
    } && alltrue([for m in google_logging_metric.value : m.filter == "resource.type=\"cloud_run_worker_pool\" AND resource.labels.worker_pool_name=\"vitalsink-run\" AND jsonPayload.message:\"at work\""])
    error_message = "numbers that run tells"
  }
  assert {
    condition     = alltrue([for m in google_logging_metric.value : m.bucket_options[0].exponential_buckets[0].growth_factor == 1.1]) && google_monitoring_alert_policy.threshold["oldest-unmerged"].conditions[0].condition_threshold[0].aggregations[0].per_series_aligner == "ALIGN_PERCENTILE_99"
    error_message = "an age is known to a tenth"
  }
  assert {
    condition     = google_monitoring_alert_policy.threshold["partitions-near-limit"].conditions[0].condition_threshold[0].aggregations[0].alignment_period == "25200s"
    error_message = "partitions are counted every six hours, so that the alert lasts until they are fewer"
  }
  assert {
    condition     = alltrue([for k, p in google_monitoring_alert_policy.threshold : p.documentation[0].content == "What it means, what to look at, what to do: docs/runbooks/${k}.md" && length(p.documentation[0].links) == 0 && p.user_labels.app == "vitalsink"])
    error_message = "each alert names its page"
  }
  assert {
    condition     = alltrue([for k in keys(google_monitoring_alert_policy.threshold) : fileexists("../docs/runbooks/${k}.md")])
    error_message = "each page is there"
  }
  assert {
    condition     = length(jsondecode(google_monitoring_dashboard.vitalsink.dashboard_json).mosaicLayout.tiles) == 12 && jsondecode(google_monitoring_dashboard.vitalsink.dashboard_json).displayName == "vitalsink"
    error_message = "a dashboard of twelve charts"
  }
  assert {
    condition     = alltrue([for t in jsondecode(google_monitoring_dashboard.vitalsink.dashboard_json).mosaicLayout.tiles : strcontains(t.widget.xyChart.dataSets[0].timeSeriesQuery.timeSeriesFilter.filter, "metric.type=")])
    error_message = "each chart shows a metric"
  }
}

run "all" {
  command = plan

  variables {
    name                  = "health"
    enable_reconcile      = true
    enable_sweep          = true
    billed_gib_per_day    = 2
    backlog_minutes       = 10
    quarantine_per_hour   = 0
    unmerged_minutes      = 30
    runbooks_url          = "https://example.com/runbooks"
    notification_channels = ["projects/my-project/notificationChannels/1"]
  }

  assert {
    condition     = keys(google_monitoring_alert_policy.threshold) == ["backlog-near-retention", "backlog-too-old", "bytes-billed", "dead-letters", "drift-found", "fold-failing", "fold-paused", "oldest-unmerged", "partitions-near-limit", "quarantine-growing", "reconciliation-failed", "sweep-failed"]
    error_message = "alerts for all of it"
  }
  assert {
    condition     = google_logging_metric.line["drift"].name == "health/drift" && google_logging_metric.line["drift"].filter == "resource.type=\"cloud_run_job\" AND resource.labels.job_name=\"health-reconcile\" AND jsonPayload.message:\"drift remains: \""
    error_message = "drift is looked for in reconcile's log"
  }
  assert {
    condition = { for k in ["bytes-billed", "drift-found", "reconciliation-failed"] : k => one(regex("metric.type=\"([^\"]+)\"", google_monitoring_alert_policy.threshold[k].conditions[0].condition_threshold[0].filter)) } == {
      bytes-billed          = "bigquery.googleapis.com/query/scanned_bytes_billed"
      drift-found           = "logging.googleapis.com/user/health/drift"
      reconciliation-failed = "run.googleapis.com/job/completed_execution_count"
    } && strcontains(google_monitoring_alert_policy.threshold["reconciliation-failed"].conditions[0].condition_threshold[0].filter, "metric.labels.result=\"failed\"")
    error_message = "metrics"
  }
  assert {
    condition     = google_monitoring_alert_policy.threshold["bytes-billed"].conditions[0].condition_threshold[0].threshold_value == 2147483648 && google_monitoring_alert_policy.threshold["backlog-too-old"].conditions[0].condition_threshold[0].threshold_value == 600 && google_monitoring_alert_policy.threshold["oldest-unmerged"].conditions[0].condition_threshold[0].threshold_value == 1800 && google_monitoring_alert_policy.threshold["quarantine-growing"].conditions[0].condition_threshold[0].threshold_value == 0
    error_message = "thresholds are what is asked for"
  }
  assert {
    condition     = google_monitoring_alert_policy.threshold["sweep-failed"].conditions[0].condition_threshold[0].filter == "resource.type=\"cloud_run_job\" AND resource.labels.job_name=\"health-sweep\" AND metric.type=\"run.googleapis.com/job/completed_execution_count\" AND metric.labels.result=\"failed\""
    error_message = "a sweep that fails"
  }
  assert {
    condition     = google_monitoring_alert_policy.absent[0].conditions[0].condition_prometheus_query_language[0].query == "(sum(increase(run_googleapis_com:job_completed_execution_count{monitored_resource=\"cloud_run_job\",job_name=\"health-reconcile\"}[25h])) or vector(0)) + (sum(max_over_time(run_googleapis_com:job_running_executions{monitored_resource=\"cloud_run_job\",job_name=\"health-reconcile\"}[25h])) or vector(0)) < 0.5"
    error_message = "a day without a run"
  }
  assert {
    condition     = alltrue([for k, p in merge(google_monitoring_alert_policy.threshold, { reconciliation-absent = google_monitoring_alert_policy.absent[0] }) : p.documentation[0].links[0].url == "https://example.com/runbooks/${k}.md" && p.notification_channels == tolist(["projects/my-project/notificationChannels/1"])])
    error_message = "each alert links its page, and tells somebody"
  }
  assert {
    condition     = alltrue([for k in concat(keys(google_monitoring_alert_policy.threshold), ["reconciliation-absent"]) : fileexists("../docs/runbooks/${k}.md")])
    error_message = "each page is there"
  }
}
