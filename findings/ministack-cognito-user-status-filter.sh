#!/usr/bin/env bash
# ListUsers with the filter `cognito:user_status = "CONFIRMED"` (documented as case-sensitive, exact match). The pool holds one user that an
# administrator made, of status FORCE_CHANGE_PASSWORD: Cognito returns nobody. MiniStack 1.5.33 returns that user.
. "$(dirname "$0")/ministack.lib"
probe <<'PYTHON'
from client import client

cognito = client("cognito-idp")
pool = cognito.create_user_pool(PoolName="pool")["UserPool"]["Id"]
cognito.admin_create_user(UserPoolId=pool, Username="ann", MessageAction="SUPPRESS")
found = cognito.list_users(UserPoolId=pool, Filter='cognito:user_status = "CONFIRMED"')["Users"]
statuses = [user["UserStatus"] for user in found]
print('cognito:user_status = "CONFIRMED" finds', statuses)
assert statuses == ["FORCE_CHANGE_PASSWORD"], "the filter works now"
PYTHON
