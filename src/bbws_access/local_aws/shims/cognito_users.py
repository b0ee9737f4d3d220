"""People of a user pool: their names, their attributes, and how they are looked for.

| AWS | MiniStack | test |
|---|---|---|
| a pool made so does not tell A@b.example from a@b.example | it does | `test_names_without_case` |
| an attribute fits the schema of its pool, and an address is one person's | anything | `test_attributes_...` |
| ListUsers refuses a filter that it cannot read | it returns everybody | `test_filters_of_list_users` |
"""

import re
from collections.abc import Callable
from typing import Any

from ministack.services import cognito

Response = tuple[int, dict[str, Any], bytes]

_FILTER = re.compile(r'\s*"?([\w:]+)"?\s*(\^?=)\s*"((?:[^"\\]|\\.)*)"\s*')
_SEARCHABLE = frozenset(
    (
        *("username", "email", "phone_number", "name", "given_name", "family_name", "preferred_username"),
        *("cognito:user_status", "status", "sub"),
    )
)
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_PHONE = re.compile(r"\+[0-9]{1,15}")


def install() -> None:
    """Name people as their pool does, and keep what its schema allows."""
    resolve, create = cognito._resolve_user, cognito._admin_create_user
    sign_up, update, change = cognito._sign_up, cognito._admin_update_user_attributes, cognito._update_user_attributes

    def resolve_in_any_case(pool: dict[str, Any], username: str | None) -> tuple[Any, Any]:
        user, error = resolve(pool, username)
        if user is None and username is not None:
            same = _same_name(pool, username)
            if same is not None and same != username:
                return resolve(pool, same)
        return user, error

    def checked_create(data: dict[str, Any]) -> Response:
        pool = cognito._user_pools.get(data.get("UserPoolId"))
        username = data.get("Username")
        if pool is None or not isinstance(username, str):
            return create(data)
        same = _same_name(pool, username)
        if same is not None and same != username:
            if (data.get("MessageAction") or "").upper() != "RESEND":
                return _refused("UsernameExistsException", "User account already exists.")
            data = {**data, "Username": same}
        return _unfit(pool, data, None) or create(data)

    def checked_sign_up(data: dict[str, Any]) -> Response:
        _, pool, _ = cognito._find_pool_by_client_id(data.get("ClientId"))
        if pool is not None:
            same = _same_name(pool, data.get("Username") or "")
            if same is not None and same != data.get("Username"):
                return _refused("UsernameExistsException", "User already exists.")
        return (pool is not None and _unfit(pool, data, None)) or sign_up(data)

    def checked_update(data: dict[str, Any]) -> Response:
        pool = cognito._user_pools.get(data.get("UserPoolId"))
        user = resolve_in_any_case(pool, data.get("Username"))[0] if pool else None
        return (user is not None and _unfit(pool, data, user)) or update(data)

    def checked_change(data: dict[str, Any]) -> Response:
        user, pool = cognito._user_pool_for_access_token(data.get("AccessToken", ""))
        return (bool(user) and _unfit(pool, data, user)) or change(data)

    cognito._resolve_user = resolve_in_any_case
    cognito._admin_create_user = checked_create
    cognito._sign_up = checked_sign_up
    cognito._admin_update_user_attributes = checked_update
    cognito._update_user_attributes = checked_change
    _check_filters()


def _refused(code: str, message: str) -> Response:
    return cognito.error_response_json(code, message, 400)


def _same_name(pool: dict[str, Any], username: str) -> str | None:
    """The name or address of somebody in the pool that differs from this one by its case at most."""
    if (pool.get("UsernameConfiguration") or {}).get("CaseSensitive") is not False:
        return None
    wanted = username.lower()
    aliases = {*(pool.get("UsernameAttributes") or ()), *(pool.get("AliasAttributes") or ())}
    for name, user in list(pool["_users"].items()):
        if name.lower() == wanted:
            return name
        for attribute in user.get("Attributes", ()):
            if attribute["Name"] in aliases and str(attribute["Value"]).lower() == wanted:
                return attribute["Value"]
    return None


