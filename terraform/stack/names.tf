# Names of what more than one module has to know before it exists.

data "aws_partition" "current" {}

locals {
  name_prefix = "${var.project_name}-${var.env_name}"
  partition   = data.aws_partition.current.partition

  table_names = { for table in keys(local.tables) : table => "${local.name_prefix}-ddb-${table}" }
  table_arns = {
    for table, name in local.table_names : table => "arn:${local.partition}:dynamodb:${var.region}:${var.account_id}:table/${name}"
  }

  function_names = {
    for name in concat(keys(local.services), ["token-claims"]) : name => "${local.name_prefix}-lambda-${name}"
  }
  # By name, because the authorizer must know the id of the API that asks it, so the API cannot wait for it.
  authorizer_alias_arn = "arn:${local.partition}:lambda:${var.region}:${var.account_id}:function:${local.function_names["authorizer"]}:live"
  dead_letter_arns = {
    for name in keys(local.function_names) : name => "arn:${local.partition}:sqs:${var.region}:${var.account_id}:${local.name_prefix}-queue-${name}-dead-letters"
  }
  function_log_groups = { for name, function in local.function_names : name => "/aws/lambda/${function}" }

  tags = {
    Project     = "BBWS"
    CostCenter  = "BBWS-ACCESS"
    Environment = var.env_name
    ManagedBy   = "Terraform"
  }
}
