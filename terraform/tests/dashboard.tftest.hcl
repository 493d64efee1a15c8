mock_provider "google" {}

variables {
  project_id          = "my-project"
  project_number      = "123456789012"
  region              = "europe-west1"
  location            = "EU"
  junction_publishers = ["production-eu"]
  image               = "europe-docker.pkg.dev/p/r/vitalsink@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
}

run "default" {
  command = plan

  assert {
    condition = length(setsubtract([
      "pubsub.googleapis.com/subscription/oldest_unacked_message_age vitalsink-run",
      "pubsub.googleapis.com/subscription/num_undelivered_messages vitalsink-run",
      "pubsub.googleapis.com/topic/send_message_operation_count vitalsink-junction",
      "pubsub.googleapis.com/subscription/ack_message_count vitalsink-run",
      "logging.googleapis.com/user/vitalsink/fold-failed",
      "logging.googleapis.com/user/vitalsink/fold-paused",
      "bigquery.googleapis.com/query/scanned_bytes_billed",
      "logging.googleapis.com/user/vitalsink/quarantined",
      "pubsub.googleapis.com/subscription/num_undelivered_messages vitalsink-dead-letters",
      ], [
      for t in jsondecode(google_monitoring_dashboard.vitalsink.dashboard_json).mosaicLayout.tiles : join(" ", flatten([
        for pattern in ["metric.type=\"([^\"]+)\"", "(?:subscription|topic)_id=\"([^\"]+)\""] :
        regexall(pattern, t.widget.xyChart.dataSets[0].timeSeriesQuery.timeSeriesFilter.filter)
      ]))
    ])) == 0
    error_message = "freshness, lag, throughput, fold cost and quarantine are shown"
  }
  assert {
    condition = alltrue([
      for t in jsondecode(google_monitoring_dashboard.vitalsink.dashboard_json).mosaicLayout.tiles : alltrue([
        for a in [t.widget.xyChart.dataSets[0].timeSeriesQuery.timeSeriesFilter.aggregation] :
        a.alignmentPeriod == "300s" && startswith(a.perSeriesAligner, "ALIGN_") && startswith(a.crossSeriesReducer, "REDUCE_")
      ]) && t.widget.xyChart.dataSets[0].plotType == "LINE" && t.widget.title != ""
    ])
    error_message = "each chart has a title, and one line"
  }
  assert {
    condition = length(distinct([
      for t in jsondecode(google_monitoring_dashboard.vitalsink.dashboard_json).mosaicLayout.tiles : "${t.xPos} ${t.yPos}" if t.xPos % 6 == 0 && t.yPos % 4 == 0 && t.width == 6 && t.height == 4
    ])) == length(jsondecode(google_monitoring_dashboard.vitalsink.dashboard_json).mosaicLayout.tiles) && jsondecode(google_monitoring_dashboard.vitalsink.dashboard_json).mosaicLayout.columns == 12
    error_message = "no chart hides another"
  }
}
