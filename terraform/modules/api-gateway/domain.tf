resource "aws_api_gateway_domain_name" "this" {
  count = module.inputs.custom_domain == null ? 0 : 1

  domain_name              = module.inputs.custom_domain.domain_name
  regional_certificate_arn = module.inputs.custom_domain.certificate_arn
  security_policy          = "TLS_1_2"
  tags                     = var.tags

  endpoint_configuration {
    types = ["REGIONAL"]
  }
}

resource "aws_api_gateway_base_path_mapping" "this" {
  count = module.inputs.custom_domain == null ? 0 : 1

  api_id      = aws_api_gateway_rest_api.this.id
  stage_name  = aws_api_gateway_stage.this.stage_name
  domain_name = aws_api_gateway_domain_name.this[0].domain_name
  base_path   = module.inputs.custom_domain.base_path
}

resource "aws_route53_record" "this" {
  for_each = toset(try(module.inputs.custom_domain.hosted_zone_id, null) == null ? [] : ["A", "AAAA"])

  zone_id = module.inputs.custom_domain.hosted_zone_id
  name    = module.inputs.custom_domain.domain_name
  type    = each.key

  alias {
    name                   = aws_api_gateway_domain_name.this[0].regional_domain_name
    zone_id                = aws_api_gateway_domain_name.this[0].regional_zone_id
    evaluate_target_health = false
  }
}
