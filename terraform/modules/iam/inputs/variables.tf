variable "project_name" {
  description = "First part of every name."
  type        = string
  default     = "bbws-access"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9]*(-[a-z0-9]+)*$", var.project_name)) && length(var.project_name) <= 24
    error_message = "project_name must be lower-case words joined by hyphens, at most 24 characters, such as bbws-access."
  }
}

variable "env_name" {
  description = "Second part of every name: dev, sit or prod, or a short name of your own."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9]{1,9}$", var.env_name))
    error_message = "env_name must be 2 to 10 lower-case letters and digits that start with a letter."
  }
}

variable "region" {
  description = "AWS region of the log groups and of the services that keys are used through."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region must be an AWS region, such as eu-west-1."
  }
}

variable "account_id" {
  description = "AWS account that the roles belong to."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "account_id must be 12 digits."
  }
}

variable "partition" {
  description = "Partition of the region. Comes from the provider alone."
  type        = string
  default     = "aws"
  nullable    = false
}

variable "tags" {
  description = "Tags of everything that can carry them, beside the provider's default tags."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition = alltrue([
      for key, value in var.tags :
      can(regex("^[\\p{L}\\p{Z}\\p{N}_.:/=+@-]{1,128}$", key)) && can(regex("^[\\p{L}\\p{Z}\\p{N}_.:/=+@-]{0,256}$", value)) && !startswith(lower(key), "aws:")
    ]) && length(var.tags) <= 50
    error_message = "tags: at most 50, keys of 1 to 128 and values of up to 256 letters, digits, spaces and _ . : / = + - @; keys that begin with aws: are AWS's own."
  }
}

variable "permissions_boundary_arn" {
  description = "Managed policy that bounds every role; null for none."
  type        = string
  default     = null

  validation {
    condition     = var.permissions_boundary_arn == null || can(regex("^arn:${var.partition}:iam::(${var.account_id}|aws):policy/.+$", var.permissions_boundary_arn))
    error_message = "permissions_boundary_arn must be the ARN of a managed policy of this account or of AWS, or null."
  }
}

variable "restrict_trust_to_account" {
  description = "Lets Lambda assume a service role for functions of account_id only (aws:SourceAccount)."
  type        = bool
  default     = true
  nullable    = false
}

