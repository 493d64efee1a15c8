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
    condition     = google_cloud_run_v2_worker_pool.run.name == "vitalsink-run" && google_cloud_run_v2_worker_pool.run.location == "europe-west1"
    error_message = "run is a worker pool"
  }
  assert {
    condition     = google_cloud_run_v2_worker_pool.run.scaling[0].manual_instance_count == 1 && google_cloud_run_v2_worker_pool.run.scaling[0].scaling_mode == "MANUAL"
    error_message = "one instance: it folds"
  }
  assert {
    condition     = google_cloud_run_v2_worker_pool.run.launch_stage == "BETA"
    error_message = "where worker pools are a preview, it must be asked for"
  }
  assert {
    condition     = google_cloud_run_v2_worker_pool.run.template[0].containers[0].image == var.image && google_cloud_run_v2_worker_pool.run.template[0].containers[0].args == tolist(["run"])
    error_message = "the image by digest, and the command"
  }
  assert {
    condition = { for e in google_cloud_run_v2_worker_pool.run.template[0].containers[0].env : e.name => e.value } == {
      VITALSINK_SOURCE           = "pubsub://my-project/vitalsink-run"
      VITALSINK_WAREHOUSE        = "bigquery://my-project/health"
      VITALSINK_MEMORY           = "2048MiB"
      VITALSINK_MAX_BYTES_BILLED = "1TiB"
    }
    error_message = "what run is told"
  }
  assert {
    condition     = google_cloud_run_v2_worker_pool.run.template[0].containers[0].resources[0].limits == tomap({ cpu = "1", memory = "2048Mi" })
    error_message = "the container has what the program is told"
  }
  assert {
    condition     = google_cloud_run_v2_worker_pool.run.template[0].service_account == "vitalsink-run@my-project.iam.gserviceaccount.com" && google_service_account.account["run"].account_id == "vitalsink-run"
    error_message = "an account of its own"
  }
  assert {
    condition     = google_cloud_run_v2_worker_pool.run.labels.app == "vitalsink" && google_cloud_run_v2_worker_pool.run.deletion_protection
    error_message = "labels, protected"
  }
  assert {
    condition     = { for k, m in google_pubsub_subscription_iam_member.run : k => "${m.subscription} ${m.member}" } == { for r in ["roles/pubsub.subscriber", "roles/pubsub.viewer"] : r => "vitalsink-run serviceAccount:vitalsink-run@my-project.iam.gserviceaccount.com" }
    error_message = "run consumes the subscription and looks at it"
  }
  assert {
    condition     = keys(google_service_account.account) == ["run", "schema"] && output.accounts["run"] == "vitalsink-run@my-project.iam.gserviceaccount.com"
    error_message = "no account for what is off"
  }
  assert {
    condition     = google_project_iam_custom_role.writer.role_id == "vitalsink_writer_1" && google_project_iam_custom_role.writer.permissions == toset(["bigquery.datasets.get", "bigquery.tables.get", "bigquery.tables.getData", "bigquery.tables.updateData"])
    error_message = "the writer writes rows, and can neither create nor drop a table"
  }
  assert {
    condition     = output.writer_role == "projects/my-project/roles/vitalsink_writer_1"
    error_message = "the role can be given to a person"
  }
  assert {
    condition = toset([for a in google_bigquery_dataset.store.access : "${a.role} ${a.user_by_email}" if a.user_by_email != null && a.user_by_email != ""]) == toset([
      "projects/my-project/roles/vitalsink_writer_1 vitalsink-run@my-project.iam.gserviceaccount.com",
      "projects/my-project/roles/vitalsink_writer_1 vitalsink-schema@my-project.iam.gserviceaccount.com",
    ])
    error_message = "who writes in the store"
  }
  assert {
    condition     = { for k, m in google_project_iam_member.job_user : k => "${m.role} ${m.member}" } == { for k in ["run", "schema"] : k => "roles/bigquery.jobUser serviceAccount:vitalsink-${k}@my-project.iam.gserviceaccount.com" }
    error_message = "on the project nothing but jobs"
  }
  assert {
    condition     = length(google_pubsub_topic_iam_member.door) == 0 && length(google_secret_manager_secret_iam_member.reader) == 0
    error_message = "nobody publishes, nobody reads a secret"
  }
  assert {
    condition     = length(google_cloud_run_v2_service.webhook) == 0 && length(google_cloud_run_v2_service_iam_member.webhook) == 0 && length(google_cloud_run_v2_job.backfill) == 0 && length(google_cloud_run_v2_job.reconcile) == 0 && length(google_cloud_run_v2_job.sweep) == 0 && length(google_cloud_scheduler_job.job) == 0 && length(google_cloud_run_v2_job_iam_member.scheduler) == 0
    error_message = "what is optional is off"
  }
  assert {
    condition     = output.webhook_url == null
    error_message = "no address of a webhook that is not there"
  }
  assert {
    condition     = google_cloud_run_v2_job.schema.name == "vitalsink-schema" && output.schema_job == "vitalsink-schema" && google_cloud_run_v2_job.schema.template[0].template[0].containers[0].args == tolist(["schema", "apply"])
    error_message = "a job fills the fences"
  }
  assert {
    condition     = google_cloud_run_v2_job.schema.template[0].template[0].max_retries == 1 && google_cloud_run_v2_job.schema.template[0].template[0].timeout == "900s"
    error_message = "it ends in any case"
  }
  assert {
    condition     = { for e in google_cloud_run_v2_job.schema.template[0].template[0].containers[0].env : e.name => e.value } == { VITALSINK_WAREHOUSE = "bigquery://my-project/health" }
    error_message = "what schema apply is told"
  }
  assert {
    condition     = google_cloud_run_v2_job.schema.template[0].template[0].service_account == "vitalsink-schema@my-project.iam.gserviceaccount.com"
    error_message = "an account of its own"
  }
  assert {
    condition     = google_bigquery_dataset_iam_member.schema.role == "roles/bigquery.metadataViewer" && google_bigquery_dataset_iam_member.schema.dataset_id == "health" && google_bigquery_dataset_iam_member.schema.member == "serviceAccount:vitalsink-schema@my-project.iam.gserviceaccount.com"
    error_message = "it sees what views there are, not what they show"
  }
  assert {
    condition     = output.secrets == { webhook = "vitalsink-webhook-secret", junction = "vitalsink-junction-api-key" }
    error_message = "secrets can be filled before they are needed"
  }
  assert {
    condition     = alltrue([for s in google_secret_manager_secret.secret : s.labels.app == "vitalsink" && length(s.replication[0].auto) == 1 && length(s.replication[0].user_managed) == 0])
    error_message = "secrets have labels, and are replicated by Google"
  }
}

