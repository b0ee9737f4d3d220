"""Identifiers: time-ordered, unguessable, and never able to act as a wildcard in a policy or a separator in a key."""

from __future__ import annotations

import os
import re
import time

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_PREFIXES = {
    "organisation": "org",
    "role": "role",
    "permission-set": "set",
    "team": "team",
    "invitation": "inv",
    "team-role": "trole",
}
# Path parameters that hold an id of the platform's.
PATH_IDS = frozenset({"orgId", "roleId", "setId", "permissionId", "teamId", "invitationId", "teamRoleId", "userId"})
# The length of those whose ids all have the same. Organisations' ids can be chosen, and those of the platform's own
# roles, sets and permissions are words.
WIDTHS = {"teamId": 31, "invitationId": 30, "teamRoleId": 32, "userId": 36}
# How the others begin, except those that can be chosen.
BEGINNINGS = {"roleId": "role-", "setId": "set-", "permissionId": "perm-"}
# Their beginnings, and the letters of the rest.
LETTERS = {
    "teamId": ("team-", _ALPHABET),
    "invitationId": ("inv-", _ALPHABET),
    "teamRoleId": ("trole-", _ALPHABET),
    "userId": ("", "0123456789abcdef-"),
}
_ID = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*\Z")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z")
_LONGEST_ID = 64
_RANDOM_BITS = 80
_DIGITS = 26  # 48 bits of time and 80 random bits, five bits a digit


def new_id(kind: str) -> str:
    """A new id of a kind: organisation, role, permission-set, team, invitation, team-role (or the prefix itself)."""
    prefix = _PREFIXES.get(kind, kind)
    if prefix not in _PREFIXES.values():
        raise ValueError(f"Unknown kind of id {kind!r}; known: {', '.join(_PREFIXES)}")
    number = (time.time_ns() // 1_000_000 << _RANDOM_BITS) | int.from_bytes(os.urandom(_RANDOM_BITS // 8), "big")
    digits = "".join(_ALPHABET[number >> shift & 31] for shift in range(5 * (_DIGITS - 1), -1, -5))
    return f"{prefix}-{digits}"


def is_valid_id(value: object) -> bool:
    """Lower-case letters, digits and single hyphens, at most 64 characters."""
    return isinstance(value, str) and len(value) <= _LONGEST_ID and _ID.match(value) is not None


def is_user_id(value: object) -> bool:
    """A Cognito `sub`: a lower-case UUID."""
    return isinstance(value, str) and _UUID.match(value) is not None
