output "table_arns" {
  value = {
    for name, table in var.tables : name => "arn:aws:dynamodb:${var.region}:${var.account_id}:table/${table.name}"
  }
}