variable "services" {
  description = "Roles that functions run as, by service; each names all that the service may reach, and nothing else is allowed."
  type = map(object({
    # Last part of the role's name; null for "{service}-service".
    role_name   = optional(string)
    description = optional(string)
    # The function's own log group.
    log_group_name = string
    tracing        = optional(bool, true)

    # DynamoDB. A leading key is a partition key's value or pattern, such as ROLE#ORG#*. Nothing listed, nothing allowed.
    tables = optional(map(object({
      arn                 = string
      read_leading_keys   = optional(set(string), [])
      write_leading_keys  = optional(set(string), [])
      create_leading_keys = optional(set(string), [])
      # Queries of an index: its partition key's values or patterns.
      indexes     = optional(map(object({ leading_keys = set(string) })), {})
      read_stream = optional(bool, false)
    })), {})

    # S3 prefixes, such as archive/. Under a key of retention_days, one of write_prefixes, objects may be given a lock of their own of at most
    # that many days.
    buckets = optional(map(object({
      arn            = string
      read_prefixes  = optional(set(string), [])
      write_prefixes = optional(set(string), [])
      retention_days = optional(map(number), {})
    })), {})

    # SQS: send for dead letters, receive for what an event source mapping consumes.
    queues = optional(map(object({
      arn     = string
      send    = optional(bool, false)
      receive = optional(bool, false)
    })), {})

    # SNS topics published to.
    topics = optional(map(string), {})

    # EventBridge buses that events are put on, and the only sources and detail types that they may have.
    event_buses = optional(map(object({
      arn          = string
      sources      = set(string)
      detail_types = set(string)
    })), {})

    # SES identities mail is sent from, the only addresses it may be sent as, and what it may be sent with.
    email_identities = optional(map(object({
      arn                    = string
      from_addresses         = set(string)
      template_arns          = optional(set(string), [])
      configuration_set_arns = optional(set(string), [])
      # While the account is in SES's sandbox, where SES asks for the recipient's identity too.
      sandbox = optional(bool, false)
    })), {})

    # Log groups whose events are read.
    read_log_groups = optional(map(string), {})
  }))
  default  = {}
  nullable = false

  validation {
    condition = alltrue([
      for service, input in var.services :
      can(regex("^[a-z][a-z0-9]*(-[a-z0-9]+)*$", service)) && can(regex("^[a-z][a-z0-9]*(-[a-z0-9]+)*$", coalesce(input.role_name, service)))
    ])
    error_message = "Keys of services and their role_name must be lower-case words joined by hyphens."
  }

  validation {
    condition     = length(distinct([for service, input in var.services : coalesce(input.role_name, "${service}-service")])) == length(var.services)
    error_message = "Two services have the same role_name: each needs a role of its own."
  }

  validation {
    condition     = alltrue([for input in values(var.services) : can(regex("^[A-Za-z0-9_./#-]{1,512}$", input.log_group_name))])
    error_message = "log_group_name must be the name of one log group, such as /aws/lambda/example: no ARN and no wildcard."
  }

  validation {
    condition = alltrue(flatten([
      for input in values(var.services) : [
        for table in values(input.tables) : can(regex("^arn:${var.partition}:dynamodb:[a-z0-9-]+:[0-9]{12}:table/[A-Za-z0-9_.-]+$", table.arn))
      ]
    ]))
    error_message = "tables[...].arn must be the ARN of one DynamoDB table, without wildcard, index or stream."
  }

  validation {
    condition = alltrue(flatten([
      for input in values(var.services) : [
        for table in values(input.tables) : table.read_stream || anytrue([
          for keys in concat([table.read_leading_keys, table.write_leading_keys, table.create_leading_keys], [for index in values(table.indexes) : index.leading_keys]) :
          length(keys) > 0
        ])
      ]
    ]))
    error_message = "A table is listed of which nothing is allowed: give it leading keys, an index or read_stream, or leave it out."
  }

  validation {
    condition = alltrue(flatten([
      for input in values(var.services) : [
        for table in values(input.tables) : [
          for key in setunion(table.read_leading_keys, table.write_leading_keys, table.create_leading_keys, flatten([for index in values(table.indexes) : tolist(index.leading_keys)])) :
          can(regex("^[^*?{}$\\s]+\\*?$", key))
        ]
      ]
    ]))
    error_message = "A leading key must be a partition key's value, or its fixed beginning followed by *, such as ROLE#ORG#*: not empty, no wildcard elsewhere and none alone (* is every key of the table), and with no placeholder left in it."
  }

  validation {
    condition = alltrue(flatten([
      for input in values(var.services) : [
        for table in values(input.tables) : [
          for name, index in table.indexes : can(regex("^[A-Za-z0-9_.-]{3,255}$", name)) && length(index.leading_keys) > 0
        ]
      ]
    ]))
    error_message = "indexes must be keyed by the index's name, and each needs at least one leading key."
  }

  validation {
    condition = alltrue(flatten([
      for input in values(var.services) : [
        for bucket in values(input.buckets) : can(regex("^arn:${var.partition}:s3:::[a-z0-9][a-z0-9.-]+$", bucket.arn)) && length(bucket.read_prefixes) + length(bucket.write_prefixes) > 0
      ]
    ]))
    error_message = "buckets[...].arn must be the ARN of one bucket, with at least one prefix to read or write."
  }

  validation {
    condition = alltrue(flatten([
      for input in values(var.services) : [
        for bucket in values(input.buckets) : [
          for prefix in setunion(bucket.read_prefixes, bucket.write_prefixes) : can(regex("^[A-Za-z0-9!_.'()-]([A-Za-z0-9!_.'()/-]*)/$", prefix))
        ]
      ]
    ]))
    error_message = "A prefix must end in / (archive/ and not archive, which would let archive-of-others/ in), not begin with one, and hold no wildcard."
  }

  validation {
    condition = alltrue(flatten([
      for input in values(var.services) : [
        for bucket in values(input.buckets) : [
          for prefix, days in bucket.retention_days : contains(bucket.write_prefixes, prefix) && days >= 1 && days <= 36500 && floor(days) == days
        ]
      ]
    ]))
    error_message = "Keys of retention_days must be among write_prefixes, and each must be a whole number of days, from 1 to 36,500."
  }

  validation {
    condition = alltrue(flatten([
      for input in values(var.services) : [
        for queue in values(input.queues) : can(regex("^arn:${var.partition}:sqs:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_.-]+$", queue.arn)) && (queue.send || queue.receive)
      ]
    ]))
    error_message = "queues[...].arn must be the ARN of one SQS queue, with send or receive true."
  }

  validation {
    condition = alltrue(flatten([
      for input in values(var.services) : concat(
        [for arn in values(input.topics) : can(regex("^arn:${var.partition}:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_.-]+$", arn))],
        [for bus in values(input.event_buses) : can(regex("^arn:${var.partition}:events:[a-z0-9-]+:[0-9]{12}:event-bus/[A-Za-z0-9_./-]+$", bus.arn))],
        [for arn in values(input.read_log_groups) : can(regex("^arn:${var.partition}:logs:[a-z0-9-]+:[0-9]{12}:log-group:[A-Za-z0-9_./#-]+(:\\*)?$", arn))],
      )
    ]))
    error_message = "topics, event_buses and read_log_groups must hold ARNs of SNS topics, of EventBridge buses and of log groups, each of one resource and without wildcard."
  }

  validation {
    condition = alltrue(flatten([
      for input in values(var.services) : [
        for bus in values(input.event_buses) : length(bus.sources) > 0 && length(bus.detail_types) > 0 && alltrue([for value in setunion(bus.sources, bus.detail_types) : can(regex("^[^*?]+$", value))])
      ]
    ]))
    error_message = "event_buses[...] needs the sources and the detail_types of the events that may be put, each written out: no wildcard."
  }

  validation {
    condition = alltrue(flatten([
      for input in values(var.services) : [
        for identity in values(input.email_identities) : can(regex("^arn:${var.partition}:ses:[a-z0-9-]+:[0-9]{12}:identity/[^*?]+$", identity.arn)) && length(identity.from_addresses) > 0 && alltrue([for address in identity.from_addresses : can(regex("^[^@*? ]+@[^@*? ]+$", address))])
      ]
    ]))
    error_message = "email_identities[...].arn must be the ARN of one SES identity, and from_addresses the addresses that mail may be sent as."
  }

  validation {
    condition = alltrue(flatten([
      for input in values(var.services) : [
        for identity in values(input.email_identities) : concat(
          [for arn in identity.template_arns : can(regex("^arn:${var.partition}:ses:[a-z0-9-]+:[0-9]{12}:template/[A-Za-z0-9_-]+$", arn))],
          [for arn in identity.configuration_set_arns : can(regex("^arn:${var.partition}:ses:[a-z0-9-]+:[0-9]{12}:configuration-set/[A-Za-z0-9_-]+$", arn))],
        )
      ]
    ]))
    error_message = "template_arns and configuration_set_arns must hold ARNs of SES templates and configuration sets, each of one and without wildcard."
  }

  validation {
    condition = alltrue(flatten([
      for input in values(var.services) : [
        for identity in values(input.email_identities) : [
          for address in identity.from_addresses : [
            for name in [element(split(":identity/", identity.arn), 1)] : address == name || endswith(address, "@${name}") || (!strcontains(name, "@") && endswith(address, ".${name}"))
          ]
        ]
      ]
    ]))
    error_message = "email_identities[...].from_addresses must be of the identity: the address itself, or an address of its domain or a subdomain; SES sends no other."
  }

  validation {
    condition     = alltrue([for service, input in var.services : !contains(concat(["api-gateway-authorizer"], [for name in keys(var.replications) : "${name}-replication"], [for name in keys(var.schedulers) : "${name}-scheduler"]), coalesce(input.role_name, "${service}-service"))])
    error_message = "A service's role_name is that of a role that the module makes for API Gateway, a replication or a scheduler."
  }
}

