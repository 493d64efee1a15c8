variable "project_id" {
  description = "Project in which everything is made."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project_id))
    error_message = "project_id: 6 to 30 lower-case letters, digits and hyphens, beginning with a letter."
  }
}

variable "project_number" {
  description = "Number of that project (gcloud projects describe PROJECT --format='value(projectNumber)'): Google's service agents are named by it."
  type        = string

  validation {
    condition     = can(regex("^[0-9]+$", var.project_number))
    error_message = "project_number: digits only; it is not the project's id."
  }
}

variable "region" {
  description = "Region of what runs, such as europe-west1. Cannot be changed without making that anew."
  type        = string

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "region: a region such as europe-west1, not a zone or a multi-region."
  }
}

variable "location" {
  description = "BigQuery location of the datasets, such as EU, US or europe-west1. Cannot be changed later."
  type        = string

  validation {
    condition     = can(regex("^(EU|US|[a-z]+-[a-z]+[0-9]+)$", var.location))
    error_message = "location: EU, US, or a region such as europe-west1."
  }
}

variable "name" {
  description = "Begins the name of everything but the datasets, and of the service accounts, which may have 30 characters."
  type        = string
  default     = "vitalsink"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.name))
    error_message = "name: 3 to 20 lower-case letters, digits and hyphens, beginning with a letter: the longest account's name is name-scheduler, of 30 characters at most."
  }
}

variable "labels" {
  description = "Labels of everything that can have some, beside app=vitalsink."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for k, v in var.labels : can(regex("^[a-z][a-z0-9_-]{0,62}$", k)) && can(regex("^[a-z0-9_-]{0,63}$", v))])
    error_message = "labels: keys and values of up to 63 lower-case letters, digits, _ and -; a key begins with a letter."
  }

  validation {
    condition     = !contains(keys(var.labels), "app") && !contains(keys(var.labels), "vitalsink_catalogue")
    error_message = "labels: app and vitalsink_catalogue are set by the module."
  }
}

variable "enable_apis" {
  description = "Enable the APIs that the module needs. They stay enabled when it is destroyed."
  type        = bool
  default     = true
}

variable "kms_key_name" {
  description = "Key that encrypts topics, tables, workloads and secrets, as projects/P/locations/L/keyRings/R/cryptoKeys/K; null for Google's own. Its location must suit location and region. Set it before the first apply: tables would be made anew."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_name == null || can(regex("^projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+$", var.kms_key_name))
    error_message = "kms_key_name: projects/P/locations/L/keyRings/R/cryptoKeys/K, without a version."
  }
}

variable "junction_publishers" {
  description = "Which of Junction's environments and regions may publish: sandbox-us, sandbox-eu, production-us, production-eu. Empty if events only come as webhooks."
  type        = set(string)

  validation {
    condition     = alltrue([for p in var.junction_publishers : contains(["sandbox-us", "sandbox-eu", "production-us", "production-eu"], p)])
    error_message = "junction_publishers: sandbox-us, sandbox-eu, production-us or production-eu."
  }
}

variable "topic_retention_days" {
  description = "For how many days the topic keeps all messages, so that a subscription can be sought back: 0 to 31."
  type        = number
  default     = 7

  validation {
    condition     = var.topic_retention_days >= 0 && var.topic_retention_days <= 31 && floor(var.topic_retention_days) == var.topic_retention_days
    error_message = "topic_retention_days: a whole number from 0 to 31."
  }
}

variable "subscription_retention_days" {
  description = "For how many days messages that nobody acknowledges are kept: 1 to 31."
  type        = number
  default     = 31

  validation {
    condition     = var.subscription_retention_days >= 1 && var.subscription_retention_days <= 31 && floor(var.subscription_retention_days) == var.subscription_retention_days
    error_message = "subscription_retention_days: a whole number from 1 to 31."
  }
}