run "otherwise" {
  command = plan

  variables {
    paused                      = true
    run_cpu                     = 2
    run_memory_mib              = 4096
    max_bytes_billed            = "200GiB"
    max_bytes_billed_per_day    = "2TiB"
    role_suffix                 = "b"
    run_environment             = { VITALSINK_FOLD_INTERVAL = "10m" }
    enable_reconcile            = true
    enable_sweep                = true
    sweep_schedule              = "15 4 * * *"
    topic_retention_days        = 14
    subscription_retention_days = 3
  }

  assert {
    condition     = google_cloud_run_v2_worker_pool.run.scaling[0].manual_instance_count == 0
    error_message = "paused is no instance"
  }
  assert {
    condition = { for e in google_cloud_run_v2_worker_pool.run.template[0].containers[0].env : e.name => e.value } == {
      VITALSINK_SOURCE                   = "pubsub://my-project/vitalsink-run"
      VITALSINK_WAREHOUSE                = "bigquery://my-project/health"
      VITALSINK_MEMORY                   = "4096MiB"
      VITALSINK_MAX_BYTES_BILLED         = "200GiB"
      VITALSINK_MAX_BYTES_BILLED_PER_DAY = "2TiB"
      VITALSINK_FOLD_INTERVAL            = "10m"
    }
    error_message = "variables reach the program"
  }
  assert {
    condition     = google_cloud_run_v2_worker_pool.run.template[0].containers[0].resources[0].limits == tomap({ cpu = "2", memory = "4096Mi" }) && google_project_iam_custom_role.writer.role_id == "vitalsink_writer_b"
    error_message = "variables reach the container and the role"
  }
  assert {
    condition     = length([for e in google_cloud_run_v2_job.reconcile[0].template[0].template[0].containers[0].env : e if contains(["VITALSINK_REPAIR", "VITALSINK_TOPIC"], e.name)]) == 0 && length(google_pubsub_topic_iam_member.door) == 0
    error_message = "unless asked for, reconcile repairs nothing, and may not"
  }
  assert {
    condition = { for e in google_cloud_run_v2_job.sweep[0].template[0].template[0].containers[0].env : e.name => e.value } == {
      VITALSINK_WAREHOUSE        = "bigquery://my-project/health"
      VITALSINK_MAX_BYTES_BILLED = "200GiB"
      VITALSINK_PUBSUB_KEEPS     = "45d"
    } && output.pubsub_keeps == "45d" && google_cloud_scheduler_job.job["sweep"].schedule == "15 4 * * *"
    error_message = "the sweep knows for how long the topic, or else the subscription, and then the dead letters keep a message"
  }
}

