locals {
  # DynamoDB wants every attribute that is a key somewhere defined once, and no other.
  key_attributes = {
    for name, table in module.inputs.tables : name => distinct(compact(concat(
      [table.hash_key, table.range_key],
      flatten([for index in table.global_secondary_indexes : [index.hash_key, index.range_key]]),
    )))
  }
  attribute_definitions = {
    for name, attributes in local.key_attributes : name => {
      for attribute in attributes : attribute => lookup(module.inputs.tables[name].attribute_types, attribute, "S")
    }
  }

  index_arns = {
    for name, table in module.inputs.tables : name => {
      for index in keys(table.global_secondary_indexes) : index => "${local.table_arns[name]}/index/${index}"
    }
  }
}
