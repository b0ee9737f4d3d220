"""Requests of every operation, written by botocore and read back by the local AWS."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from botocore.model import OperationModel, ServiceModel, Shape
from botocore.serialize import create_serializer

from bbws_access.local_aws import wire
from bbws_access.local_aws.judge import LIMIT, REQUIRED, TYPE, UNION, UNKNOWN, by_the_model
from bbws_access.local_aws.rules import _rules

SERVICES = [name for names in wire.SERVICES.values() for name in names]
SIGNED_AS = {name: signing for signing, names in wire.SERVICES.items() for name in names}
PROTOCOLS = ("smithy-rpc-v2-cbor", "json", "query", "rest-json", "rest-xml")
# Operations whose requests are those of another one: the host alone, or nothing, tells them apart.
ALIKE = {"s3:ListDirectoryBuckets": "s3:ListBuckets"}


def value(shape: Shape, depth: int = 0) -> Any:
    """Something that a shape allows, patterns aside, with every member down to a depth."""
    kind = shape.type_name
    if kind == "structure":
        members = list(shape.members.items())
        if getattr(shape, "is_tagged_union", False):
            plain = [one for one in members if one[1].type_name not in ("structure", "list", "map")]
            return {name: value(one, depth + 1) for name, one in (plain or members)[:1]}
        wanted = [(name, one) for name, one in members if depth < 3 or name in shape.required_members]
        # Forms cannot say that a structure is there and empty.
        wanted = wanted or members[:1]
        return {name: value(one, depth + 1) for name, one in wanted if depth < 12}
    if kind == "list":
        return [value(shape.member, depth + 1)] * max(1, shape.metadata.get("min", 1)) if depth < 12 else []
    if kind == "map":
        return {str(value(shape.key)): value(shape.value, depth + 1)} if depth < 12 else {}
    if kind in ("string", "character"):
        return shape.enum[0] if getattr(shape, "enum", None) else "a" * max(3, shape.metadata.get("min", 3))
    if kind in ("integer", "long"):
        return max(1, shape.metadata.get("min", 1))
    if kind in ("float", "double"):
        return 1.5
    if kind == "boolean":
        return True
    if kind == "timestamp":
        return datetime(2026, 1, 1, tzinfo=UTC)
    return b"abc"


def request(operation: OperationModel, protocol: str, values: dict[str, Any]) -> wire.Request:
    """As it comes in at the local AWS."""
    made = create_serializer(protocol, include_validation=False).serialize_to_request(values, operation)
    path, _, query = made["url_path"].partition("?")
    body = made["body"]
    headers = {name.lower(): str(text) for name, text in made["headers"].items()}
    if isinstance(body, dict):
        body = urlencode(body).encode()
        headers["content-type"] = "application/x-www-form-urlencoded"
    elif isinstance(body, str):
        body = body.encode()
    elif not isinstance(body, bytes):
        body = b""
    headers["authorization"] = (
        f"AWS4 Credential=a/20260101/eu-west-1/{SIGNED_AS[operation.service_model.service_name]}/"
    )
    given = made["query_string"] or {}
    pairs = given.items() if isinstance(given, dict) else given
    parameters = [(name, one) for name, text in pairs for one in (text if isinstance(text, list) else [text])]
    parameters += [(part.partition("=")[0], part.partition("=")[2]) for part in query.split("&") if part]
    return wire.Request(
        made["method"], urlsplit(path).path, [(name, str(one)) for name, one in parameters], headers, body
    )


def operations(service: str) -> Iterator[tuple[OperationModel, str]]:
    """Every operation that is not replaced by another, in every protocol of the service."""
    owner = wire.model(service)
    for name in owner.operations:
        for protocol in PROTOCOLS:
            content = owner.content
            if protocol not in content["metadata"].get("protocols", [owner.protocol]):
                continue
            changed = {**content, "metadata": {**content["metadata"], "protocol": protocol}}
            operation = ServiceModel(changed, service).operation_model(name)
            if not operation.deprecated:
                yield operation, protocol


@pytest.mark.parametrize("service", SERVICES)
def test_every_operation_is_read_back(service: str) -> None:
    count = 0
    for operation, protocol in operations(service):
        values = value(operation.input_shape) if operation.input_shape else {}
        call = wire.read(request(operation, protocol, values))
        what = f"{service}:{operation.name} by {protocol}"
        name = f"{service}:{operation.name}"
        assert str(call.operation) == ALIKE.get(name, name), what
        if name in ALIKE:
            continue
        wrong = [one for one in by_the_model(call) if one.kind in (UNKNOWN, REQUIRED, TYPE, UNION)]
        assert wrong == [], what
        count += 1
    assert count


@pytest.mark.parametrize("service", SERVICES)
def test_nothing_that_is_required_goes_unmissed(service: str) -> None:
    """Without its body or form each operation that requires something lacks it, and says where."""
    for operation, protocol in operations(service):
        shape = operation.input_shape
        if shape is None:
            continue
        in_body = [name for name in shape.required_members if "location" not in shape.members[name].serialization]
        values = value(shape)
        asked = request(operation, protocol, {name: one for name, one in values.items() if name not in in_body})
        lacking = {one.path for one in by_the_model(wire.read(asked)) if one.kind == REQUIRED}
        wired = {shape.members[name].serialization.get("name", name) for name in in_body}
        assert lacking & {*in_body, *wired} or not in_body, f"{service}:{operation.name} by {protocol}"


def test_rules_are_for_operations_that_there_are() -> None:
    for operation in _rules():
        service, _, name = operation.partition(":")
        assert name in wire.model(service).operations, operation


def test_a_request_of_nobody_is_not_understood() -> None:
    signed = {"authorization": "Credential=a/20260101/eu-west-1/lambda/"}
    for asked in (
        wire.Request("GET", "/nowhere/at/all", [], signed, b""),
        wire.Request("POST", "/", [], {"x-amz-target": "DynamoDB_20120810.Nothing"}, b"{}"),
        wire.Request("POST", "/", [], {"x-amz-target": "Nobody.GetItem"}, b"{}"),
        wire.Request("GET", "/", [], {"authorization": "Credential=a/20260101/eu-west-1/nobody/"}, b""),
        wire.Request("GET", "/", [], {}, b""),
    ):
        with pytest.raises(wire.NotUnderstood):
            wire.read(asked)
    for body in (b"{", b"[]", b"\xff"):
        with pytest.raises(wire.Unreadable):
            wire.read(wire.Request("POST", "/", [], {"x-amz-target": "DynamoDB_20120810.GetItem"}, body))


def test_patterns_of_java() -> None:
    from bbws_access.local_aws.judge import _compiled

    for pattern, right, wrong in (
        (r"[\p{L}\p{Z}\p{N}_.:/=+\-@]*", "Zoë 1", "a#"),
        (r"[\p{L}\p{M}\p{S}\p{N}\p{P}]+", "é+1!", "a b"),
        (r"^[a-zA-Z0-9_]+\z", "a_1", "a b"),
        (r"[\w+=,.@-]+", "a+b", "a b"),
        (r"\p{Alnum}+", "a1", "a-"),
        (r"[ -\uD7FF\uE000-\uFFFD]*", "a", "\x00"),
    ):
        compiled = _compiled(pattern)
        assert compiled is not None, pattern
        assert compiled.fullmatch(right), pattern
        assert not compiled.fullmatch(wrong), pattern


@pytest.mark.parametrize("service", SERVICES)
def test_patterns_can_nearly_all_be_read(service: str) -> None:
    from bbws_access.local_aws.judge import _compiled

    patterns = {shape["pattern"] for shape in wire.model(service).shapes.values() if "pattern" in shape}
    unread = {pattern for pattern in patterns if _compiled(pattern) is None}
    assert len(unread) <= len(patterns) * 0.02, unread


def test_a_limit_is_no_models_business() -> None:
    asked = wire.Request(
        "POST", "/", [], {"x-amz-target": "DynamoDB_20120810.GetItem"}, json.dumps({"TableName": "t"}).encode()
    )
    assert {one.kind for one in by_the_model(wire.read(asked))} == {REQUIRED}
    assert LIMIT not in {one.kind for one in by_the_model(wire.read(asked))}


@pytest.mark.parametrize("body", [
    b'{"TableName": "t", "Limit": NaN}', b'{"TableName": "\\ud800"}', '{"TableName": "t"}'.encode("utf-16"),
    b'{"TableName": "t", "Limit": 1}', b"", b'{"a": 1, "a": 2}', b"[" * 400 + b"]" * 400, b"{", b"\xff", b"[]",
    b'{"a": 1}}', b"\xef\xbb\xbf{}",
], ids=repr)  # fmt: skip
def test_what_python_takes_for_json_is_json(body: bytes) -> None:
    request = wire.Request("POST", "/", [], {"x-amz-target": "DynamoDB_20120810.Scan"}, body)
    try:
        expected = json.loads(body or b"{}")
    except ValueError:
        expected = None
    if isinstance(expected, dict):
        assert repr(wire.read(request).values) == repr(expected)
    else:
        with pytest.raises(wire.Unreadable):
            wire.read(request)
