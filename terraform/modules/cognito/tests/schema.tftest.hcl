# Cognito never changes or removes an attribute of a pool that exists: a changed value plans as an update and fails at apply. So the values
# that every pool was made with stand here. A new attribute is a new block beside this one; never edit this one.

provider "aws" {
  region                      = "eu-west-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true
}

run "attributes_never_change" {
  command = plan

  variables {
    env_name   = "dev"
    region     = "eu-west-1"
    account_id = "111122223333"

    pre_token_generation_lambda_arn = "arn:aws:lambda:eu-west-1:111122223333:function:token-claims"

    app_clients = { main = {} }
    authorizer = {
      function_arn        = "arn:aws:lambda:eu-west-1:111122223333:function:authorizer"
      invocation_role_arn = "arn:aws:iam::111122223333:role/authorizer-invocation"
    }
  }

  assert {
    condition = [
      for attribute in aws_cognito_user_pool.this[0].schema : {
        name      = attribute.name
        type      = attribute.attribute_data_type
        mutable   = attribute.mutable
        required  = attribute.required
        developer = attribute.developer_only_attribute
        lengths   = [attribute.string_attribute_constraints[0].min_length, attribute.string_attribute_constraints[0].max_length]
      } if attribute.name == "organisation_id"
      ] == [
      { name = "organisation_id", type = "String", mutable = true, required = false, developer = false, lengths = ["0", "64"] }
    ]
    error_message = "custom:organisation_id of a pool that exists cannot be changed; restore its values."
  }

  assert {
    condition     = alltrue([for attribute in aws_cognito_user_pool.this[0].schema : !attribute.required])
    error_message = "Cognito refuses a custom attribute that is required."
  }
}
