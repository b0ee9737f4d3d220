"""What is wrong with a value that somebody sent: the field, the rule, and the value where it may be repeated."""

from __future__ import annotations

import re

NO_VALUE = object()
_WHOLE, _BEGINNING = 40, 20  # characters of a text that are repeated: all of a short one, the beginning of a long one
_LARGE = 10**15  # from here on a number is no shorter than what it stands for
# A run without a blank that is as long as secrets are: a token, a key, a hash. Ids of users are as long, and none.
_SECRET = re.compile(r"[^\s@]{32,}")
_USER_ID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\Z")


def violation(field: str, rule: str, message: str, value: object = NO_VALUE) -> dict[str, object]:
    """One entry of an error's details. A value that may be a secret, or is no scalar, is left out."""
    found: dict[str, object] = {"field": field, "rule": rule, "message": message}
    shown = _shown(value)
    if shown is not NO_VALUE:
        found["value"] = shown
    return found


def _shown(value: object) -> object:
    """What is repeated of a value."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, (int, float)):
        return value if abs(value) < _LARGE else NO_VALUE
    if not isinstance(value, str):
        return NO_VALUE
    if _SECRET.search(value) and not _USER_ID.match(value):
        return NO_VALUE
    text = value if len(value) <= _WHOLE else f"{value[:_BEGINNING]}…"
    return text.encode("utf-8", "replace").decode()  # half of a surrogate pair is no character
