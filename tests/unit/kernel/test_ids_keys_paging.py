"""Ids, keys and cursors."""

import base64
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bbws_access.kernel.contract import load_permissions, platform_roles, platform_sets
from bbws_access.kernel.errors import BadRequest
from bbws_access.kernel.ids import BEGINNINGS, PATH_IDS, WIDTHS, is_user_id, is_valid_id, new_id
from bbws_access.kernel.keys import InvalidKey, index_key, key, partition, sort_prefix
from bbws_access.kernel.paging import decode_cursor, encode_cursor, list_response, page_size


@pytest.mark.parametrize(
    ("kind", "parameter"),
    [
        ("organisation", "orgId"),
        ("role", "roleId"),
        ("permission-set", "setId"),
        ("team", "teamId"),
        ("invitation", "invitationId"),
        ("team-role", "teamRoleId"),
    ],
)
def test_new_ids_are_valid_and_what_the_policies_believe(kind, parameter):
    one = new_id(kind)
    assert is_valid_id(one)
    assert parameter in PATH_IDS
    assert len(one) == WIDTHS.get(parameter, len(one))
    assert one.startswith(BEGINNINGS.get(parameter, ""))


def test_what_has_other_ids_as_well_has_no_length():
    """Organisations are named by whoever makes them, and what the platform brings by words."""
    assert sorted(PATH_IDS - WIDTHS.keys()) == ["orgId", "permissionId", "roleId", "setId"]
    brought = {"roleId": platform_roles(), "setId": platform_sets()}
    brought["permissionId"] = {one["permissionId"]: one for one in load_permissions()}
    assert {name for name, ids in brought.items() for one in ids if one.startswith(BEGINNINGS[name])} == set(BEGINNINGS)
    assert [one for name, ids in brought.items() for one in ids if not one.startswith(BEGINNINGS[name])] == []


def test_new_ids_are_unique_and_in_the_order_of_time():
    ids = [new_id("role") for _ in range(1000)]
    assert len(set(ids)) == 1000
    early = new_id("role")
    time.sleep(0.003)
    assert early < new_id("role")


def test_an_unknown_kind():
    with pytest.raises(ValueError, match="Unknown kind"):
        new_id("site")


@given(st.text())
def test_nothing_dangerous_is_an_id(text):
    if is_valid_id(text):
        assert set(text) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
        assert 0 < len(text) <= 64


@pytest.mark.parametrize("text", ["", "A", "a_b", "a--b", "-a", "a-", "a\n", "a*", None, 5, "a" * 65, "²"])
def test_what_is_no_id(text):
    assert not is_valid_id(text)


@pytest.mark.parametrize(
    "text", ["", "11111111-1111-4111-8111-11111111111", "11111111-1111-4111-8111-11111111111A", None]
)
def test_what_is_no_user_id(text):
    assert not is_user_id(text)


def test_keys_follow_the_data_model():
    parts = {"userId": "u", "orgId": "o", "roleId": "r", "teamId": "-", "ends": "NEVER"}
    assert key("UserRoleAssignment", **parts) == {"PK": "ASSIGNMENT#USER#u", "SK": "ORG#o#ROLE#r#TEAM#-"}
    assert index_key("UserRoleAssignment", "assignments-by-role", **parts) == {
        "GSI1PK": "ASSIGNMENT#ORG#o#ROLE#r",
        "GSI1SK": "NEVER#USER#u#TEAM#-",
    }
    assert partition("OrganisationRole", orgId="o") == "ROLE#ORG#o"
    assert (
        partition("UserRoleAssignment", index="assignments-by-role", orgId="o", roleId="r") == "ASSIGNMENT#ORG#o#ROLE#r"
    )
    assert sort_prefix("OrganisationRole") == "ROLE#"
    assert sort_prefix("UserRoleAssignment", orgId="o") == "ORG#o#ROLE#"
    assert sort_prefix("UserRoleAssignment", index="assignments-by-role", ends="e", userId="u") == "e#USER#u#TEAM#"


