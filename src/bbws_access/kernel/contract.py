"""The contract: routes and who may call them, the permission catalogue, roles, services and the data model."""

from __future__ import annotations

import json
import re
from functools import cached_property, lru_cache
from pathlib import Path

METHODS = ("get", "put", "post", "delete", "patch", "head", "options")


class ContractError(Exception):
    """The contract is missing, or contradicts itself."""


class Parameter:
    """One parameter of an operation. `location` is path, query or header."""

    def __init__(self, document: dict, raw: dict) -> None:
        self.name: str = raw["name"]
        self.location: str = raw["in"]
        self.required: bool = raw.get("required", False)
        self._source = document, raw.get("schema", {})

    @cached_property
    def schema(self) -> dict:
        """JSON Schema of the value, references resolved."""
        return json_schema(*self._source)


class Operation:
    """One method of one path.

    operation_id, method (upper case), path (the template, as in `/organisations/{orgId}/roles`), service
    access: "public", "signed-in", or a list of alternatives such as `{"permission": "role:read"}`
    also: permissions that are needed besides one of the alternatives, all of them
    body_required: whether a request without a body is refused
    """

    def __init__(self, document: dict, path: str, method: str, raw: dict, shared: list[dict]) -> None:
        self.operation_id: str = raw["operationId"]
        self.method = method.upper()
        self.path = path
        self.segments = tuple(path.strip("/").split("/"))
        self.service: str = raw["x-bbws-service"]
        self.access: str | list[dict[str, str]] = raw["x-bbws-access"]
        self.also: tuple[str, ...] = tuple(raw.get("x-bbws-access-also", ()))
        self._source = document, raw, shared

    def __repr__(self) -> str:
        return f"Operation({self.operation_id}: {self.method} {self.path})"

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """Those of the path and of the operation; the operation's own win."""
        document, raw, shared = self._source
        merged = {}
        for parameter in [*shared, *raw.get("parameters", [])]:
            resolved = resolve(document, parameter)
            merged[resolved["in"], resolved["name"]] = Parameter(document, resolved)
        return tuple(merged.values())

    @cached_property
    def body_schema(self) -> dict | None:
        """JSON Schema of the request's body, references resolved; None where there is no body."""
        document = self._source[0]
        schema = self._body.get("content", {}).get("application/json", {}).get("schema")
        return None if schema is None else json_schema(document, schema)

    @cached_property
    def each_schema(self) -> dict | None:
        """JSON Schema of each item of the body's one list where the items have results of their own; else None."""
        document, raw, _ = self._source
        return json_schema(document, raw["x-bbws-each"]) if "x-bbws-each" in raw else None

    @property
    def body_required(self) -> bool:
        return self._body.get("required", False)

    @property
    def _body(self) -> dict:
        document, raw, _ = self._source
        return resolve(document, raw.get("requestBody", {}))


class _Place:
    """A place in the tree of paths: what ends here, and what goes on below a word or below any value."""

    __slots__ = ("any", "operation", "words")

    def __init__(self) -> None:
        self.operation: Operation | None = None
        self.words: dict[str, _Place] = {}
        self.any: _Place | None = None

    def below(self, segment: str) -> _Place:
        """The place below a segment of a path's template, made where there is none."""
        if not segment.startswith("{"):
            return self.words.setdefault(segment, _Place())
        if self.any is None:
            self.any = _Place()
        return self.any

    def find(self, segments: list[str]) -> Operation | None:
        """What a path leads to. A word goes before a parameter, as API Gateway does it."""
        # What is left to try, the last first: below a word nothing may end where below a parameter something does.
        left = [(self, 0)]
        while left:
            place, depth = left.pop()
            if depth == len(segments):
                if place.operation is not None:
                    return place.operation
                continue
            segment = segments[depth]
            if place.any is not None and segment:
                left.append((place.any, depth + 1))
            word = place.words.get(segment)
            if word is not None:
                left.append((word, depth + 1))
        return None