variable "keys" {
  description = "KMS keys that a service uses, by service and key, and the AWS services that it may use each through: dynamodb, s3, sqs, sns, lambda, logs, ses, events. read_only: to decrypt only."
  type = map(map(object({
    arn       = string
    through   = set(string)
    read_only = optional(bool, false)
  })))
  default  = {}
  nullable = false

  validation {
    condition     = length(setsubtract(keys(var.keys), keys(var.services))) == 0
    error_message = "keys name services that are not in services: ${join(", ", setsubtract(keys(var.keys), keys(var.services)))}."
  }

  validation {
    condition     = alltrue(flatten([for keys in values(var.keys) : [for key in values(keys) : can(regex("^arn:${var.partition}:kms:${var.region}:[0-9]{12}:key/[A-Za-z0-9-]+$", key.arn))]]))
    error_message = "keys[...][...].arn must be the ARN of one KMS key of the module's region: not an alias, without wildcard."
  }

  validation {
    condition = alltrue(flatten([
      for keys in values(var.keys) : [
        for key in values(keys) : length(key.through) > 0 && length(setsubtract(key.through, ["dynamodb", "s3", "sqs", "sns", "lambda", "logs", "ses", "events"])) == 0
      ]
    ]))
    error_message = "keys[...][...].through must name at least one of dynamodb, s3, sqs, sns, lambda, logs, ses and events."
  }
}

variable "user_pools" {
  description = "Cognito user pools that a service uses, by service and pool: each finds a user by name; read_users lists them all, create_users invites new ones."
  type = map(map(object({
    arn          = string
    read_users   = optional(bool, false)
    create_users = optional(bool, false)
  })))
  default  = {}
  nullable = false

  validation {
    condition     = length(setsubtract(keys(var.user_pools), keys(var.services))) == 0
    error_message = "user_pools name services that are not in services: ${join(", ", setsubtract(keys(var.user_pools), keys(var.services)))}."
  }

  validation {
    condition = alltrue(flatten([
      for pools in values(var.user_pools) : [
        for pool in values(pools) : can(regex("^arn:${var.partition}:cognito-idp:[a-z0-9-]+:[0-9]{12}:userpool/[A-Za-z0-9_-]+$", pool.arn))
      ]
    ]))
    error_message = "user_pools[...][...].arn must be the ARN of one Cognito user pool."
  }

  validation {
    condition     = alltrue(flatten([for pools in values(var.user_pools) : [for pool in values(pools) : pool.read_users || pool.create_users]]))
    error_message = "A user pool is listed of which nothing is allowed: set read_users or create_users."
  }
}

