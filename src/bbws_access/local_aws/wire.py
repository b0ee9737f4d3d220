"""Requests to AWS, read back by AWS's own service models (botocore carries them).

`read(request)` finds which operation of which service a request asks for, and what it says, in the names of the model.
All protocols are understood: query, json 1.0 and 1.1, rest-json, rest-xml and rpc-v2-cbor.
"""

import base64
import binascii
import contextlib
import gzip
import json
import os
import re
from collections.abc import Iterator
from functools import cache, cached_property
from io import BufferedReader, BytesIO
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote
from xml.etree import ElementTree

import orjson

# Signing name -> the models that it stands for. A path, a target or a version decides between several; paths of S3
# itself fit everything, so they come last.
SERVICES = {
    "acm": ("acm",),
    "apigateway": ("apigateway", "apigatewayv2"),
    "application-autoscaling": ("application-autoscaling",),
    "backup": ("backup",),
    "cloudtrail": ("cloudtrail",),
    "cognito-idp": ("cognito-idp",),
    "dynamodb": ("dynamodb", "dynamodbstreams"),
    "events": ("events",),
    "iam": ("iam",),
    "kms": ("kms",),
    "lambda": ("lambda",),
    "logs": ("logs",),
    "monitoring": ("cloudwatch",),
    "route53": ("route53",),
    "s3": ("s3control", "s3"),
    "scheduler": ("scheduler",),
    "secretsmanager": ("secretsmanager",),
    "servicequotas": ("service-quotas",),
    "ses": ("sesv2", "ses"),
    "sns": ("sns",),
    "sqs": ("sqs",),
    "ssm": ("ssm",),
    "sts": ("sts",),
    "support": ("support",),
    "tagging": ("resourcegroupstaggingapi",),
    "wafv2": ("wafv2",),
    "xray": ("xray",),
}

# Names a folder of newer models than those of the botocore that is installed.
VARIABLE = "LOCAL_AWS_MODELS"

_SCOPE = re.compile(r"Credential=[^/]*/\d{8}/[^/]+/([^/]+)/")
_CBOR_PATH = re.compile(r"^/service/([^/]+)/operation/([^/]+)$")
_LABEL = re.compile(r"\{([^}+]+)(\+?)\}")


class Request(NamedTuple):
    """A request as it came in. Header names are in lower case, and `path` is percent-encoded."""

    method: str
    path: str
    parameters: list[tuple[str, str]]
    headers: dict[str, str]
    body: bytes


class NotUnderstood(Exception):
    """No model has such a request."""


class Unreadable(Exception):
    """The body is not of the form that the operation's protocol has."""

    def __init__(self, operation: "Operation", message: str):
        super().__init__(message)
        self.operation = operation


class Call(NamedTuple):
    """What a request asks for.

    protocol: which it was sent by, one of query, json, cbor, rest-json and rest-xml
    values: by their names on the wire where that is JSON or CBOR, by those of the model's members elsewhere
    unknown: what it says beside, in paths such as `Entries[0].Colour`
    """

    operation: "Operation"
    protocol: str
    values: dict[str, Any]
    unknown: list[str]


class Model:
    """One service's model."""

    def __init__(self, name: str):
        from botocore.loaders import Loader

        self.name = name
        folder = os.environ.get(VARIABLE)
        loader = Loader([folder], include_default_search_paths=False) if folder else Loader()
        content = loader.load_service_model(name, "service-2")
        self.content = content
        self.shapes: dict[str, dict[str, Any]] = content["shapes"]
        metadata = content["metadata"]
        self.protocol: str = metadata["protocol"]
        self.protocols: list[str] = metadata.get("protocols", [self.protocol])
        self.version: str = metadata["apiVersion"]
        self.target: str | None = metadata.get("targetPrefix")
        self.operations = {
            operation: Operation(self, operation, detail) for operation, detail in content["operations"].items()
        }

    def shape(self, reference: dict[str, Any]) -> dict[str, Any]:
        """The shape that a member refers to."""
        return self.shapes[reference["shape"]]

    @cached_property
    def routes(self) -> dict[str, list["Operation"]]:
        """Its operations by HTTP method, those that fix the most of a path first. What a newer one replaced is left
        out."""
        found: dict[str, list[Operation]] = {}
        for one in sorted(self.operations.values(), key=lambda one: one.weight, reverse=True):
            if not one.detail.get("deprecated"):
                found.setdefault(one.detail["http"]["method"], []).append(one)
        return found


