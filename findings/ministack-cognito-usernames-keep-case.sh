#!/usr/bin/env bash
# A user pool with UsernameConfiguration CaseSensitive=false (which Cognito recommends) takes Ann@example.com and ann@example.com for one user.
# MiniStack 1.5.33 keeps the setting, reports it, and finds no user by the other spelling.
. "$(dirname "$0")/ministack.lib"
probe <<'PYTHON'
from client import client

cognito = client("cognito-idp")
pool = cognito.create_user_pool(PoolName="pool", UsernameAttributes=["email"],
                                UsernameConfiguration={"CaseSensitive": False})["UserPool"]
cognito.admin_create_user(UserPoolId=pool["Id"], Username="Ann@example.com", MessageAction="SUPPRESS",
                          UserAttributes=[{"Name": "email", "Value": "Ann@example.com"}])
print("the pool says", cognito.describe_user_pool(UserPoolId=pool["Id"])["UserPool"]["UsernameConfiguration"])
try:
    cognito.admin_get_user(UserPoolId=pool["Id"], Username="ann@example.com")
    outcome = "found"
except cognito.exceptions.UserNotFoundException:
    outcome = "UserNotFoundException"
print("ann@example.com:", outcome)
assert outcome == "UserNotFoundException", "the setting is honoured now"
PYTHON