variable "max_delivery_attempts" {
  description = "After how many deliveries a message is a dead letter: 5 to 100."
  type        = number
  default     = 100

  validation {
    condition     = var.max_delivery_attempts >= 5 && var.max_delivery_attempts <= 100 && floor(var.max_delivery_attempts) == var.max_delivery_attempts
    error_message = "max_delivery_attempts: a whole number from 5 to 100."
  }
}

variable "dataset_id" {
  description = "Dataset of the views, which people query. The tables are in the one of the same name with _store behind it."
  type        = string
  default     = "health"

  validation {
    condition     = can(regex("^[A-Za-z0-9_]+$", var.dataset_id)) && length(var.dataset_id) <= 1018
    error_message = "dataset_id: up to 1018 letters, digits and underscores."
  }
}

variable "viewers" {
  description = "Who may query the views, such as group:analysts@example.com. They need roles/bigquery.jobUser where their queries are paid for, too."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for m in var.viewers : can(regex("^(user|group|serviceAccount|domain):.+$", m))])
    error_message = "viewers: user:, group:, serviceAccount: or domain: and a name. Health data is for nobody else: allUsers and allAuthenticatedUsers are refused."
  }
}

variable "store_access" {
  description = "Who else may do what with the tables themselves (logs and quarantine hold original messages), such as the person who erases. Exactly one of user_by_email and group_by_email; role is READER, WRITER, OWNER, or a role's full name. The module's own accounts have theirs; whoever is not listed is removed."
  type = list(object({
    role           = string
    user_by_email  = optional(string)
    group_by_email = optional(string)
  }))
  default = []

  validation {
    condition     = alltrue([for a in var.store_access : (a.user_by_email == null) != (a.group_by_email == null)])
    error_message = "store_access: give exactly one of user_by_email and group_by_email."
  }

  validation {
    condition     = alltrue([for a in var.store_access : can(regex("^(READER|WRITER|OWNER|roles/[A-Za-z.]+|(projects|organizations)/[^/]+/roles/[A-Za-z0-9_.]+)$", a.role))])
    error_message = "store_access: role is READER, WRITER, OWNER, roles/NAME or projects/PROJECT/roles/NAME."
  }

  validation {
    condition     = length(setintersection(var.store_access[*].role, ["roles/bigquery.dataViewer", "roles/bigquery.dataEditor", "roles/bigquery.dataOwner"])) == 0
    error_message = "store_access: write READER for roles/bigquery.dataViewer, WRITER for dataEditor, OWNER for dataOwner: BigQuery makes them of these, and each plan would want to change them back."
  }
}

variable "deletion_protection" {
  description = "Refuse to destroy tables, views and workloads. The topic, its subscriptions and the datasets refuse in any case (prevent_destroy)."
  type        = bool
  default     = true
}

variable "require_partition_filter" {
  description = "Refuse queries on timeseries, and on its views, without a bound on timestamp: one without reads all years."
  type        = bool
  default     = true
}

variable "policy_tags" {
  description = "Policy tags of columns, in a table and its log: TABLE.COLUMN to projects/P/locations/L/taxonomies/T/policyTags/ID, in the location of the datasets. See Sensitive columns."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for t in values(var.policy_tags) : can(regex("^projects/[^/]+/locations/[a-z0-9-]+/taxonomies/[0-9]+/policyTags/[0-9]+$", t))])
    error_message = "policy_tags: a tag is projects/P/locations/L/taxonomies/T/policyTags/ID, with numbers for T and ID."
  }

  validation {
    condition     = length(setsubtract(keys(var.policy_tags), local.column_names)) == 0
    error_message = "policy_tags: the catalogue has no column ${join(", ", setsubtract(keys(var.policy_tags), local.column_names))}. Name columns TABLE.COLUMN, as in schemas/."
  }
}

variable "image" {
  description = "Image of vitalsink, by digest: REGISTRY/PATH@sha256:DIGEST. Its entry point is the program. Cloud Run's service agent must be able to pull it."
  type        = string

  validation {
    condition     = can(regex("^[^@[:space:]]+@sha256:[0-9a-f]{64}$", var.image))
    error_message = "image: name it by digest, REGISTRY/PATH@sha256:DIGEST: a tag may mean another program tomorrow."
  }
}