class Operation:
    """One operation of a service."""

    def __init__(self, model: Model, name: str, detail: dict[str, Any]):
        self.model, self.name, self.detail = model, name, detail
        reference = detail.get("input")
        self.input: dict[str, Any] = model.shapes[reference["shape"]] if reference else {}
        # The input's own reference may name its XML element.
        self.reference: dict[str, Any] = reference or {}

    def __str__(self) -> str:
        return f"{self.model.name}:{self.name}"

    def bound(self, location: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Members of the input that stand in this place: name, name on the wire, reference."""
        for name, reference in self.input.get("members", {}).items():
            if reference.get("location") == location:
                yield name, reference.get("locationName", name), reference

    @cached_property
    def _uri(self) -> tuple[str, str]:
        path, _, query = self.detail["http"]["requestUri"].partition("?")
        # Some end in a slash that clients leave out.
        return path.rstrip("/"), query

    @cached_property
    def path(self) -> re.Pattern[str]:
        """What its paths look like. A label never is empty, nor holds a slash unless it is greedy."""
        pattern, end = "", 0
        path = self._uri[0]
        for number, label in enumerate(_LABEL.finditer(path)):
            # A label's name need not be an identifier of Python's.
            pattern += re.escape(path[end : label.start()]) + f"(?P<l{number}>{'.+' if label[2] else '[^/]+'})"
            end = label.end()
        return re.compile(pattern + re.escape(path[end:]) + "/?")

    @cached_property
    def labels(self) -> list[str]:
        return [label[1] for label in _LABEL.finditer(self._uri[0])]

    @cached_property
    def fixed_query(self) -> dict[str, str | None]:
        """Parameters that every request of it has, such as `versioning` or `list-type=2`."""
        pairs = [part.partition("=") for part in self._uri[1].split("&") if part]
        return {name: value if separator else None for name, separator, value in pairs}

    @cached_property
    def demanded(self) -> tuple[set[str], set[str]]:
        """Parameters and headers that it requires."""
        required = set(self.input.get("required", ()))
        query = {wire for name, wire, _ in self.bound("querystring") if name in required}
        headers = {wire.lower() for name, wire, _ in self.bound("header") if name in required}
        return query, headers

    @cached_property
    def weight(self) -> tuple[int, int, int, int]:
        path = self._uri[0]
        query, headers = self.demanded
        fixed = len([part for part in path.split("/") if part and "{" not in part])
        return fixed, len([part for part in path.split("/") if part]), len(self.fixed_query), len(query) + len(headers)


@cache
def model(name: str) -> Model:
    """A service's model, by the name that botocore gives the service."""
    return Model(name)


@cache
def _by_target() -> dict[str, Model]:
    models = [model(name) for names in SERVICES.values() for name in names]
    return {one.target: one for one in models if one.target}


def signing_name(request: Request) -> str | None:
    """The service that a request is signed for, None where it is not signed."""
    found = _SCOPE.search(request.headers.get("authorization", ""))
    if found:
        return found[1]
    credential = dict(request.parameters).get("X-Amz-Credential", "").split("/")
    return credential[3] if len(credential) > 3 else None


def read(request: Request) -> Call:
    """Raises NotUnderstood where no model has such a request, Unreadable where its body has another form."""
    if "gzip" in request.headers.get("content-encoding", "") and signing_name(request) != "s3":
        with contextlib.suppress(OSError, EOFError):
            request = request._replace(body=gzip.decompress(request.body))
    prefix, _, operation = request.headers.get("x-amz-target", "").rpartition(".")
    if prefix:
        return _json(_operation(_by_target().get(prefix), operation, prefix), request)
    cbor = _CBOR_PATH.match(request.path)
    if cbor and "cbor" in request.headers.get("smithy-protocol", ""):
        return _cbor(_operation(_by_target().get(cbor[1]), cbor[2], cbor[1]), request)
    name = signing_name(request)
    if name not in SERVICES:
        raise NotUnderstood(f"{request.method} {request.path}: no model for the service {name!r}")
    models = [model(one) for one in SERVICES[name]]
    if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return _query(models, request)
    return _rest(models, request)


def _operation(owner: Model | None, name: str, service: str) -> Operation:
    if owner is None or name not in owner.operations:
        raise NotUnderstood(f"no model has the operation {name!r} of {service!r}")
    return owner.operations[name]


# JSON and CBOR: what is sent is nearly what the model describes


def _json(operation: Operation, request: Request) -> Call:
    return Call(operation, "json", _object(operation, request.body), [])


def _object(operation: Operation, body: bytes) -> dict[str, Any]:
    try:
        values = orjson.loads(body or b"{}")
    except ValueError:
        # What only Python takes for JSON, MiniStack takes as well.
        try:
            values = json.loads(body)
        except ValueError:
            raise Unreadable(operation, "the body is no JSON") from None
    if not isinstance(values, dict):
        raise Unreadable(operation, "the body is no JSON object")
    return values


def _cbor(operation: Operation, request: Request) -> Call:
    from botocore.parsers import ResponseParserError, RpcV2CBORParser

    try:
        values = RpcV2CBORParser().parse_data_item(BufferedReader(BytesIO(request.body))) if request.body else {}
    except (ResponseParserError, ValueError, IndexError, TypeError):
        raise Unreadable(operation, "the body is no CBOR") from None
    if not isinstance(values, dict):
        raise Unreadable(operation, "the body is no CBOR map")
    return Call(operation, "cbor", values, [])


# Query: a flat form


def _query(models: list[Model], request: Request) -> Call:
    try:
        form = dict(parse_qsl(request.body.decode(), keep_blank_values=True, strict_parsing=bool(request.body)))
    except (UnicodeDecodeError, ValueError):
        raise NotUnderstood("the form cannot be read") from None
    action, version = form.pop("Action", ""), form.pop("Version", "")
    for owner in models:
        if action in owner.operations and "query" in owner.protocols and version in ("", owner.version):
            operation = owner.operations[action]
            taken: set[str] = set()
            values = _from_form(owner, operation.input, form, "", taken) if operation.input else {}
            return Call(operation, "query", values or {}, sorted(set(form) - taken))
    raise NotUnderstood(f"no model has the action {action!r}")


def _from_form(owner: Model, shape: dict[str, Any], form: dict[str, str], prefix: str, taken: set[str]) -> Any:
    kind = shape["type"]
    if kind == "structure":
        values = {}
        for name, reference in shape["members"].items():
            member = owner.shape(reference)
            wire = reference.get("locationName", name)
            if member.get("flattened") and member["type"] == "list":
                wire = member["member"].get("locationName", wire)
            value = _from_form(owner, member, form, f"{prefix}.{wire}" if prefix else wire, taken)
            if value is not None:
                values[name] = value
        return values or None
    if kind == "list":
        if prefix in form and form[prefix] == "":
            # How the protocol writes an empty list.
            taken.add(prefix)
            return []
        inner = prefix if shape.get("flattened") else f"{prefix}.{shape['member'].get('locationName', 'member')}"
        return _numbered(form, inner, lambda at: _from_form(owner, owner.shape(shape["member"]), form, at, taken))
    if kind == "map":
        inner = prefix if shape.get("flattened") else f"{prefix}.entry"
        key_name, value_name = shape["key"].get("locationName", "key"), shape["value"].get("locationName", "value")

        def entry(at: str) -> tuple[Any, Any] | None:
            key = _from_form(owner, owner.shape(shape["key"]), form, f"{at}.{key_name}", taken)
            value = _from_form(owner, owner.shape(shape["value"]), form, f"{at}.{value_name}", taken)
            return None if key is None else (key, value)

        entries = _numbered(form, inner, entry)
        return None if entries is None else dict(entries)
    if prefix not in form:
        return None
    taken.add(prefix)
    return _scalar(kind, form[prefix])


def _numbered(form: dict[str, str], prefix: str, read_one: Any) -> list[Any] | None:
    if not any(name.startswith(prefix + ".") for name in form):
        return None
    found: list[Any] = []
    while (one := read_one(f"{prefix}.{len(found) + 1}")) is not None:
        found.append(one)
    return found or None


def _scalar(kind: str, text: str) -> Any:
    """What a text stands for; the text itself where it is none of that kind, for the judge to find."""
    try:
        if kind in ("integer", "long"):
            return int(text)
        if kind in ("float", "double"):
            return float(text)
        if kind == "boolean":
            return {"true": True, "false": False}[text]
        if kind == "blob":
            return base64.b64decode(text, validate=True)
    except (ValueError, KeyError, binascii.Error):
        return text
    return text


# REST: path, query string, headers and body


def _rest(models: list[Model], request: Request) -> Call:
    parameters = request.parameters
    names = {name for name, _ in parameters}
    best: tuple[int, Operation, re.Match[str]] | None = None
    for owner in models:
        for operation in owner.routes.get(request.method, ()):
            if not _has_fixed(operation, parameters):
                continue
            match = operation.path.fullmatch(request.path)
            if match is None:
                continue
            query, headers = operation.demanded
            missing = len(query - names) + len(headers - request.headers.keys())
            if best is None or missing < best[0]:
                best = missing, operation, match
        if best is not None:
            break
    if best is None:
        raise NotUnderstood(f"no model has {request.method} {request.path} {sorted(names)}")
    return _rest_call(best[1], best[2], request)


def _has_fixed(operation: Operation, parameters: list[tuple[str, str]]) -> bool:
    if not operation.fixed_query:
        return True
    return all(
        any(name == wanted and (value is None or value == given) for name, given in parameters)
        for wanted, value in operation.fixed_query.items()
    )


def _rest_call(operation: Operation, match: re.Match[str], request: Request) -> Call:
    owner = operation.model
    values: dict[str, Any] = {}
    unknown: list[str] = []
    bound = {wire: (name, reference) for name, wire, reference in operation.bound("uri")}
    for number, label in enumerate(operation.labels):
        name, reference = bound[label]
        values[name] = _scalar(owner.shape(reference)["type"], unquote(match[f"l{number}"]))
    values |= _from_query_string(operation, request.parameters, unknown)
    for name, wire, reference in operation.bound("header"):
        if wire.lower() in request.headers:
            text, shape = request.headers[wire.lower()], owner.shape(reference)
            if shape["type"] == "list":
                values[name] = [part.strip() for part in text.split(",")]
            else:
                values[name] = _scalar(shape["type"], text) if shape["type"] != "blob" else text.encode()
    for name, wire, _ in operation.bound("headers"):
        found = {
            header[len(wire) :]: text for header, text in request.headers.items() if header.startswith(wire.lower())
        }
        if found:
            values[name] = found
    values |= _from_body(operation, request, unknown)
    return Call(operation, owner.protocol, values, unknown)


# What signing and SDKs add to every query string.
_OF_SIGNING = re.compile(r"(?i)x-amz-(algorithm|credential|date|expires|signedheaders|signature|security-token)|x-id")


def _from_query_string(operation: Operation, parameters: list[tuple[str, str]], unknown: list[str]) -> dict[str, Any]:
    owner = operation.model
    values: dict[str, Any] = {}
    known = set(operation.fixed_query)
    rest: str | None = None
    for name, wire, reference in operation.bound("querystring"):
        shape = owner.shape(reference)
        given = [text for parameter, text in parameters if parameter == wire]
        if shape["type"] == "map":
            rest = name
            continue
        known.add(wire)
        if given and shape["type"] == "list":
            values[name] = [_scalar(owner.shape(shape["member"])["type"], text) for text in given]
        elif given:
            values[name] = _scalar(shape["type"], given[-1])
    others = {name: text for name, text in parameters if name not in known and not _OF_SIGNING.fullmatch(name)}
    if rest is not None and others:
        values[rest] = others
    elif rest is None:
        unknown += [f"?{name}" for name in others]
    return values


def _from_body(operation: Operation, request: Request, unknown: list[str]) -> dict[str, Any]:
    owner = operation.model
    payload = operation.input.get("payload")
    if payload:
        reference = operation.input["members"][payload]
        shape = owner.shape(reference)
        if shape["type"] in ("blob", "string"):
            return {payload: request.body} if request.body else {}
        if not request.body:
            return {}
        if owner.protocol == "rest-xml":
            return {payload: _xml(operation, shape, _element(operation, request.body), payload, unknown)}
        return {payload: _object(operation, request.body)}
    in_body = {
        name: reference for name, reference in operation.input.get("members", {}).items() if "location" not in reference
    }
    if not request.body or not in_body:
        return {}
    if owner.protocol == "rest-xml":
        shape = {"type": "structure", "members": in_body}
        return _xml(operation, shape, _element(operation, request.body), "", unknown)
    values = _object(operation, request.body)
    names = {reference.get("locationName", name): name for name, reference in in_body.items()}
    unknown += [name for name in values if name not in names]
    return {names[name]: value for name, value in values.items() if name in names}


def _element(operation: Operation, body: bytes) -> ElementTree.Element:
    try:
        return ElementTree.fromstring(body)  # noqa: S314 - from this machine, by whoever holds its key
    except ElementTree.ParseError:
        raise Unreadable(operation, "the body is no XML") from None


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _xml(
    operation: Operation, shape: dict[str, Any], element: ElementTree.Element, path: str, unknown: list[str]
) -> Any:
    owner = operation.model
    kind = shape["type"]
    if kind == "structure":
        values: dict[str, Any] = {}
        known = set()
        for name, reference in shape["members"].items():
            member = owner.shape(reference)
            wire = reference.get("locationName", name)
            if reference.get("xmlAttribute"):
                value = next((text for key, text in element.attrib.items() if _local(key) == wire.split(":")[-1]), None)
                if value is not None:
                    values[name] = value
                continue
            flattened = member.get("flattened")
            if flattened and member["type"] == "list":
                wire = reference.get("locationName") or member["member"].get("locationName", wire)
            known.add(wire)
            found = [child for child in element if _local(child.tag) == wire]
            at = f"{path}.{name}" if path else name
            if found and flattened and member["type"] == "list":
                one = owner.shape(member["member"])
                values[name] = [
                    _xml(operation, one, child, f"{at}[{number}]", unknown) for number, child in enumerate(found)
                ]
            elif found:
                values[name] = _xml(operation, member, found[-1], at, unknown)
        unknown += [f"{path}.{_local(child.tag)}".lstrip(".") for child in element if _local(child.tag) not in known]
        return values
    if kind == "list":
        one = owner.shape(shape["member"])
        return [_xml(operation, one, child, f"{path}[{number}]", unknown) for number, child in enumerate(element)]
    if kind == "map":
        names = shape["key"].get("locationName", "key"), shape["value"].get("locationName", "value")
        shapes = owner.shape(shape["key"]), owner.shape(shape["value"])
        entries = {}
        for entry in element:
            parts = {_local(child.tag): child for child in entry}
            if parts.keys() != set(names):
                raise Unreadable(operation, f"{path} has an entry that is no key with its value")
            key, value = (
                _xml(operation, one, parts[name], path, unknown) for name, one in zip(names, shapes, strict=True)
            )
            entries[key] = value
        return entries
    return _scalar(kind, element.text or "")
