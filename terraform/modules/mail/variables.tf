# Written by `make inputs` from inputs/variables.tf: change that file.

# A type would drop every key that it does not know before anything could look at it. So objects come as they are,
# and their keys are held against those of the types in inputs/variables.tf.
locals {
  known_keys = {
    "sender"                                 = ["identity", "from_address", "from_name", "create_identity"]
    "templates.*"                            = ["subject", "html", "text"]
    "consumer"                               = ["alias_arn", "timeout_seconds", "batch_size", "maximum_concurrency"]
    "queue_policy_statements.*"              = ["effect", "actions", "principals", "conditions", "queues"]
    "queue_policy_statements.*.conditions.*" = ["test", "variable", "values"]
  }
}

variable "project_name" {
  description = "First part of every name."
  type        = string
  default     = "bbws-access"
  nullable    = false
}

variable "env_name" {
  description = "Second part of every name: dev, sit or prod, or a short name of your own."
  type        = string
  nullable    = false
}

variable "region" {
  description = "AWS region of queue and identity; null for the provider's."
  type        = string
  default     = null
}

variable "account_id" {
  description = "AWS account that everything belongs to; null for the provider's."
  type        = string
  default     = null
}

variable "check_account" {
  description = "Asks AWS whether account_id is the account that the provider works in. False where the provider itself refuses any other (allowed_account_ids), or has no credentials while planning."
  type        = bool
  default     = true
  nullable    = false
}

variable "tags" {
  description = "Tags of everything that can carry them, beside the provider's default tags."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "sender" {
  description = "Who the mails come from: the SES identity (a domain, or one address), the address that they are sent as, and the name shown beside it. create_identity is false where the account has the identity already. null while there is none: mails wait in the queue for nobody to send them."
  type        = any
  default     = null

  validation {
    condition = length(flatten([
      try([for key in keys(var.sender) :
        "sender.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["sender"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["sender"], ["none"]))})"
      if !contains(local.known_keys["sender"], key)], [])
    ])) == 0
    error_message = "sender holds keys that mean nothing here: ${join("; ", flatten([
      try([for key in keys(var.sender) :
        "sender.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["sender"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["sender"], ["none"]))})"
      if !contains(local.known_keys["sender"], key)], [])
    ]))}."
  }
}

variable "templates" {
  description = "Mails by name: subject, and the body as HTML and as text, with SES's {{placeholders}}. SES does not escape what it fills in."
  type        = any
  default     = {}
  nullable    = false

  validation {
    condition = length(flatten(try([for key_0, value_0 in var.templates : [
      try([for key in keys(value_0) :
        "templates.${key_0}.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["templates.*"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["templates.*"], ["none"]))})"
      if !contains(local.known_keys["templates.*"], key)], [])
    ]], []))) == 0
    error_message = "templates holds keys that mean nothing here: ${join("; ", flatten(try([for key_0, value_0 in var.templates : [
      try([for key in keys(value_0) :
        "templates.${key_0}.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["templates.*"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["templates.*"], ["none"]))})"
      if !contains(local.known_keys["templates.*"], key)], [])
    ]], [])))}."
  }
}

variable "event_types" {
  description = "What SES tells EventBridge's default bus about a mail: BOUNCE, COMPLAINT, DELIVERY, DELIVERY_DELAY, REJECT, RENDERING_FAILURE or SEND. OPEN and CLICK would rewrite links and are not taken."
  type        = set(string)
  default     = ["BOUNCE", "COMPLAINT", "REJECT", "RENDERING_FAILURE"]
  nullable    = false
}

variable "consumer" {
  description = "The function that sends the queued mails: its alias's ARN, its timeout, the messages it is given at once, and how many instances may do so at the same time (2 to 1,000). null for none."
  type        = any
  default     = null

  validation {
    condition = length(flatten([
      try([for key in keys(var.consumer) :
        "consumer.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["consumer"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["consumer"], ["none"]))})"
      if !contains(local.known_keys["consumer"], key)], [])
    ])) == 0
    error_message = "consumer holds keys that mean nothing here: ${join("; ", flatten([
      try([for key in keys(var.consumer) :
        "consumer.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["consumer"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["consumer"], ["none"]))})"
      if !contains(local.known_keys["consumer"], key)], [])
    ]))}."
  }
}

variable "consumer_after" {
  description = "What must exist before the consumer is given messages: outputs of its function and role. With consumer.alias_arn built from names, the queue, which takes half a minute, is made meanwhile."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "maximum_receive_count" {
  description = "Times that a mail is tried before it becomes a dead letter; between two of them lies the visibility timeout, six times the consumer's."
  type        = number
  default     = 20
  nullable    = false
}

variable "retention_days" {
  description = "Days that dead letters are kept; queued mails are kept half as long, within which all tries must be over."
  type        = number
  default     = 14
  nullable    = false
}

variable "kms_key_arn" {
  description = "Key that encrypts the queue and its dead letters; null for SQS's own encryption."
  type        = string
  default     = null
}

variable "queue_policy_statements" {
  description = "Further statements of the queues' policies, each for those that queues names (mail, dead_letters), by their sid: effect (Allow unless it says Deny), actions, principals (lists by AWS and Service), and conditions (test, variable and values). The resource is that queue, and the module's own statements stay."
  type        = any
  default     = {}
  nullable    = false

  validation {
    condition = length(flatten(try([for key_0, value_0 in var.queue_policy_statements : [
      try([for key in keys(value_0) :
        "queue_policy_statements.${key_0}.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["queue_policy_statements.*"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["queue_policy_statements.*"], ["none"]))})"
      if !contains(local.known_keys["queue_policy_statements.*"], key)], []),
      try([for key_1, value_1 in value_0.conditions : [
        try([for key in keys(value_1) :
          "queue_policy_statements.${key_0}.conditions.${key_1}.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["queue_policy_statements.*.conditions.*"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["queue_policy_statements.*.conditions.*"], ["none"]))})"
        if !contains(local.known_keys["queue_policy_statements.*.conditions.*"], key)], [])
      ]], [])
    ]], []))) == 0
    error_message = "queue_policy_statements holds keys that mean nothing here: ${join("; ", flatten(try([for key_0, value_0 in var.queue_policy_statements : [
      try([for key in keys(value_0) :
        "queue_policy_statements.${key_0}.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["queue_policy_statements.*"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["queue_policy_statements.*"], ["none"]))})"
      if !contains(local.known_keys["queue_policy_statements.*"], key)], []),
      try([for key_1, value_1 in value_0.conditions : [
        try([for key in keys(value_1) :
          "queue_policy_statements.${key_0}.conditions.${key_1}.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["queue_policy_statements.*.conditions.*"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["queue_policy_statements.*.conditions.*"], ["none"]))})"
        if !contains(local.known_keys["queue_policy_statements.*.conditions.*"], key)], [])
      ]], [])
    ]], [])))}."
  }
}