variable "authorizer_invocation" {
  description = "Function alias that API Gateway invokes as its authorizer; null for no such role."
  type = object({
    alias_arn = string
  })
  default = null

  validation {
    condition     = var.authorizer_invocation == null || can(regex("^arn:${var.partition}:lambda:[a-z0-9-]+:[0-9]{12}:function:[A-Za-z0-9_-]+:[A-Za-z0-9_-]+$", var.authorizer_invocation.alias_arn))
    error_message = "authorizer_invocation.alias_arn must be the ARN of a function's alias, such as arn:aws:lambda:eu-west-1:123456789012:function:example:live."
  }
}

variable "replications" {
  description = "S3 replications of encrypted buckets, by name: one role each, from one bucket to another."
  type = map(object({
    source_bucket_arn      = string
    source_key_arn         = string
    destination_bucket_arn = string
    destination_key_arn    = string
    destination_region     = string
  }))
  default  = {}
  nullable = false

  validation {
    condition = alltrue([
      for name, replication in var.replications :
      can(regex("^[a-z][a-z0-9]*(-[a-z0-9]+)*$", name)) && alltrue([for arn in [replication.source_bucket_arn, replication.destination_bucket_arn] : can(regex("^arn:${var.partition}:s3:::[a-z0-9][a-z0-9.-]+$", arn))])
    ])
    error_message = "replications must be keyed by lower-case words joined by hyphens, and each needs the ARN of one source and of one destination bucket."
  }

  validation {
    condition = alltrue(flatten([
      for replication in values(var.replications) : [
        for arn in [replication.source_key_arn, replication.destination_key_arn] : can(regex("^arn:${var.partition}:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$", arn))
      ]
    ]))
    error_message = "source_key_arn and destination_key_arn must be ARNs of KMS keys: not aliases, without wildcard."
  }

  validation {
    condition     = alltrue([for replication in values(var.replications) : can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", replication.destination_region))])
    error_message = "destination_region must be an AWS region, such as eu-west-1."
  }

  validation {
    condition     = alltrue([for replication in values(var.replications) : replication.source_bucket_arn != replication.destination_bucket_arn && try(split(":", replication.source_key_arn)[3] == var.region && split(":", replication.destination_key_arn)[3] == replication.destination_region, false)])
    error_message = "A replication goes to another bucket; source_key_arn is of the module's region, destination_key_arn of destination_region."
  }

  validation {
    condition     = alltrue([for name in keys(var.replications) : length("${var.project_name}-${var.env_name}-role-${name}-replication") <= 64])
    error_message = "A replication's name is too long: its role {project_name}-{env_name}-role-{name}-replication may have 64 characters."
  }
}

variable "schedulers" {
  description = "Roles that EventBridge Scheduler assumes, by name: the function alias that it invokes, for schedules of one group, and the queue of what could not be delivered."
  type = map(object({
    alias_arn             = string
    schedule_group        = string
    dead_letter_queue_arn = string
  }))
  default  = {}
  nullable = false

  validation {
    condition = alltrue([
      for name, scheduler in var.schedulers :
      can(regex("^[a-z][a-z0-9]*(-[a-z0-9]+)*$", name)) && can(regex("^[0-9A-Za-z_.-]{1,64}$", scheduler.schedule_group))
    ])
    error_message = "schedulers must be keyed by lower-case words joined by hyphens, and schedule_group must be the name of one schedule group."
  }

  validation {
    condition = alltrue([
      for scheduler in values(var.schedulers) :
      can(regex("^arn:${var.partition}:lambda:[a-z0-9-]+:[0-9]{12}:function:[A-Za-z0-9_-]+:[A-Za-z0-9_-]+$", scheduler.alias_arn)) && can(regex("^arn:${var.partition}:sqs:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_.-]+$", scheduler.dead_letter_queue_arn))
    ])
    error_message = "alias_arn must be the ARN of a function's alias, and dead_letter_queue_arn that of a queue."
  }

  validation {
    condition     = alltrue([for name, scheduler in var.schedulers : length("${var.project_name}-${var.env_name}-role-${name}-scheduler") <= 64])
    error_message = "A scheduler's name is too long: its role {project_name}-{env_name}-role-{name}-scheduler may have 64 characters."
  }
}
