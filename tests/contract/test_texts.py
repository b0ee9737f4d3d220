"""Every text that a caller, an event or a client of ours gives has a rule: what is free is a name or a text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from bbws_access.kernel.contract import chosen_ids, fixed_words, load_contract, load_events
from bbws_access.kernel.formats import Formats, kind_of
from bbws_access.kernel.texts import NAME

# Not written for people: a path that is asked about, an opaque cursor.
MACHINES = {"checkAccess body.path", "startAt"}


def texts_of(schema: dict, field: str) -> Iterator[tuple[str, dict]]:
    if "string" in (schema.get("type"), *(schema["type"] if isinstance(schema.get("type"), list) else ())):
        yield field, schema
    for name, part in schema.get("properties", {}).items():
        yield from texts_of(part, f"{field}.{name}")
    if "items" in schema:
        yield from texts_of(schema["items"], f"{field}.*")


def given() -> Iterator[tuple[str, dict]]:
    """Each text that comes from outside, with its schema."""
    for operation in load_contract().operations.values():
        # Where each item has a result of its own, it is checked by a schema of its own, and stored as that says.
        for field, schema in texts_of(operation.each_schema or operation.body_schema or {}, "body"):
            yield f"{operation.operation_id} {field}", schema
        # What a path holds is ASCII, whatever its schema says.
        for parameter in (one for one in operation.parameters if one.location == "query"):
            for field, schema in texts_of(parameter.schema, parameter.name):
                yield f"{operation.operation_id} {field}", schema
    for kind, event in load_events()["events"].items():
        for field, schema in texts_of(event["detail"], "detail"):
            yield f"{kind} {field}", schema


GIVEN = list(given())


def is_closed(schema: dict) -> bool:
    """Whether a schema lets nothing through but characters that everybody can tell apart."""
    validator = Draft202012Validator(schema)
    wrong = ("a\u200bb", "\u200b", "\u00e9", "e\u0301", "a\u202eb", "a\u00adb", "\u0430\u0431", "a\u2028b", "\u3164")
    return "enum" in schema or schema.get("format") == "date-time" or not any(map(validator.is_valid, wrong))


@pytest.mark.parametrize(("where", "schema"), GIVEN, ids=[where for where, _ in GIVEN])
def test_a_text_is_closed_or_has_a_rule(where: str, schema: dict) -> None:
    kind = kind_of(schema)
    if kind is not None:
        assert schema["maxLength"] <= 500
        assert schema.get("minLength", 0) >= (kind == NAME)
    elif not {where, where.partition(" ")[2]} & MACHINES:
        assert is_closed(schema), schema


def test_every_kind_of_text_is_among_them() -> None:
    kinds: dict[str, set[str]] = {}
    for where, schema in GIVEN:
        kinds.setdefault(kind_of(schema) or "", set()).add(where.rpartition(".")[2])
    assert kinds["text"] == {"description", "message", "reason"}
    assert kinds["name"] >= {"name", "displayName", "firstName", "lastName", "listTeams name"}


def test_every_id_that_a_client_chooses_is_known() -> None:
    """Whatever else is an id in a body names something that is there, whose id we made, or a person."""
    there = {"roleId", "teamId", "teamRoleId", "toTeamId", "userId"}
    found = {where.rpartition(".")[2] for where, _ in GIVEN if " body." in where and where.endswith("Id")}
    assert found == there | chosen_ids()
    assert load_events()["events"]["OrganisationCreated"]["chosenIds"] == ["organisationId"]


def test_no_word_of_a_path_is_free() -> None:
    words = {word for path in load_contract().document["paths"] for word in path.split("/") if word and word[0] != "{"}
    assert words <= fixed_words()
    formats = Formats({"properties": {"id": {"type": "string"}}}, ["id"], ["sites"])
    for word in (*words, "sites", "v1", "audit"):
        assert [one["field"] for one in formats.apply({"id": word}, "body")[1]] == ["body.id"]
    assert formats.apply({"id": "teams-2"}, "body") == ({"id": "teams-2"}, [])


def test_examples_keep_the_rules() -> None:
    """What the contract shows is what the services store."""
    document = json.loads((Path(__file__).parents[2] / "contract" / "openapi.json").read_text())
    for path, item in document["paths"].items():
        for method, operation in item.items():
            content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
            examples = [content["example"]] if "example" in content else []
            examples += [one["value"] for one in content.get("examples", {}).values()]
            formats = Formats(load_contract().operations[operation["operationId"]].body_schema or {})
            for example in examples:
                assert formats.apply(example, "body") == (example, []), (method, path)
