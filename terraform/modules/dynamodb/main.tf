locals {
  name_prefix = "${var.project_name}-${var.env_name}"

  table_names = { for name in keys(module.inputs.tables) : name => "${local.name_prefix}-ddb-${name}" }
  table_arns  = { for name, table in local.table_names : name => "arn:${local.partition}:dynamodb:${local.region}:${local.account_id}:table/${table}" }

  deletion_protection = { for name, table in module.inputs.tables : name => coalesce(table.deletion_protection_enabled, var.deletion_protection_enabled) }
}

resource "aws_dynamodb_table" "this" {
  for_each = module.inputs.tables

  name                        = local.table_names[each.key]
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = each.value.hash_key
  range_key                   = each.value.range_key == "" ? null : each.value.range_key
  table_class                 = each.value.table_class
  stream_enabled              = each.value.stream_enabled
  stream_view_type            = each.value.stream_enabled ? each.value.stream_view_type : null
  deletion_protection_enabled = local.deletion_protection[each.key]
  tags                        = var.tags

  dynamic "attribute" {
    for_each = local.attribute_definitions[each.key]

    content {
      name = attribute.key
      type = attribute.value
    }
  }

  dynamic "global_secondary_index" {
    for_each = each.value.global_secondary_indexes

    content {
      name               = global_secondary_index.key
      hash_key           = global_secondary_index.value.hash_key
      range_key          = global_secondary_index.value.range_key
      projection_type    = global_secondary_index.value.projection_type
      non_key_attributes = global_secondary_index.value.projection_type == "INCLUDE" ? global_secondary_index.value.non_key_attributes : null

      dynamic "on_demand_throughput" {
        for_each = global_secondary_index.value.on_demand_throughput == null ? [] : [global_secondary_index.value.on_demand_throughput]

        content {
          max_read_request_units  = on_demand_throughput.value.max_read_request_units
          max_write_request_units = on_demand_throughput.value.max_write_request_units
        }
      }
    }
  }

  dynamic "on_demand_throughput" {
    for_each = each.value.on_demand_throughput == null ? [] : [each.value.on_demand_throughput]

    content {
      max_read_request_units  = on_demand_throughput.value.max_read_request_units
      max_write_request_units = on_demand_throughput.value.max_write_request_units
    }
  }

  # Written even where nothing expires: if the block were merely gone, expiry would stay switched on without a word.
  ttl {
    enabled        = each.value.ttl_attribute != null && each.value.ttl_enabled
    attribute_name = each.value.ttl_attribute
  }

  point_in_time_recovery {
    enabled                 = var.pitr_enabled
    recovery_period_in_days = var.pitr_enabled ? var.pitr_recovery_period_in_days : null
  }

  server_side_encryption {
    enabled     = true
    kms_key_arn = local.kms_key_arn
  }

  lifecycle {
    # A replica is a resource of its own, in its own region: see replica/.
    ignore_changes = [replica]
  }
}
