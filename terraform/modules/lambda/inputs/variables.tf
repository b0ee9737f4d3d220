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
  description = "AWS region of the functions."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region must be an AWS region, such as eu-west-1."
  }
}

variable "account_id" {
  description = "AWS account that the functions belong to."
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

variable "functions" {
  description = "Functions by name; the name's alias live always points at the newest published version."
  type = map(object({
    description = string
    handler     = string
    role_arn    = string
    # Zip in S3, its key by content: {anything}{SHA-256 in hex}.zip, and the same hash in base64.
    package = object({
      s3_bucket        = string
      s3_key           = string
      source_code_hash = string
    })
    runtime                     = optional(string, "python3.12")
    architecture                = optional(string, "arm64")
    memory_megabytes            = optional(number, 256)
    timeout_seconds             = optional(number, 30)
    ephemeral_storage_megabytes = optional(number, 512)
    environment                 = optional(map(string), {})
    # Must exist before the function first runs: pass the output of whatever makes it.
    log_group_name = string
    # null: the account's unreserved concurrency.
    reserved_concurrency = optional(number)
    # Instances of the alias kept warm.
    provisioned_concurrency = optional(number, 0)
    # Invoked asynchronously (by a topic, a bucket, a rule, a schedule): gets a dead-letter queue and these limits.
    asynchronous              = optional(bool, false)
    maximum_event_age_seconds = optional(number, 3600)
    maximum_retry_attempts    = optional(number, 2)
    # A queue of your own instead of one made here.
    dead_letter_queue_arn = optional(string)
  }))
  nullable = false

  validation {
    condition     = alltrue([for name in keys(var.functions) : can(regex("^[a-z][a-z0-9]*(-[a-z0-9]+)*$", name))])
    error_message = "Keys of functions must be lower-case words joined by hyphens."
  }

  validation {
    condition     = alltrue([for input in values(var.functions) : can(regex("^arn:${var.partition}:iam::${var.account_id}:role/.+$", input.role_arn))])
    error_message = "role_arn must be the ARN of an IAM role of the same account: Lambda is passed no other."
  }

  validation {
    condition = alltrue([
      for input in values(var.functions) : length(input.handler) <= 128 && can(regex({
        python   = "^[A-Za-z0-9_./-]+\\.[A-Za-z_][A-Za-z0-9_]*$"
        nodejs   = "^[A-Za-z0-9_./-]+\\.[A-Za-z_$][A-Za-z0-9_$]*$"
        ruby     = "^[A-Za-z0-9_/-]+\\.([A-Za-z_][A-Za-z0-9_:]*\\.)?[A-Za-z_][A-Za-z0-9_]*[?!]?$"
        java     = "^[A-Za-z_][A-Za-z0-9_.$]*(::[A-Za-z_][A-Za-z0-9_]*)?$"
        dotnet   = "^[A-Za-z0-9_.-]+(::[A-Za-z0-9_.+`]+::[A-Za-z0-9_]+)?$"
        provided = "^[^\\s]+$"
      }[try(regex("^[a-z]+", input.runtime), "provided")], input.handler))
    ])
    error_message = "handler must be in the form of its runtime: module.function of Python, file.function of Node.js and Ruby, package.Class::method of Java, Assembly::Namespace.Class::Method of .NET, any word without spaces for provided ones; at most 128 characters."
  }

  validation {
    condition     = alltrue([for input in values(var.functions) : can(regex("(^|/|\\.|-)[0-9a-f]{64}\\.zip$", input.package.s3_key))])
    error_message = "package.s3_key must end in the package's SHA-256 in hex and .zip, so that other code has another key."
  }

  validation {
    condition     = alltrue([for input in values(var.functions) : can(regex("^[A-Za-z0-9+/]{43}=$", input.package.source_code_hash))])
    error_message = "package.source_code_hash must be the package's SHA-256 in base64: 44 characters that end in =."
  }

  validation {
    condition     = alltrue([for input in values(var.functions) : contains(["arm64", "x86_64"], input.architecture)])
    error_message = "architecture must be arm64 or x86_64."
  }

  validation {
    condition     = alltrue([for input in values(var.functions) : can(regex("^(python3\\.[0-9]{1,2}|nodejs[0-9]{2}\\.x|java(8\\.al2(023)?|[0-9]{2}(\\.al2023)?)|dotnet[0-9]{1,2}|ruby[0-9]\\.[0-9]|provided\\.al2(023)?)$", input.runtime))])
    error_message = "runtime must be the id of a Lambda runtime, such as python3.12, nodejs22.x, java21, dotnet8, ruby3.4 or provided.al2023."
  }

  validation {
    condition     = alltrue([for input in values(var.functions) : input.memory_megabytes >= 128 && input.memory_megabytes <= 10240 && floor(input.memory_megabytes) == input.memory_megabytes])
    error_message = "memory_megabytes must be a whole number from 128 to 10,240."
  }

  validation {
    condition     = alltrue([for input in values(var.functions) : input.timeout_seconds >= 1 && input.timeout_seconds <= 900 && floor(input.timeout_seconds) == input.timeout_seconds])
    error_message = "timeout_seconds must be a whole number from 1 to 900."
  }

  validation {
    condition     = alltrue([for input in values(var.functions) : input.ephemeral_storage_megabytes >= 512 && input.ephemeral_storage_megabytes <= 10240 && floor(input.ephemeral_storage_megabytes) == input.ephemeral_storage_megabytes])
    error_message = "ephemeral_storage_megabytes must be a whole number from 512 to 10,240."
  }

  validation {
    condition = alltrue(flatten([
      for input in values(var.functions) : [
        for name in keys(input.environment) : can(regex("^[A-Za-z][A-Za-z0-9_]+$", name)) && !contains([
          "AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_DEFAULT_REGION", "AWS_EXECUTION_ENV", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_NAME",
          "AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_LAMBDA_MAX_CONCURRENCY",
          "AWS_LAMBDA_RUNTIME_API", "AWS_REGION", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "LAMBDA_RUNTIME_DIR", "LAMBDA_TASK_ROOT",
        ], name)
      ]
    ]))
    error_message = "An environment variable's name must be two or more letters, digits and _, begin with a letter, and be none that Lambda sets itself, such as AWS_REGION or LAMBDA_TASK_ROOT."
  }

  # In bytes, as Lambda measures its JSON, which leaves <, > and & as they are. Base64 makes four characters of three bytes.
  validation {
    condition = alltrue([
      for input in values(var.functions) : alltrue([
        for text in [base64encode(replace(replace(replace(jsonencode(input.environment), "\\u003c", "<"), "\\u003e", ">"), "\\u0026", "&"))] :
        length(text) * 3 / 4 - length(regexall("=", text)) <= 4096
      ])
    ])
    error_message = "The environment of a function may have 4 KB in all, counted as JSON."
  }

  validation {
    condition     = alltrue([for input in values(var.functions) : can(regex("^[A-Za-z0-9_./#-]{1,512}$", input.log_group_name))])
    error_message = "log_group_name must be the name of a log group, such as /aws/lambda/example."
  }

  validation {
    condition = alltrue([
      for input in values(var.functions) :
      input.provisioned_concurrency >= 0 && floor(input.provisioned_concurrency) == input.provisioned_concurrency && (input.reserved_concurrency == null ? true : input.reserved_concurrency >= input.provisioned_concurrency)
    ])
    error_message = "provisioned_concurrency must be a whole number, 0 or more, and not above reserved_concurrency where that is set."
  }

  validation {
    condition     = alltrue([for input in values(var.functions) : input.maximum_event_age_seconds >= 60 && input.maximum_event_age_seconds <= 21600 && floor(input.maximum_event_age_seconds) == input.maximum_event_age_seconds])
    error_message = "maximum_event_age_seconds must be a whole number from 60 to 21,600."
  }

  validation {
    condition     = alltrue([for input in values(var.functions) : contains([0, 1, 2], input.maximum_retry_attempts)])
    error_message = "maximum_retry_attempts must be 0, 1 or 2."
  }

  validation {
    condition     = alltrue([for input in values(var.functions) : input.dead_letter_queue_arn == null || (input.asynchronous && can(regex("^arn:${var.partition}:sqs:${var.region}:[0-9]{12}:[A-Za-z0-9_-]+$", input.dead_letter_queue_arn)))])
    error_message = "dead_letter_queue_arn must be the ARN of an SQS queue (not FIFO) of the module's region, and only functions with asynchronous = true leave dead letters."
  }

  validation {
    condition     = alltrue([for input in values(var.functions) : input.reserved_concurrency == null ? true : input.reserved_concurrency >= 0 && floor(input.reserved_concurrency) == input.reserved_concurrency])
    error_message = "reserved_concurrency must be a whole number, 0 (never runs) or more, or null."
  }

  validation {
    condition     = alltrue([for input in values(var.functions) : length(input.description) <= 256])
    error_message = "description may have 256 characters."
  }
}

variable "late_environment" {
  description = "More environment variables, by function: those whose values other resources make, such as the id of a user pool. Whatever stands in functions, the queues of dead letters wait for it too, and they take half a minute."
  type        = map(map(string))
  default     = {}
  nullable    = false

  validation {
    condition     = length(setsubtract(keys(var.late_environment), keys(var.functions))) == 0
    error_message = "late_environment is keyed by function: each of its keys must be one of functions."
  }

  validation {
    condition     = alltrue([for name, late in var.late_environment : length(setintersection(keys(late), keys(try(var.functions[name].environment, {})))) == 0])
    error_message = "late_environment has a variable that the function's environment in functions has too: give it in one of them."
  }

  validation {
    condition = alltrue(flatten([
      for late in values(var.late_environment) : [
        for name in keys(late) : can(regex("^[A-Za-z][A-Za-z0-9_]+$", name)) && !contains([
          "AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_DEFAULT_REGION", "AWS_EXECUTION_ENV", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_NAME",
          "AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_LAMBDA_MAX_CONCURRENCY",
          "AWS_LAMBDA_RUNTIME_API", "AWS_REGION", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "LAMBDA_RUNTIME_DIR", "LAMBDA_TASK_ROOT",
        ], name)
      ]
    ]))
    error_message = "An environment variable's name must be two or more letters, digits and _, begin with a letter, and be none that Lambda sets itself, such as AWS_REGION or LAMBDA_TASK_ROOT."
  }

  validation {
    condition = alltrue([
      for name, late in var.late_environment : alltrue([
        for text in [base64encode(replace(replace(replace(jsonencode(merge(try(var.functions[name].environment, {}), late)), "\\u003c", "<"), "\\u003e", ">"), "\\u0026", "&"))] :
        length(text) * 3 / 4 - length(regexall("=", text)) <= 4096
      ])
    ])
    error_message = "The environment of a function may have 4 KB in all, counted as JSON."
  }
}

variable "permissions" {
  description = "Who may invoke which function's alias, by a name of your choice: principal is a service such as apigateway.amazonaws.com, source_arn what it may invoke it for."
  type = map(object({
    function   = string
    principal  = string
    source_arn = string
  }))
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for name in keys(var.permissions) : can(regex("^[A-Za-z0-9_-]{1,100}$", name))])
    error_message = "Keys of permissions must be letters, digits, hyphens and underscores, at most 100."
  }

  validation {
    condition     = alltrue([for permission in values(var.permissions) : contains(keys(var.functions), permission.function)])
    error_message = "A permission names a function that is not in functions."
  }

  validation {
    condition     = alltrue([for permission in values(var.permissions) : can(regex("^[a-z0-9.-]+\\.amazonaws\\.com$", permission.principal))])
    error_message = "principal must be an AWS service, such as apigateway.amazonaws.com; accounts and everybody (*) are not let in."
  }

  validation {
    condition     = alltrue([for permission in values(var.permissions) : can(regex("^arn:${var.partition}:[a-z0-9-]+:[a-z0-9-]*:([0-9]{12})?:[^*].*$", permission.source_arn)) && (can(regex(":s3:::", permission.source_arn)) || can(regex(":[0-9]{12}:", permission.source_arn)))])
    error_message = "source_arn must be the ARN of what the service may invoke the function for: it names the account (a bucket has none) and does not begin with a wildcard."
  }
}

