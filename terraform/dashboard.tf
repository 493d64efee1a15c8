# How fresh, how late, how much, how dear: what Google's own metrics and the log tell. Batches, merges and their bytes are in
# the views batches and merges.
locals {
  charts = [
    { title = "Freshness: age of the newest batch that is merged (s)", filter = "resource.type=\"cloud_run_worker_pool\" AND metric.type=\"logging.googleapis.com/user/${google_logging_metric.value["freshness"].name}\"", aligner = "ALIGN_PERCENTILE_50", reducer = "REDUCE_MAX" },
    { title = "Lag: age of the oldest batch that is not merged (s)", filter = local.threshold_alerts["oldest-unmerged"].filter, aligner = "ALIGN_PERCENTILE_99", reducer = "REDUCE_MAX" },
    { title = "Backlog: age of the oldest message (s)", filter = local.threshold_alerts["backlog-too-old"].filter, aligner = "ALIGN_MAX", reducer = "REDUCE_MAX" },
    { title = "Backlog: messages", filter = "resource.type=\"pubsub_subscription\" AND resource.labels.subscription_id=\"${google_pubsub_subscription.run.name}\" AND metric.type=\"pubsub.googleapis.com/subscription/num_undelivered_messages\"", aligner = "ALIGN_MAX", reducer = "REDUCE_MAX" },
    { title = "Throughput: messages published a second", filter = "resource.type=\"pubsub_topic\" AND resource.labels.topic_id=\"${google_pubsub_topic.junction.name}\" AND metric.type=\"pubsub.googleapis.com/topic/send_message_operation_count\"", aligner = "ALIGN_RATE", reducer = "REDUCE_SUM" },
    { title = "Throughput: messages acknowledged a second", filter = "resource.type=\"pubsub_subscription\" AND resource.labels.subscription_id=\"${google_pubsub_subscription.run.name}\" AND metric.type=\"pubsub.googleapis.com/subscription/ack_message_count\"", aligner = "ALIGN_RATE", reducer = "REDUCE_SUM" },
    { title = "Folds that failed (lines of the log)", filter = local.threshold_alerts["fold-failing"].filter, aligner = "ALIGN_SUM", reducer = "REDUCE_SUM" },
    { title = "Folds that paused (lines of the log)", filter = local.threshold_alerts["fold-paused"].filter, aligner = "ALIGN_SUM", reducer = "REDUCE_SUM" },
    { title = "Cost of folding: bytes billed today (UTC)", filter = "resource.type=\"cloud_run_worker_pool\" AND metric.type=\"logging.googleapis.com/user/${google_logging_metric.value["billed"].name}\"", aligner = "ALIGN_PERCENTILE_99", reducer = "REDUCE_MAX" },
    { title = "Cost: bytes billed by BigQuery, whole project", filter = "resource.type=\"global\" AND metric.type=\"bigquery.googleapis.com/query/scanned_bytes_billed\"", aligner = "ALIGN_SUM", reducer = "REDUCE_SUM" },
    { title = "Quarantine (lines of the log)", filter = local.threshold_alerts["quarantine-growing"].filter, aligner = "ALIGN_SUM", reducer = "REDUCE_SUM" },
    { title = "Dead letters", filter = local.threshold_alerts["dead-letters"].filter, aligner = "ALIGN_MAX", reducer = "REDUCE_MAX" },
  ]
}

resource "google_monitoring_dashboard" "vitalsink" {
  project = var.project_id

  dashboard_json = jsonencode({
    displayName = var.name
    mosaicLayout = {
      columns = 12
      tiles = [
        for i, c in local.charts : {
          xPos   = i % 2 * 6
          yPos   = floor(i / 2) * 4
          width  = 6
          height = 4
          widget = {
            title = c.title
            xyChart = {
              dataSets = [{
                plotType = "LINE"
                timeSeriesQuery = {
                  timeSeriesFilter = {
                    filter      = c.filter
                    aggregation = { alignmentPeriod = "300s", perSeriesAligner = c.aligner, crossSeriesReducer = c.reducer }
                  }
                }
              }]
            }
          }
        }
      ]
    }
  })

  depends_on = [google_logging_metric.line]
}
