# What contract/ says, in the form that the modules take.

locals {
  contract_folder  = "${path.module}/../../contract"
  openapi_document = file("${local.contract_folder}/openapi.json")
  data_model       = jsondecode(file("${local.contract_folder}/data-model.json"))
  services         = jsondecode(file("${local.contract_folder}/services.json")).services

  # A service has a function as soon as the API has a route for it; the authorizer is asked before every route.
  api_services = toset(flatten([
    for path, operations in jsondecode(local.openapi_document).paths : [
      for method, operation in operations : operation["x-bbws-service"] if can(operation["x-bbws-service"])
    ]
  ]))
  function_services = setunion(local.api_services, ["authorizer"])

  # What reaches functions beside requests; only what has a function to take it.
  events_contract = jsondecode(file("${local.contract_folder}/events.json"))
  events = {
    for detail_type, event in local.events_contract.events : replace(lower(replace(detail_type, "/([a-z])([A-Z])/", "$1-$2")), " ", "-") => {
      detail_type = detail_type
      description = event.description
      source      = event.source
      schedule    = try(event.schedule, null)
      consumers   = sort(setintersection(event.consumers, local.function_services))
    } if length(setintersection(event.consumers, local.function_services)) > 0
  }
  event_consumers = toset(flatten(values(local.events)[*].consumers))
  # The service whose mails are queued; its function sends them as soon as there is one.
  mail_service  = local.events_contract.queues.mail.sender
  mail_consumer = toset([for service in local.events_contract.queues.mail.consumer[*] : service if contains(local.function_services, service)])

  # service => the events that it sends.
  sent_events = {
    for service in keys(local.services) : service => {
      for detail_type, event in local.events_contract.events : detail_type => event.source if try(event.sender, null) == service
    }
  }

  mail_parts = {
    for name in fileset("${local.contract_folder}/mail", "*.{html,txt}") : name => file("${local.contract_folder}/mail/${name}")
  }
  mails = {
    for name, mail in jsondecode(file("${local.contract_folder}/mail/mails.json")).mails : name => {
      subject = mail.subject
      text    = local.mail_parts["${name}.txt"]
      html = replace(
        replace(local.mail_layouts.organisation, "{{content}}", local.mail_parts["${name}.html"]),
        "{{details}}", local.mail_parts["details.html"]
      )
    }
  }
  mail_layouts = {
    for name, parts in {
      organisation = { title = "{{organisationNameHtml}}", footer = "Sent by BBWS Access Management for {{organisationNameHtml}}." }
      account      = { title = "BBWS Access Management", footer = "Sent by BBWS Access Management." }
    } : name => replace(replace(local.mail_parts["layout.html"], "{{title}}", parts.title), "{{footer}}", parts.footer)
  }

  # People sign in at the host where they accept invitations.
  sign_in_page = try(regex("^https://[^/?#]+", var.invitation_link), null)
  account_mail = {
    subject = jsondecode(file("${local.contract_folder}/mail/mails.json")).account.subject
    html = replace(
      replace(local.mail_layouts.account, "{{content}}", local.mail_parts["account.html"]),
      "{{signIn}}\n", local.sign_in_page == null ? "" : replace(local.mail_parts["sign-in.html"], "{{link}}", "${local.sign_in_page}/")
    )
  }

  tables = {
    for name, table in local.data_model.tables : name => {
      ttl_attribute = table.ttlAttribute
      global_secondary_indexes = {
        for index, keys in table.indexes : index => {
          hash_key        = keys.partitionKey
          range_key       = keys.sortKey
          projection_type = keys.projection
        }
      }
    }
  }

  # Every partition key that an entity can have, as IAM writes it: the part before its first placeholder, then "*".
  leading_keys = {
    for name, entity in local.data_model.entities : name => replace(entity.PK, "/\\{.*$/", "*")
  }
  index_leading_keys = {
    for name, entity in local.data_model.entities : name => {
      for index, keys in try(entity.indexes, {}) : index => replace(
        keys[local.data_model.tables[entity.table].indexes[index].partitionKey], "/\\{.*$/", "*"
      )
    }
  }

  # service => table => what its role may do there.
  table_grants = {
    for service, facts in local.services : service => {
      for table in keys(local.tables) : table => {
        arn = local.table_arns[table]
        # Reading several items at once is judged by one statement, so it names what is written too.
        read_leading_keys   = toset([for entity in concat(facts.reads, facts.writes) : local.leading_keys[entity] if local.data_model.entities[entity].table == table])
        write_leading_keys  = toset([for entity in facts.writes : local.leading_keys[entity] if local.data_model.entities[entity].table == table])
        create_leading_keys = toset([for entity in facts.creates : local.leading_keys[entity] if local.data_model.entities[entity].table == table])
        indexes = {
          for index in keys(local.data_model.tables[table].indexes) : index => {
            leading_keys = toset([for entity in concat(facts.reads, facts.writes) : local.index_leading_keys[entity][index] if can(local.index_leading_keys[entity][index])])
          } if anytrue([for entity in concat(facts.reads, facts.writes) : can(local.index_leading_keys[entity][index])])
        }
      } if anytrue([for entity in concat(facts.reads, facts.writes, facts.creates) : local.data_model.entities[entity].table == table])
    }
  }
}