def _unfit(pool: dict[str, Any], data: dict[str, Any], user: dict[str, Any] | None) -> Response | None:
    """The refusal of attributes that do not fit the pool's schema, or belong to somebody else."""
    schema = {one["Name"]: one for one in pool.get("SchemaAttributes") or ()}
    for attribute in data.get("UserAttributes") or ():
        name, value = attribute["Name"], attribute.get("Value", "")
        message = _attribute_fault(schema.get(name), name, value)
        if message is None and user is not None and not schema[name].get("Mutable", True):
            message = f"user.{name}: Attribute cannot be updated.\n"
        if message is not None:
            return _refused("InvalidParameterException", message)
        if user is not None and name in (pool.get("UsernameAttributes") or ()):
            owner = cognito._resolve_user(pool, value)[0]
            if owner is not None and owner is not user:
                return _refused("AliasExistsException", f"An account with the {name} already exists.")
    return None


def _attribute_fault(definition: dict[str, Any] | None, name: str, value: str) -> str | None:
    conform = f"Attributes did not conform to the schema: {name}: "
    if definition is None:
        return f"{conform}Attribute does not exist in the schema.\n"
    text = definition.get("StringAttributeConstraints") or {}
    number = definition.get("NumberAttributeConstraints") or {}
    kind = definition.get("AttributeDataType", "String")
    if kind == "String":
        if len(value) < int(text.get("MinLength") or 0):
            return f"{conform}String must be at least {text['MinLength']} characters long.\n"
        if len(value) > int(text.get("MaxLength") or 2048):
            return f"{conform}String must be no longer than {text.get('MaxLength') or 2048} characters.\n"
    elif kind == "Number" and value:
        if not re.fullmatch(r"-?\d+", value):
            return f"{conform}Attribute value is no number.\n"
        if not int(number.get("MinValue") or int(value)) <= int(value) <= int(number.get("MaxValue") or int(value)):
            return f"{conform}Number is out of its range.\n"
    elif kind == "Boolean" and value.lower() not in ("true", "false"):
        return f"{conform}Attribute value is neither true nor false.\n"
    if name == "email" and value and not _EMAIL.fullmatch(value):
        return "Invalid email address format."
    if name == "phone_number" and value and not _PHONE.fullmatch(value):
        return "Invalid phone number format."
    return None


def _check_filters() -> None:
    list_users = cognito._list_users

    def apply(users: list[dict[str, Any]], text: str) -> list[dict[str, Any]]:
        name, operator, value = _FILTER.fullmatch(text).groups()
        value = re.sub(r"\\(.)", r"\1", value)
        exact = name in cognito._CASE_SENSITIVE_FILTER_ATTRIBUTES
        matches: Callable[[str], bool] = (value if exact else value.casefold()).__eq__
        if operator == "^=":
            prefix = value if exact else value.casefold()
            matches = lambda found: found.startswith(prefix)  # noqa: E731 - one of two, chosen here
        return [user for user in users if matches(_field(user, name) if exact else _field(user, name).casefold())]

    def checked(data: dict[str, Any]) -> Response:
        text = data.get("Filter") or ""
        if text:
            parsed = _FILTER.fullmatch(text)
            if parsed is None:
                return _refused("InvalidParameterException", "Error while parsing filter.")
            if parsed[1] not in _SEARCHABLE:
                return _refused("InvalidParameterException", f"Invalid search attribute: {parsed[1]}")
        return list_users(data)

    cognito._apply_user_filter = apply
    cognito._list_users = checked


def _field(user: dict[str, Any], name: str) -> str:
    if name == "username":
        return user["Username"]
    if name == "status":
        return "Enabled" if user.get("Enabled", True) else "Disabled"
    if name == "cognito:user_status":
        return user.get("UserStatus", "")
    return next((str(one["Value"]) for one in user.get("Attributes", ()) if one["Name"] == name), "")