variable "kms_key_arn" {
  description = "Key that encrypts environment variables and dead-letter queues; null for AWS-managed encryption."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:${var.partition}:kms:${var.region}:[0-9]{12}:key/[A-Za-z0-9-]+$", var.kms_key_arn))
    error_message = "kms_key_arn must be the ARN of a KMS key of the module's region, not an alias, or null."
  }
}

variable "tracing_enabled" {
  description = "Traces every function with X-Ray (mode Active)."
  type        = bool
  default     = true
  nullable    = false
}

variable "log_format" {
  description = "Format of the lines that Lambda itself logs: JSON or Text."
  type        = string
  default     = "JSON"
  nullable    = false

  validation {
    condition     = contains(["JSON", "Text"], var.log_format)
    error_message = "log_format must be JSON or Text."
  }
}

variable "system_log_level" {
  description = "Which of Lambda's own lines are kept, with log_format JSON: WARN those of invocations that failed or took too long, INFO two more for every invocation, DEBUG all."
  type        = string
  default     = "WARN"
  nullable    = false

  validation {
    condition     = contains(["DEBUG", "INFO", "WARN"], var.system_log_level)
    error_message = "system_log_level must be DEBUG, INFO or WARN."
  }
}

variable "dead_letter_retention_days" {
  description = "Days that dead letters are kept."
  type        = number
  default     = 14
  nullable    = false

  validation {
    condition     = var.dead_letter_retention_days >= 1 && var.dead_letter_retention_days <= 14 && floor(var.dead_letter_retention_days) == var.dead_letter_retention_days
    error_message = "dead_letter_retention_days must be a whole number from 1 to 14."
  }
}