run "everything" {
  command = plan

  variables {
    kms_key_name     = "projects/p/locations/europe-west1/keyRings/r/cryptoKeys/k"
    enable_webhook   = true
    enable_backfill  = true
    enable_reconcile = true
    reconcile_repair = true
    enable_sweep     = true
  }

  assert {
    condition     = google_cloud_run_v2_service.webhook[0].template[0].containers[0].args == tolist(["webhook"]) && google_cloud_run_v2_service.webhook[0].template[0].service_account == "vitalsink-webhook@my-project.iam.gserviceaccount.com"
    error_message = "the webhook is a service with an account of its own"
  }
  assert {
    condition = { for e in google_cloud_run_v2_service.webhook[0].template[0].containers[0].env : e.name => try(e.value_source[0].secret_key_ref[0].secret, e.value) } == {
      VITALSINK_TOPIC          = "pubsub://my-project/vitalsink-junction"
      VITALSINK_LISTEN         = "0.0.0.0:8080"
      VITALSINK_WEBHOOK_SECRET = "vitalsink-webhook-secret"
    }
    error_message = "what the webhook is told"
  }
  assert {
    condition     = google_cloud_run_v2_service.webhook[0].template[0].scaling[0].max_instance_count == 4 && google_cloud_run_v2_service.webhook[0].template[0].containers[0].startup_probe[0].http_get[0].path == "/healthz"
    error_message = "the webhook scales, and is probed"
  }
  assert {
    condition     = google_cloud_run_v2_service.webhook[0].ingress == "INGRESS_TRAFFIC_ALL" && google_cloud_run_v2_service.webhook[0].template[0].timeout == "15s" && google_cloud_run_v2_service.webhook[0].template[0].containers[0].ports[0].container_port == 8080
    error_message = "the webhook is reached from outside, on the port that it listens on"
  }
  assert {
    condition     = google_cloud_run_v2_job.backfill[0].template[0].template[0].timeout == "3300s" && alltrue([for j in [google_cloud_run_v2_job.reconcile[0], google_cloud_run_v2_job.sweep[0]] : j.template[0].template[0].timeout == "72000s"])
    error_message = "a job has ended when the next begins"
  }
  assert {
    condition     = google_cloud_run_v2_service_iam_member.webhook[0].member == "allUsers" && google_cloud_run_v2_service_iam_member.webhook[0].role == "roles/run.invoker" && google_cloud_run_v2_service_iam_member.webhook[0].name == "vitalsink-webhook"
    error_message = "Svix has no Google account"
  }
  assert {
    condition = { for e in google_cloud_run_v2_job.backfill[0].template[0].template[0].containers[0].env : e.name => try(e.value_source[0].secret_key_ref[0].secret, e.value) } == {
      VITALSINK_WAREHOUSE        = "bigquery://my-project/health"
      VITALSINK_TOPIC            = "pubsub://my-project/vitalsink-junction"
      VITALSINK_MAX_BYTES_BILLED = "1TiB"
      VITALSINK_JUNCTION_API_KEY = "vitalsink-junction-api-key"
    }
    error_message = "what backfill is told"
  }
  assert {
    condition = { for e in google_cloud_run_v2_job.reconcile[0].template[0].template[0].containers[0].env : e.name => try(e.value_source[0].secret_key_ref[0].secret, e.value) } == {
      VITALSINK_WAREHOUSE        = "bigquery://my-project/health"
      VITALSINK_TOPIC            = "pubsub://my-project/vitalsink-junction"
      VITALSINK_MAX_BYTES_BILLED = "1TiB"
      VITALSINK_RESUME           = "true"
      VITALSINK_REPAIR           = "true"
      VITALSINK_JUNCTION_API_KEY = "vitalsink-junction-api-key"
    }
    error_message = "what reconcile is told"
  }
  assert {
    condition = { for e in google_cloud_run_v2_job.sweep[0].template[0].template[0].containers[0].env : e.name => e.value } == {
      VITALSINK_WAREHOUSE        = "bigquery://my-project/health"
      VITALSINK_MAX_BYTES_BILLED = "1TiB"
      VITALSINK_PUBSUB_KEEPS     = "62d"
    }
    error_message = "what the sweep is told"
  }
  assert {
    condition     = alltrue([for k, j in { backfill = google_cloud_run_v2_job.backfill[0], reconcile = google_cloud_run_v2_job.reconcile[0], sweep = google_cloud_run_v2_job.sweep[0] } : j.name == "vitalsink-${k}" && j.template[0].template[0].service_account == "vitalsink-${k}@my-project.iam.gserviceaccount.com" && j.template[0].template[0].containers[0].args == tolist(k == "sweep" ? ["erase", "--sweep"] : [k]) && j.template[0].template[0].max_retries == 0])
    error_message = "each job has its command and an account of its own, and is not tried again: the next goes on"
  }
  assert {
    condition = { for k, j in google_cloud_scheduler_job.job : k => "${j.schedule} ${j.http_target[0].http_method} ${j.http_target[0].uri} ${j.http_target[0].oauth_token[0].service_account_email} ${length(j.http_target[0].oidc_token)}" } == {
      backfill  = "5 * * * * POST https://run.googleapis.com/v2/projects/my-project/locations/europe-west1/jobs/vitalsink-backfill:run vitalsink-scheduler@my-project.iam.gserviceaccount.com 0"
      reconcile = "30 3 * * * POST https://run.googleapis.com/v2/projects/my-project/locations/europe-west1/jobs/vitalsink-reconcile:run vitalsink-scheduler@my-project.iam.gserviceaccount.com 0"
      sweep     = "0 2 * * * POST https://run.googleapis.com/v2/projects/my-project/locations/europe-west1/jobs/vitalsink-sweep:run vitalsink-scheduler@my-project.iam.gserviceaccount.com 0"
    }
    error_message = "schedulers start the jobs, with an oauth token"
  }
  assert {
    condition     = { for k, m in google_cloud_run_v2_job_iam_member.scheduler : k => "${m.name} ${m.role} ${m.member}" } == { for k in ["backfill", "reconcile", "sweep"] : k => "vitalsink-${k} roles/run.invoker serviceAccount:vitalsink-scheduler@my-project.iam.gserviceaccount.com" }
    error_message = "the scheduler may start these jobs"
  }
  assert {
    condition     = { for k, m in google_pubsub_topic_iam_member.door : k => "${m.topic} ${m.role} ${m.member}" } == { for k in ["webhook", "backfill", "reconcile"] : k => "vitalsink-junction roles/pubsub.publisher serviceAccount:vitalsink-${k}@my-project.iam.gserviceaccount.com" }
    error_message = "doors publish"
  }
  assert {
    condition = { for k, m in google_secret_manager_secret_iam_member.reader : k => "${m.secret_id} ${m.role} ${m.member}" } == {
      webhook   = "vitalsink-webhook-secret roles/secretmanager.secretAccessor serviceAccount:vitalsink-webhook@my-project.iam.gserviceaccount.com"
      backfill  = "vitalsink-junction-api-key roles/secretmanager.secretAccessor serviceAccount:vitalsink-backfill@my-project.iam.gserviceaccount.com"
      reconcile = "vitalsink-junction-api-key roles/secretmanager.secretAccessor serviceAccount:vitalsink-reconcile@my-project.iam.gserviceaccount.com"
    }
    error_message = "each reads its secret"
  }
  assert {
    condition = toset([for a in google_bigquery_dataset.store.access : "${a.role} ${a.user_by_email}" if a.user_by_email != null && a.user_by_email != ""]) == toset([
      "projects/my-project/roles/vitalsink_writer_1 vitalsink-run@my-project.iam.gserviceaccount.com",
      "projects/my-project/roles/vitalsink_writer_1 vitalsink-schema@my-project.iam.gserviceaccount.com",
      "READER vitalsink-backfill@my-project.iam.gserviceaccount.com",
      "projects/my-project/roles/vitalsink_writer_1 vitalsink-reconcile@my-project.iam.gserviceaccount.com",
      "projects/my-project/roles/vitalsink_writer_1 vitalsink-sweep@my-project.iam.gserviceaccount.com",
    ])
    error_message = "backfill reads the store, reconcile and the sweep write it, the webhook sees nothing"
  }
  assert {
    condition     = keys(google_project_iam_member.job_user) == ["backfill", "reconcile", "run", "schema", "sweep"]
    error_message = "who asks BigQuery nothing runs no jobs"
  }
  assert {
    condition = alltrue([for key in [
      google_cloud_run_v2_worker_pool.run.template[0].encryption_key, google_cloud_run_v2_job.schema.template[0].template[0].encryption_key,
      google_cloud_run_v2_service.webhook[0].template[0].encryption_key, google_cloud_run_v2_job.backfill[0].template[0].template[0].encryption_key,
      google_cloud_run_v2_job.reconcile[0].template[0].template[0].encryption_key, google_cloud_run_v2_job.sweep[0].template[0].template[0].encryption_key,
      google_secret_manager_secret.secret["webhook"].replication[0].user_managed[0].replicas[0].customer_managed_encryption[0].kms_key_name,
    ] : key == "projects/p/locations/europe-west1/keyRings/r/cryptoKeys/k"])
    error_message = "workloads and secrets are encrypted with the key"
  }
  assert {
    condition = alltrue([for r in [
      google_cloud_run_v2_job.schema, google_cloud_run_v2_service.webhook[0], google_cloud_run_v2_job.backfill[0], google_cloud_run_v2_job.reconcile[0],
      google_cloud_run_v2_job.sweep[0],
    ] : r.labels.app == "vitalsink" && r.deletion_protection])
    error_message = "workloads have labels and are protected"
  }
  assert {
    condition = alltrue([for c in concat(google_cloud_run_v2_service.webhook[0].template[0].containers, flatten([
      for j in [google_cloud_run_v2_job.schema, google_cloud_run_v2_job.backfill[0], google_cloud_run_v2_job.reconcile[0], google_cloud_run_v2_job.sweep[0]] : j.template[0].template[0].containers
    ])) : c.image == var.image])
    error_message = "every container runs the image by its digest"
  }
  assert {
    condition = { for j in [google_cloud_run_v2_job.schema, google_cloud_run_v2_job.backfill[0], google_cloud_run_v2_job.reconcile[0], google_cloud_run_v2_job.sweep[0]] : j.name => "${j.location} ${jsonencode(j.template[0].template[0].containers[0].resources[0].limits)}" } == {
      vitalsink-schema    = "europe-west1 {\"cpu\":\"1\",\"memory\":\"512Mi\"}"
      vitalsink-backfill  = "europe-west1 {\"cpu\":\"1\",\"memory\":\"1024Mi\"}"
      vitalsink-reconcile = "europe-west1 {\"cpu\":\"1\",\"memory\":\"1024Mi\"}"
      vitalsink-sweep     = "europe-west1 {\"cpu\":\"1\",\"memory\":\"1024Mi\"}"
    }
    error_message = "jobs have a place, and memory by which the program sizes itself"
  }
  assert {
    condition     = google_cloud_run_v2_service.webhook[0].location == "europe-west1" && google_cloud_run_v2_service.webhook[0].template[0].containers[0].resources[0].limits == tomap({ cpu = "1", memory = "512Mi" }) && google_cloud_run_v2_service.webhook[0].template[0].scaling[0].min_instance_count == 0 && google_cloud_run_v2_service.webhook[0].template[0].containers[0].startup_probe[0].http_get[0].port == 8080
    error_message = "the webhook has a place and memory, costs nothing while nobody calls, and is probed where it listens"
  }
  assert {
    condition = toset(flatten([for c in concat(google_cloud_run_v2_service.webhook[0].template[0].containers, google_cloud_run_v2_job.backfill[0].template[0].template[0].containers, google_cloud_run_v2_job.reconcile[0].template[0].template[0].containers) : [
      for e in c.env : e.value_source[0].secret_key_ref[0].version if length(e.value_source) > 0
    ]])) == toset(["latest"])
    error_message = "a new version of a secret is taken without an apply"
  }
  assert {
    condition     = alltrue([for j in google_cloud_scheduler_job.job : j.region == "europe-west1" && j.time_zone == "Etc/UTC" && j.http_target[0].oauth_token[0].scope == "https://www.googleapis.com/auth/cloud-platform"]) && alltrue([for m in google_cloud_run_v2_job_iam_member.scheduler : m.location == "europe-west1"])
    error_message = "schedules are in UTC, beside the jobs"
  }
  assert {
    condition     = google_secret_manager_secret.secret["webhook"].replication[0].user_managed[0].replicas[0].location == "europe-west1" && length(google_secret_manager_secret.secret["webhook"].replication[0].auto) == 0
    error_message = "with a key, secrets are where the key is"
  }
}