class Contract:
    """The parsed contract. `operations` maps operation ids to operations."""

    def __init__(
        self,
        document: dict,
        *,
        permissions: list[dict] | None = None,
        roles: dict | None = None,
        data_model: dict | None = None,
        services: dict | None = None,
    ) -> None:
        self.document = document
        self.permissions = permissions or []
        self.roles = roles or {}
        self.data_model = data_model or {}
        self.services = services or {}
        self.operations = _operations(document)
        self._routes: dict[str, _Place] = {}
        for operation in self.operations.values():
            place = self._routes.setdefault(operation.method, _Place())
            for segment in operation.segments:
                place = place.below(segment)
            place.operation = place.operation or operation

    def match(self, method: str, path: str) -> tuple[Operation, dict[str, str]] | None:
        """The operation that a request would reach, and the values of its path parameters."""
        root = self._routes.get(method.upper())
        segments = path.strip("/").split("/")
        operation = root.find(segments) if root is not None else None
        if operation is None:
            return None
        pairs = zip(operation.segments, segments, strict=True)
        return operation, {name[1:-1]: value for name, value in pairs if name.startswith("{")}


@lru_cache(maxsize=1)
def load_contract() -> Contract:
    """The contract that lies beside the package (in a function) or in the repository."""
    return Contract(
        _read("openapi"),
        permissions=load_permissions(),
        roles=load_roles(),
        data_model=load_data_model(),
        services=_read("services")["services"],
    )


@lru_cache(maxsize=1)
def fixed_words() -> frozenset[str]:
    """The words of this API's paths, with those that the contract keeps for paths to come."""
    document = load_contract().document
    return words_of(document).union(document.get("x-bbws-reserved-words", ()))


@lru_cache(maxsize=1)
def chosen_ids() -> frozenset[str]:
    """The names of those values in bodies that are ids which a client makes up."""
    return frozenset(load_contract().document.get("x-bbws-chosen-ids", ()))


@lru_cache(maxsize=1)
def words_of_patterns() -> dict[str, str]:
    """What the contract's patterns mean, for people."""
    return load_contract().document.get("x-bbws-patterns", {})


def base_paths(document: dict) -> list[str]:
    """What stands in front of a document's paths on each of its servers, such as /v1."""
    urls = (server["url"] for server in document.get("servers", ()))
    return [re.sub(r"^[^/]+//[^/]+", "", url).rstrip("/") for url in urls]


def words_of(document: dict) -> frozenset[str]:
    """The words of a document's paths that are no parameters, base paths included."""
    paths = [*document["paths"], *base_paths(document)]
    return frozenset(word for path in paths for word in path.split("/") if word and not word.startswith("{"))


@lru_cache(maxsize=1)
def load_data_model() -> dict:
    """Tables, indexes and entities."""
    return _read("data-model")


@lru_cache(maxsize=1)
def load_permissions() -> list[dict]:
    """The permission catalogue."""
    return _read("permissions")["permissions"]


@lru_cache(maxsize=1)
def load_roles() -> dict:
    """Platform roles and sets, and the defaults of an organisation."""
    return _read("roles")


@lru_cache(maxsize=1)
def platform_roles() -> dict[str, dict]:
    """The platform's roles by id."""
    return {role["roleId"]: role for role in load_roles()["platformRoles"]}


@lru_cache(maxsize=1)
def platform_sets() -> dict[str, dict]:
    """The platform's permission sets by id."""
    return {found["setId"]: found for found in load_roles()["platformPermissionSets"]}


@lru_cache(maxsize=1)
def load_events() -> dict:
    """What reaches the services beside requests: `events` by type and `queues` by name."""
    return _read("events")


def load_api(name: str) -> dict:
    """The OpenAPI document of another service's API, as it was packaged."""
    return _read(f"apis/{name}")


def _read(name: str) -> dict:
    folder = _folder()
    try:
        return json.loads((folder / f"{name}.json").read_bytes())
    except FileNotFoundError:
        raise ContractError(f"The contract lacks {name}.json in {folder}") from None