variable "dead_letter_policy_statements" {
  description = "Further statements of the policies of the queues of dead letters that the module makes, each for those of the functions that it names, by their sid: effect (Allow unless it says Deny), actions, principals (lists by AWS and Service), and conditions (test, variable and values). The resource is that queue, and the module's own statements stay."
  type = map(object({
    effect     = optional(string, "Allow")
    actions    = list(string)
    principals = map(list(string))
    conditions = optional(list(object({
      test     = string
      variable = string
      values   = list(string)
    })), [])
    functions = set(string)
  }))
  default  = {}
  nullable = false

  validation {
    condition = alltrue([
      for sid, statement in var.dead_letter_policy_statements : can(regex("^[A-Z][A-Za-z0-9]{0,99}$", sid)) && sid != "TlsOnly"
    ])
    error_message = "dead_letter_policy_statements: each key is a statement's sid, letters and digits that begin with a capital, and none of the module's own: TlsOnly."
  }

  validation {
    condition = alltrue([
      for sid, statement in var.dead_letter_policy_statements : contains(["Allow", "Deny"], statement.effect)
    ])
    error_message = "dead_letter_policy_statements: effect must be Allow or Deny."
  }

  validation {
    condition = alltrue([
      for sid, statement in var.dead_letter_policy_statements : length(statement.actions) > 0 && length(statement.actions) <= 7 && alltrue([for action in statement.actions : can(regex("^sqs:([*]|AddPermission|ChangeMessageVisibility|DeleteMessage|DeleteQueue|GetQueueAttributes|GetQueueUrl|ListDeadLetterSourceQueues|PurgeQueue|ReceiveMessage|RemovePermission|SendMessage|SetQueueAttributes)$", action))])
    ])
    error_message = "dead_letter_policy_statements: actions must be actions of SQS that a queue's policy takes, such as sqs:SendMessage, or sqs:* in a Deny; at most 7 of them."
  }

  validation {
    condition = alltrue([
      for sid, statement in var.dead_letter_policy_statements : length(statement.principals) > 0 && alltrue([
        for kind, names in statement.principals : length(names) > 0 && (!contains(names, "*") || length(flatten(values(statement.principals))) == 1) && alltrue([
          for name in names : can(regex(lookup({
            AWS     = "^([*]|[0-9]{12}|arn:${var.partition}:(iam::[0-9]{12}:(root|(role|user)/[^*?]+)|sts::[0-9]{12}:assumed-role/[^*?]+))$"
            Service = "^[a-z0-9-]+([.][a-z0-9-]+)*[.]amazonaws[.]com$"
          }, kind, "^$"), name))
        ])
      ])
    ])
    error_message = "dead_letter_policy_statements: principals must be lists by AWS (account ids, ARNs of roles and users without wildcards, or * alone for everybody) and Service, such as s3.amazonaws.com."
  }

  validation {
    condition = alltrue([
      for sid, statement in var.dead_letter_policy_statements : alltrue([
        for condition in statement.conditions :
        can(regex("^((ForAllValues|ForAnyValue):)?(String(Not)?(Equals|EqualsIgnoreCase|Like)|(Numeric|Date)((Not)?Equals|(Less|Greater)Than(Equals)?)|Bool|BinaryEquals|(Not)?IpAddress|Arn(Not)?(Equals|Like)|Null)(IfExists)?$", condition.test))
        && can(regex("^[A-Za-z0-9-]+:([^*? ]+|[A-Za-z]+Tag/[^*?]+)$", condition.variable)) && length(condition.values) > 0
      ])
    ])
    error_message = "dead_letter_policy_statements: each of conditions needs a test that IAM knows, such as StringEquals, a variable, such as aws:SourceAccount, and at least one of values."
  }

  # The provider makes one condition of two on the same key, with the values of both: either is then enough.
  validation {
    condition = alltrue([
      for sid, statement in var.dead_letter_policy_statements : length(distinct([for condition in statement.conditions : [condition.test, lower(condition.variable)]])) == length(statement.conditions)
    ])
    error_message = "dead_letter_policy_statements: two conditions of a statement have the same test and variable, of which either would be enough: give one condition all its values, or another test to what must hold as well."
  }

  validation {
    condition = alltrue([
      for sid, statement in var.dead_letter_policy_statements : alltrue([
        for condition in statement.conditions : !can(regex("String(Not)?Equals", condition.test)) || !startswith(lower(condition.variable), "aws:") || !anytrue([for value in condition.values : can(regex("[*?]", value))])
      ])
    ])
    error_message = "dead_letter_policy_statements: conditions by StringEquals and its kin take * and ? for characters, so this one never holds (or, negated, always): wildcards need StringLike or ArnLike."
  }

  validation {
    condition = alltrue([
      for sid, statement in var.dead_letter_policy_statements : statement.effect != "Allow" || !(contains(keys(statement.principals), "Service") || contains(flatten(values(statement.principals)), "*")) || anytrue([
        for condition in statement.conditions :
        contains(["StringEquals", "StringLike", "ArnEquals", "ArnLike"], condition.test)
        && contains(["aws:principalaccount", "aws:principalarn", "aws:principalorgid", "aws:sourceaccount", "aws:sourcearn", "aws:sourceorgid", "aws:sourcevpc", "aws:sourcevpce", "aws:vpceaccount", "aws:vpceorgid"], lower(condition.variable))
        && alltrue([for value in condition.values : !can(regex("[*?$]", value)) || can(regex("^arn:[^:*?$]+:[^:*?$]+:[^:$]*:[0-9]{12}:[^$]+$", value))])
      ])
    ])
    error_message = "dead_letter_policy_statements: an Allow to everybody (*) or to a service needs a condition that says for whom: StringEquals, StringLike, ArnEquals or ArnLike on aws:PrincipalAccount, PrincipalArn, PrincipalOrgID, SourceAccount, SourceArn, SourceOrgID, SourceVpc, SourceVpce, VpceAccount or VpceOrgID, with values that name an account or have no wildcards."
  }

  validation {
    condition = alltrue([
      for sid, statement in var.dead_letter_policy_statements : statement.effect != "Allow" || (alltrue([for action in statement.actions : can(regex("^sqs:(ChangeMessageVisibility|DeleteMessage|GetQueueAttributes|GetQueueUrl|ListDeadLetterSourceQueues|ReceiveMessage|SendMessage)$", action))]))
    ])
    error_message = "dead_letter_policy_statements: what an Allow may give: messages are sent, received, deleted and looked at; the queue's attributes, its permissions and purging it stay with its owner."
  }

  validation {
    condition = alltrue([
      for sid, statement in var.dead_letter_policy_statements : statement.effect != "Deny" || length(statement.conditions) > 0 || !anytrue([for name in flatten(values(statement.principals)) : can(regex("^[*]$|^[0-9]{12}$|:root$|[.]amazonaws[.]com$", name))]) || !anytrue([
        for action in statement.actions : anytrue([for kept in ["sqs:DeleteMessage", "sqs:ReceiveMessage", "sqs:SendMessage", "sqs:SetQueueAttributes"] : can(regex("(?i)^${replace(replace(action, "*", ".*"), "?", ".")}$", kept))])
      ])
    ])
    error_message = "dead_letter_policy_statements: a Deny without a condition to everybody, an account or a service must not hold what the module needs itself: sqs:DeleteMessage, sqs:ReceiveMessage, sqs:SendMessage, sqs:SetQueueAttributes."
  }

  validation {
    condition     = alltrue([for statement in values(var.dead_letter_policy_statements) : length(statement.functions) > 0 && alltrue([for one in statement.functions : contains([for name, input in var.functions : name if input.asynchronous && input.dead_letter_queue_arn == null], one)])])
    error_message = "dead_letter_policy_statements: functions must name functions that are asynchronous and bring no dead_letter_queue_arn of their own."
  }
}
