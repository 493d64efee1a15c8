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
