"""Versions, unique names and retries, apart from storage."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import ClassVar

import pytest

from bbws_access.kernel.dynamodb import Delete, Put, Query
from bbws_access.kernel.errors import BadRequest, Conflict
from bbws_access.kernel.paging import encode_cursor
from bbws_access.kernel.records import (
    Change,
    Named,
    Stale,
    audit_columns,
    check_version,
    start_key,
    timestamp,
    until_fresh,
)

NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, UTC)
CHANGE = Change("me", "request-1", NOW)
ROLES = Named("OrganisationRole", "OrganisationRoleName", "roleId")


def role(name: str = "EDITOR", **more: object) -> dict:
    """A stored role; an inactive one lies elsewhere."""
    place = {"PK": "ROLE#ORG#org-1", "SK": f"{'ROLE' if more.get('active', True) else 'INACTIVE#ROLE'}#role-1"}
    columns = {"organisationId": "org-1", "roleId": "role-1", "name": name, "active": True}
    return {**place, **columns, **CHANGE.first(), **more}


def test_moments_are_texts_of_one_length_in_utc() -> None:
    assert timestamp(NOW) == "2026-01-02T03:04:05.678Z"
    assert timestamp(NOW.astimezone(timezone(timedelta(hours=2)))) == "2026-01-02T03:04:05.678Z"
    assert timestamp(NOW.replace(microsecond=0)) == "2026-01-02T03:04:05.000Z"
    later = NOW + timedelta(milliseconds=1)
    assert timestamp(NOW) < timestamp(later)


def test_columns_of_first_and_next_version() -> None:
    first = CHANGE.first()
    assert first == {
        "dateCreated": "2026-01-02T03:04:05.678Z",
        "createdBy": "me",
        "requestId": "request-1",
        "version": 1,
    }
    following = {**first, **Change("you", "request-2", NOW + timedelta(days=1)).next(first)}
    assert (following["createdBy"], following["dateCreated"]) == ("me", first["dateCreated"])
    assert (following["lastUpdatedBy"], following["requestId"], following["version"]) == ("you", "request-2", 2)
    assert following["dateLastUpdated"] == "2026-01-03T03:04:05.678Z"


def test_the_last_change_of_what_never_changed_is_its_creation() -> None:
    first = CHANGE.first()
    assert audit_columns(first) == {
        "dateCreated": first["dateCreated"],
        "dateLastUpdated": first["dateCreated"],
        "createdBy": "me",
        "lastUpdatedBy": "me",
    }
    later = {**first, **Change("you", "request-2", NOW + timedelta(days=1)).next(first)}
    assert (audit_columns(later)["dateLastUpdated"], audit_columns(later)["lastUpdatedBy"]) == (
        "2026-01-03T03:04:05.678Z",
        "you",
    )
    # Records of before say it twice.
    old = {**first, "dateLastUpdated": first["dateCreated"], "lastUpdatedBy": "me"}
    assert audit_columns(old) == audit_columns(first)


def test_versions() -> None:
    check_version({"version": 3}, None)
    check_version({"version": 3}, 3)
    with pytest.raises(Conflict, match="version 3, not 2") as caught:
        check_version({"version": 3}, 2)
    assert (caught.value.code, caught.value.details) == ("VERSION_CONFLICT", {"version": 3})


class TestNames:
    def test_a_new_record_takes_its_name(self) -> None:
        (record, stale), (name, taken) = ROLES.create("table", role())
        assert (record.item["PK"], record.item["SK"]) == ("ROLE#ORG#org-1", "ROLE#role-1")
        assert (record.condition, name.condition) == ("attribute_not_exists(PK)", "attribute_not_exists(PK)")
        assert name.item["PK"] == "ROLE#ORG#org-1"
        assert name.item["SK"] == "NAME#editor"
        assert (name.item["entityType"], name.item["roleId"]) == ("OrganisationRoleName", "role-1")
        assert isinstance(stale, Stale)
        assert (taken.code, taken.details) == ("NAME_TAKEN", {"name": "EDITOR"})

    @pytest.mark.parametrize(
        ("old", "new", "taken", "freed"),
        [
            (role(), role(displayName="other"), None, None),
            (role(), role("Editor"), None, None),
            (role(), role("WRITER"), "writer", "editor"),
            (role(), role(active=False), None, "editor"),
            (role(), role("WRITER", active=False), None, "editor"),
            (role(active=False), role(), "editor", None),
            (role(active=False), role("WRITER"), "writer", None),
            (role(active=False), role("WRITER", active=False), None, None),
        ],
    )
    def test_the_next_version_takes_and_frees_names(
        self, old: dict, new: dict, taken: str | None, freed: str | None
    ) -> None:
        steps = ROLES.replace("table", {**old, "version": 7}, {**new, "PK": old["PK"], "SK": old["SK"]})
        (record, _), *names = steps
        assert (record.condition, record.values) == ("#version = :version", {":version": 7})
        if old["active"] != new["active"]:
            # It moves: gone where it lay, and nothing where it comes to lie.
            (moved, _), *names = names
            assert (record.key["SK"], moved.item["SK"]) == (old["SK"], new["SK"])
            assert moved.condition == "attribute_not_exists(PK)"
        else:
            assert record.item["SK"] == old["SK"]
        puts = [step.item["SK"] for step, _ in names if isinstance(step, Put)]
        deletes = [step.key["SK"] for step, _ in names if isinstance(step, Delete)]
        assert puts == ([f"NAME#{taken}"] if taken else [])
        assert deletes == ([f"NAME#{freed}"] if freed else [])

    def test_nobody_frees_the_name_of_another_record(self) -> None:
        *_, (delete, _) = ROLES.replace("table", role(), role(active=False))
        assert (delete.condition, delete.names, delete.values) == ("#id = :id", {"#id": "roleId"}, {":id": "role-1"})


class TestUntilFresh:
    def test_the_first_reads_are_used_once(self) -> None:
        assert until_fresh([1], lambda: pytest.fail("read again"), lambda reads: reads) == [1]

    def test_stale_reads_are_read_again(self) -> None:
        fresh = iter([[2], [3]])

        def attempt(reads: list) -> list:
            if reads != [3]:
                raise Stale
            return reads

        assert until_fresh([1], lambda: next(fresh), attempt) == [3]

    def test_it_gives_up(self) -> None:
        reads = []

        def attempt(_: list) -> None:
            raise Stale

        with pytest.raises(Stale) as caught:
            until_fresh([], lambda: reads.append(1) or [], attempt)
        assert (caught.value.status, caught.value.code) == (409, "VERSION_CONFLICT")
        assert len(reads) == 9

    def test_other_errors_pass(self) -> None:
        def attempt(_: list) -> None:
            raise Conflict("no", code="NAME_TAKEN")

        with pytest.raises(Conflict, match="no"):
            until_fresh([], lambda: pytest.fail("read again"), attempt)


class TestStartKey:
    SCOPE: ClassVar = ["listRoles", "orgId=org-1"]
    QUERY = Query("table", "ROLE#ORG#org-1", "ROLE#")
    OF_ROLE = Query("table", "ASSIGNMENT#ORG#org-1#ROLE#role-1", index="assignments-by-role")

    def test_a_list_begins_at_its_begin(self) -> None:
        assert start_key(self.SCOPE, None, self.QUERY) is None

    @pytest.mark.parametrize(
        ("query", "ended_at"),
        [
            (QUERY, {"PK": "ROLE#ORG#org-1", "SK": "ROLE#role-1"}),
            (OF_ROLE, {"PK": "p", "SK": "s", "GSI1PK": "ASSIGNMENT#ORG#org-1#ROLE#role-1", "GSI1SK": "USER#u"}),
        ],
    )
    def test_it_goes_on_where_it_ended(self, query: Query, ended_at: dict) -> None:
        assert start_key(self.SCOPE, encode_cursor(self.SCOPE, ended_at), query) == ended_at

    @pytest.mark.parametrize(
        "forged",
        [
            {"PK": "ROLE#ORG#org-2", "SK": "ROLE#role-1"},
            {"PK": "ROLE#ORG#org-1", "SK": "NAME#x"},
            {"PK": "ROLE#ORG#org-1", "SK": ""},
            {"PK": "ROLE#ORG#org-1", "SK": "ROLE#" + "x" * 1024},
            {"PK": "ROLE#ORG#org-1", "SK": "ROLE#" + "x" * 1000 + "€" * 10},
            {"PK": "ROLE#ORG#org-1", "SK": "ROLE#\ud800"},
            {"PK": "ROLE#ORG#org-1"},
            {"PK": "ROLE#ORG#org-1", "SK": "ROLE#role-1", "X": "x"},
        ],
    )
    def test_a_key_of_elsewhere_is_no_cursor_though_its_checksum_is_right(self, forged: dict) -> None:
        with pytest.raises(BadRequest) as caught:
            start_key(self.SCOPE, encode_cursor(self.SCOPE, forged), self.QUERY)
        assert caught.value.code == "INVALID_CURSOR"