@pytest.mark.parametrize("value", ["", "a#b", None, 5])
def test_parts_that_would_make_another_key(value):
    with pytest.raises(InvalidKey, match="orgId"):
        key("OrganisationRole", orgId=value, roleId="r")


def test_a_value_is_never_taken_for_a_placeholder():
    parts = {"userId": "u", "orgId": "{roleId}", "roleId": "r", "teamId": "-"}
    assert key("UserRoleAssignment", **parts)["SK"] == "ORG#{roleId}#ROLE#r#TEAM#-"


def test_unknown_entities_and_indexes():
    with pytest.raises(InvalidKey, match="Unknown entity"):
        key("Nothing")
    with pytest.raises(InvalidKey, match="no index"):
        index_key("OrganisationRole", "assignments-by-role")
    with pytest.raises(InvalidKey, match="roleId"):
        key("OrganisationRole", orgId="o")


@given(
    st.text(min_size=1).filter(lambda text: "#" not in text), st.text(min_size=1).filter(lambda text: "#" not in text)
)
def test_different_parts_never_share_a_key(one, other):
    same = key("OrganisationRole", orgId=one, roleId="r") == key("OrganisationRole", orgId=other, roleId="r")
    assert same == (one == other)


@pytest.mark.parametrize(("query", "size"), [({}, 50), ({"pageSize": 1}, 1), ({"pageSize": 100}, 100)])
def test_page_sizes(query, size):
    assert page_size(query) == size


@pytest.mark.parametrize("size", [0, 101, -1, "5", 5.0, True, None])
def test_page_sizes_that_are_refused(size):
    with pytest.raises(BadRequest, match="pageSize"):
        page_size({"pageSize": size})


_KEYS = st.dictionaries(st.text(max_size=8), st.text(max_size=30), min_size=1, max_size=4)


@given(_KEYS, st.lists(st.text(max_size=10), min_size=1, max_size=3))
def test_a_cursor_leads_back_to_its_key(last_key, scope):
    cursor = encode_cursor(scope, last_key)
    assert set(cursor) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    assert decode_cursor(scope, cursor) == last_key


def _refused(scope, cursor):
    with pytest.raises(BadRequest) as caught:
        decode_cursor(scope, cursor)
    assert caught.value.code == "INVALID_CURSOR"


@given(_KEYS, st.integers(0, 400), st.sampled_from("AZaz09-_"))
def test_a_changed_cursor_is_refused(last_key, position, letter):
    cursor = encode_cursor(["list"], last_key)
    position %= len(cursor)
    if cursor[position] != letter:
        _refused(["list"], cursor[:position] + letter + cursor[position + 1 :])


def test_cursors_of_other_lists_are_refused():
    cursor = encode_cursor(["listRoles", "org-1", "active"], {"PK": "ROLE#ORG#org-1", "SK": "ROLE#1"})
    for scope in (["listRoles", "org-2", "active"], ["listSets", "org-1", "active"], ["listRoles", "org-1active"], []):
        _refused(scope, cursor)
    assert decode_cursor(["listRoles", "org-1", "active"], cursor)["SK"] == "ROLE#1"


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "%%%",
        "é",
        "a b",
        "AAAA" * 600,
        base64.urlsafe_b64encode(json.dumps({"PK": "x"}).encode()).decode(),
        "=" * 8,
    ],
)
def test_what_never_was_a_cursor(cursor):
    _refused(["list"], cursor)


def test_a_cursor_has_one_spelling():
    cursor = encode_cursor(["list"], {"PK": "x"})
    for other in (cursor + "=", cursor + "\n", cursor[:5] + " " + cursor[5:]):
        _refused(["list"], other)


def test_the_end_has_no_cursor():
    assert encode_cursor(["list"], None) is None
    assert decode_cursor(["list"], None) is None
    assert list_response([{"a": 1}], None, {"self": {"href": "/"}}) == {
        "items": [{"a": 1}],
        "count": 1,
        "moreAvailable": False,
        "startAt": None,
        "_links": {"self": {"href": "/"}},
    }
    assert list_response([], "next", {})["moreAvailable"] is True