@lru_cache(maxsize=1)
def _folder() -> Path:
    here = Path(__file__).resolve()
    # A package carries the folder beside bbws_access; in the repository, src/ lies between.
    for parent in here.parents[2:4]:
        if (parent / "contract" / "data-model.json").is_file():
            return parent / "contract"
    raise ContractError(f"No contract/ folder found above {here.parents[1]}")


def _operations(document: dict) -> dict[str, Operation]:
    operations: dict[str, Operation] = {}
    for path, item in document.get("paths", {}).items():
        for method in METHODS:
            if method not in item or method == "options":
                continue
            raw = item[method]
            operation = _operation(document, path, method, raw, item.get("parameters", []))
            if operation.operation_id in operations:
                raise ContractError(f"The operationId {operation.operation_id} is used twice")
            operations[operation.operation_id] = operation
    return operations


def _operation(document: dict, path: str, method: str, raw: dict, shared: list[dict]) -> Operation:
    where = f"{method.upper()} {path}"
    for name in ("operationId", "x-bbws-service", "x-bbws-access"):
        if name not in raw:
            raise ContractError(f"{where} has no {name}")
    _check_access(where, path, raw["x-bbws-access"])
    _check_also(where, raw["x-bbws-access"], raw.get("x-bbws-access-also", []))
    return Operation(document, path, method, raw, shared)


def _check_access(where: str, path: str, access: object) -> None:
    if access in ("public", "signed-in"):
        return
    if not isinstance(access, list) or not access:
        raise ContractError(f'{where}: x-bbws-access must be "public", "signed-in" or a list of alternatives')
    for rule in access:
        if not isinstance(rule, dict) or len(rule) != 1 or not rule.keys() <= {"permission", "self", "capability"}:
            raise ContractError(f"{where}: {rule!r} is no access rule; use one of permission, self, capability")
        if "self" in rule and f"{{{rule['self']}}}" not in path:
            raise ContractError(f"{where}: self names {rule['self']!r}, which is not in the path")
        if "capability" in rule and not ("{teamId}" in path and "{orgId}" in path):
            raise ContractError(f"{where}: a capability needs {{orgId}} and {{teamId}} in the path")


def _check_also(where: str, access: object, also: object) -> None:
    if not isinstance(also, list) or not all(isinstance(name, str) and name for name in also):
        raise ContractError(f"{where}: x-bbws-access-also must be a list of permissions")
    if also and not (isinstance(access, list) and all("permission" in rule for rule in access)):
        raise ContractError(f"{where}: x-bbws-access-also goes with an x-bbws-access of permissions alone")


def resolve(document: dict, node: dict) -> dict:
    """A node of an OpenAPI document, references followed. Raises ContractError for one that leads nowhere."""
    while "$ref" in node:
        target = document
        for part in node["$ref"].removeprefix("#/").split("/"):
            try:
                target = target[part.replace("~1", "/").replace("~0", "~")]
            except KeyError:
                raise ContractError(f"The reference {node['$ref']} leads nowhere") from None
        node = target
    return node


def json_schema(document: dict, node: dict) -> dict:
    """An OpenAPI 3.0 schema as plain JSON Schema: references inlined, `nullable` spelt as a type."""
    try:
        return _inline(document, node)
    except RecursionError:
        raise ContractError("A schema refers to itself; such schemas cannot be inlined") from None


def _inline(document: dict, node: object) -> object:
    if isinstance(node, list):
        return [_inline(document, entry) for entry in node]
    if not isinstance(node, dict):
        return node
    node = resolve(document, node)
    schema = {}
    for name, value in node.items():
        if name == "properties":
            schema[name] = {key: _inline(document, entry) for key, entry in value.items()}
        elif name in ("enum", "default"):
            schema[name] = value
        elif name not in ("nullable", "example"):
            schema[name] = _inline(document, value)
    if node.get("nullable") is True:
        if isinstance(schema.get("type"), str):
            schema["type"] = [schema["type"], "null"]
        if "enum" in schema and None not in schema["enum"]:
            schema["enum"] = [*schema["enum"], None]
    return schema
