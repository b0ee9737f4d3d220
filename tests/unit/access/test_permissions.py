"""Permission names and wildcards."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bbws_access.access.permissions import covers, expand, is_known, missing
from bbws_access.kernel.contract import load_permissions

_NAMES = [permission["name"] for permission in load_permissions()]


@pytest.mark.parametrize(
    ("held", "wanted", "expected"),
    [
        ("*", "site:read", True),
        ("*", "*", True),
        ("*", "site:*", True),
        ("site:*", "site:read", True),
        ("site:*", "site:*", True),
        ("team:*", "team:member:add", True),
        ("team:*", "team:member:*", True),
        ("team:member:*", "team:member:add", True),
        ("site:read", "site:read", True),
        ("site:*", "*", False),
        ("site:read", "site:*", False),
        ("team:member:*", "team:*", False),
        ("team:member:*", "team:read", False),
        ("team:*", "team", False),
        ("team:*", "teams:read", False),
        ("audit:read", "audit:read:org", False),
        ("audit:read:org", "audit:read", False),
        ("te*", "team:read", False),
        ("team*", "team:read", False),
        ("*:read", "team:read", False),
        (":*", ":read", False),
        ("", "", True),
        ("", "site:read", False),
        ("SITE:*", "site:read", False),
    ],
)
def test_covers(held, wanted, expected):
    assert covers(held, wanted) is expected


def test_expand():
    assert expand("*") == frozenset(_NAMES)
    assert expand("team:member:*") == {
        "team:member:read",
        "team:member:add",
        "team:member:update",
        "team:member:remove",
    }
    assert expand("site:read") == {"site:read"}
    assert expand("site:fly") == expand("te*") == expand("") == frozenset()


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("site:read", True),
        ("site:*", True),
        ("*", True),
        ("site:fly", False),
        ("ship:*", False),
        ("", False),
        (None, False),
    ],
)
def test_is_known(name, known):
    assert is_known(name) is known


def test_missing_keeps_order_and_wildcards():
    assert missing({"site:*", "team:read"}, ["team:*", "site:read", "org:read", "site:*", "*"]) == [
        "team:*",
        "org:read",
        "*",
    ]
    assert missing({"*"}, ["*", "site:read"]) == []
    assert missing([], ["site:read"]) == ["site:read"]


_HELD = st.sampled_from([*_NAMES, "*", *(f"{name.split(':')[0]}:*" for name in _NAMES), "team:member:*", "team:role:*"])


@given(_HELD, _HELD)
def test_covering_is_including_everything_that_the_other_stands_for(held, wanted):
    if covers(held, wanted):
        assert expand(wanted) <= expand(held)


@given(_HELD, _HELD, _HELD)
def test_covering_is_transitive(one, two, three):
    if covers(one, two) and covers(two, three):
        assert covers(one, three)