variable "role_suffix" {
  description = "Ends the id of the custom role. Change it if the role was deleted: its id stays blocked for weeks."
  type        = string
  default     = "1"

  validation {
    condition     = can(regex("^[A-Za-z0-9_.]{1,16}$", var.role_suffix))
    error_message = "role_suffix: 1 to 16 letters, digits, underscores and periods."
  }
}

variable "paused" {
  description = "Receive and fold nothing: no instance of run. Messages wait in the subscription, for subscription_retention_days at most."
  type        = bool
  default     = false
}

variable "run_cpu" {
  description = "CPUs of run: 1, 2, 4 or 8."
  type        = number
  default     = 1

  validation {
    condition     = contains([1, 2, 4, 8], var.run_cpu)
    error_message = "run_cpu: 1, 2, 4 or 8."
  }
}

variable "run_memory_mib" {
  description = "Memory of run, in MiB: 512 to 32768. It bounds what is in hand, and so the size of batches."
  type        = number
  default     = 2048

  validation {
    condition     = var.run_memory_mib >= 512 && var.run_memory_mib <= 32768 && floor(var.run_memory_mib) == var.run_memory_mib
    error_message = "run_memory_mib: a whole number from 512 to 32768."
  }
}

variable "max_bytes_billed" {
  description = "What one BigQuery job may be billed for, such as 200GiB or 1TiB."
  type        = string
  default     = "1TiB"

  validation {
    condition     = can(regex("^[1-9][0-9]*(GiB|TiB)$", var.max_bytes_billed))
    error_message = "max_bytes_billed: a whole number of GiB or TiB, such as 200GiB."
  }
}

variable "max_bytes_billed_per_day" {
  description = "What all jobs of run may be billed for in a day (UTC), such as 2TiB; beyond it folding waits for the next day. null for no limit."
  type        = string
  default     = null

  validation {
    condition     = var.max_bytes_billed_per_day == null || can(regex("^[1-9][0-9]*(GiB|TiB)$", var.max_bytes_billed_per_day))
    error_message = "max_bytes_billed_per_day: a whole number of GiB or TiB, such as 2TiB, or null."
  }
}

variable "run_environment" {
  description = "More flags of vitalsink run, as their environment variables, such as { VITALSINK_FOLD_INTERVAL = \"10m\" }."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for k in keys(var.run_environment) : can(regex("^VITALSINK_[A-Z_]+$", k))])
    error_message = "run_environment: names begin with VITALSINK_."
  }

  validation {
    condition = length(setintersection(keys(var.run_environment), [
      "VITALSINK_SOURCE", "VITALSINK_WAREHOUSE", "VITALSINK_MEMORY", "VITALSINK_MAX_BYTES_BILLED", "VITALSINK_MAX_BYTES_BILLED_PER_DAY"
    ])) == 0
    error_message = "run_environment: the source, the warehouse, the memory and the bytes billed have variables of their own."
  }

  validation {
    condition     = contains(["debug", "info"], try(var.run_environment.VITALSINK_LOG_LEVEL, "info"))
    error_message = "run_environment: VITALSINK_LOG_LEVEL is info or debug: alerts and dashboard read lines of level info."
  }
}

variable "enable_webhook" {
  description = "Take Svix-signed webhooks, too, at a public address. The secret must have a version before."
  type        = bool
  default     = false
}

variable "webhook_max_instances" {
  description = "Instances of the webhook, at most: 1 to 100."
  type        = number
  default     = 4

  validation {
    condition     = var.webhook_max_instances >= 1 && var.webhook_max_instances <= 100 && floor(var.webhook_max_instances) == var.webhook_max_instances
    error_message = "webhook_max_instances: a whole number from 1 to 100."
  }
}

