#!/usr/bin/env bash
# Cognito writes into access tokens from the plan ESSENTIALS on: a pool of the plan LITE with a pre-token trigger of version V2_0 is refused
# with FeatureUnavailableInTierException (CreateUserPool, API reference; "User pool feature plans", developer guide). MiniStack 1.5.33
# makes the pool and says that it has both, so that what works there cannot be deployed.
. "$(dirname "$0")/ministack.lib"
probe <<'PYTHON'
from client import client

cognito = client("cognito-idp")
trigger = {"LambdaVersion": "V2_0", "LambdaArn": "arn:aws:lambda:eu-west-1:000000000000:function:claims"}
made = cognito.create_user_pool(PoolName="people", UserPoolTier="LITE", LambdaConfig={"PreTokenGenerationConfig": trigger})
pool = cognito.describe_user_pool(UserPoolId=made["UserPool"]["Id"])["UserPool"]
print("plan   ", pool["UserPoolTier"])
print("trigger", pool["LambdaConfig"]["PreTokenGenerationConfig"]["LambdaVersion"])
assert (pool["UserPoolTier"], pool["LambdaConfig"]["PreTokenGenerationConfig"]["LambdaVersion"]) == ("LITE", "V2_0")
PYTHON
