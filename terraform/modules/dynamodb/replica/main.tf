# Not the table's replica block: in this provider that has no deletion protection, and a change of its recovery or its key
# makes the replica anew.
resource "aws_dynamodb_table_replica" "this" {
  for_each = module.inputs.tables

  global_table_arn            = each.value.arn
  kms_key_arn                 = var.kms_key_arn
  point_in_time_recovery      = var.pitr_enabled
  deletion_protection_enabled = var.deletion_protection_enabled == null ? each.value.deletion_protection_enabled : var.deletion_protection_enabled
  table_class_override        = var.table_class
  tags                        = var.tags

}