variable "enable_backfill" {
  description = "Fetch on a schedule the history and streams that Junction announces. The secret of the API key must have a version before."
  type        = bool
  default     = false
}

variable "backfill_schedule" {
  description = "When, as a cron expression in UTC. A run ends after 55 minutes, and the next goes on: more often than hourly, two could run at once."
  type        = string
  default     = "5 * * * *"

  validation {
    condition     = can(regex("^[0-9]+ [^ ]+ [^ ]+ [^ ]+ [^ ]+$", var.backfill_schedule))
    error_message = "backfill_schedule: five fields of cron, the first of them one minute: at most hourly."
  }
}

variable "enable_reconcile" {
  description = "Compare the tables with Junction's API on a schedule. The secret of the API key must have a version before."
  type        = bool
  default     = false
}

variable "reconcile_schedule" {
  description = "When, as a cron expression in UTC, once a day: an alert tells when a day passes without. A run ends after 20 hours, and the next goes on."
  type        = string
  default     = "30 3 * * *"

  validation {
    condition     = can(regex("^[0-9]+ [0-9]+ [*] [*] [*]$", var.reconcile_schedule))
    error_message = "reconcile_schedule: MINUTE HOUR * * *, once a day."
  }
}

variable "reconcile_repair" {
  description = "Repair what reconcile finds missing, stale or twice; else it only reports."
  type        = bool
  default     = false
}

variable "enable_sweep" {
  description = "Remove on a schedule what has come of people who are erased: vitalsink erase --sweep."
  type        = bool
  default     = false
}

variable "sweep_schedule" {
  description = "When, as a cron expression in UTC, once a day. A run ends after 20 hours, and the next goes on."
  type        = string
  default     = "0 2 * * *"

  validation {
    condition     = can(regex("^[0-9]+ [0-9]+ [*] [*] [*]$", var.sweep_schedule))
    error_message = "sweep_schedule: MINUTE HOUR * * *, once a day."
  }
}

variable "notification_channels" {
  description = "Whom alerts tell, as names of google_monitoring_notification_channel. Without any, alerts are only seen in the console."
  type        = list(string)
  default     = []
}

variable "runbooks_url" {
  description = "Where the pages of docs/runbooks are, such as https://git.example.com/vitalsink/blob/main/docs/runbooks; alerts link them."
  type        = string
  default     = null

  validation {
    condition     = var.runbooks_url == null || can(regex("^https://.*[^/]$", var.runbooks_url))
    error_message = "runbooks_url: begins with https:// and does not end with /."
  }
}

variable "backlog_minutes" {
  description = "How old the oldest message that nobody has acknowledged may be, in minutes: 5 to 1440. run needs 1 to append, and at most 50 before it lets go."
  type        = number
  default     = 30

  validation {
    condition     = var.backlog_minutes >= 5 && var.backlog_minutes <= 1440
    error_message = "backlog_minutes: from 5 to 1440."
  }
}

variable "unmerged_minutes" {
  description = "How old the oldest batch may be that is appended and not merged, in minutes: 10 to 10080. With a fold every 5 minutes what touches old days waits for 50."
  type        = number
  default     = 120

  validation {
    condition     = var.unmerged_minutes >= 10 && var.unmerged_minutes <= 10080
    error_message = "unmerged_minutes: from 10 to 10080."
  }
}

variable "quarantine_per_hour" {
  description = "How many times an hour run may report messages that went to quarantine (it does for each batch)."
  type        = number
  default     = 10

  validation {
    condition     = var.quarantine_per_hour >= 0
    error_message = "quarantine_per_hour: 0 or more."
  }
}

variable "billed_gib_per_day" {
  description = "Alert when BigQuery bills more than this many GiB in 24 hours, for all queries of the project; null for no alert."
  type        = number
  default     = null

  validation {
    condition     = var.billed_gib_per_day == null || try(var.billed_gib_per_day > 0, false)
    error_message = "billed_gib_per_day: more than 0, or null."
  }
}
