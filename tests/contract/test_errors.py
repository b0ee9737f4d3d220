"""Every error of every operation: its codes, each with an example, and none that the operation cannot give.

That no operation gives a code which is not listed for it is checked wherever a test calls a service:
`check_answer` in tests/support/services.py.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
from jsonschema import Draft202012Validator

import bbws_access
from bbws_access.kernel.contract import Contract, base_paths, json_schema, load_contract, resolve

SOURCES = Path(bbws_access.__file__).parent
DOCUMENT = load_contract().document
CODES = DOCUMENT["components"]["schemas"]["Error"]["properties"]["error"]["properties"]["code"]["enum"]
# What the gateway says itself, in the services' shape: terraform/modules/api-gateway/gateway_responses.tf.
OF_THE_GATEWAY = {"ROUTE_NOT_FOUND"}
# Given by the runtime around every operation, or by the gateway before it.
EVERYWHERE = {
    "VALIDATION_ERROR",
    "UNAUTHORIZED",
    "FORBIDDEN",
    "PAYLOAD_TOO_LARGE",
    "TOO_MANY_REQUESTS",
    "INTERNAL_ERROR",
    "SERVICE_UNAVAILABLE",
}
# The errors of each operation, by status.
ERRORS = {
    operation["operationId"]: {
        status: resolve(DOCUMENT, response)
        for status, response in operation["responses"].items()
        if not status.startswith("2")
    }
    for item in DOCUMENT["paths"].values()
    for operation in item.values()
}
every_operation = pytest.mark.parametrize("operation", ERRORS)
HOW = (
    "list each code of the status in the description and, when there are several, as a key of `examples`, "
    "{code: {$ref: '#/components/examples/NAME'}}; a single code stands as `example`"
)


def _examples(response: dict) -> dict[str, dict]:
    """The examples of an error's answer, by the code that each is said to show."""
    content = response["content"]["application/json"]
    if "examples" in content:
        assert "example" not in content, HOW
        return {code: resolve(DOCUMENT, one)["value"] for code, one in content["examples"].items()}
    assert "example" in content, HOW
    return {content["example"]["error"]["code"]: content["example"]}


@every_operation
def test_each_code_has_an_example_of_its_own(operation: str) -> None:
    for status, response in ERRORS[operation].items():
        examples = _examples(response)
        validator = Draft202012Validator(json_schema(DOCUMENT, response["content"]["application/json"]["schema"]))
        for code, example in examples.items():
            validator.validate(example)
            assert example["error"]["code"] == code, f"{operation} {status}: {HOW}"
        said = re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b|\bUNAUTHORIZED\b|\bFORBIDDEN\b", response["description"])
        assert said == list(examples), f"{operation} {status}: {HOW}"


@every_operation
def test_a_mock_that_takes_the_first_example_answers_the_plain_case(operation: str) -> None:
    first = {"400": "VALIDATION_ERROR", "401": "UNAUTHORIZED", "403": "FORBIDDEN", "413": "PAYLOAD_TOO_LARGE"}
    for status, response in ERRORS[operation].items():
        code = next(iter(_examples(response)))
        assert code == first.get(status, code), f"{operation} {status}: the plain case comes first"
    called = load_contract().operations[operation]
    details = _examples(ERRORS[operation]["400"])["VALIDATION_ERROR"]["error"]["details"]
    if called.body_schema:
        assert {one["field"].partition(".")[0] for one in details} == {"body"}
    elif "pageSize" in {one.name for one in called.parameters}:
        assert details[0]["field"] == "query.pageSize"
    else:
        assert details[0]["field"].startswith(("query.", "path."))


def test_every_code_occurs_somewhere() -> None:
    listed = {code for errors in ERRORS.values() for response in errors.values() for code in _examples(response)}
    assert set(CODES) - listed == OF_THE_GATEWAY, "a code of the schema that no operation lists"
    assert all(code in DOCUMENT["info"]["description"] for code in OF_THE_GATEWAY)
    assert listed <= set(CODES), "a code that components.schemas.Error does not know"


# That nothing is listed which cannot happen: what the source of an operation reaches, by its names.


class _Source:
    """The functions and classes of the services and of what they stand on."""

    def __init__(self) -> None:
        self.definitions: dict[tuple[str, str], ast.AST] = {}
        self.methods: dict[str, list[tuple[str, ast.AST]]] = defaultdict(list)
        self.imports: dict[str, dict[str, tuple[str, str]]] = {}
        self.operations: dict[str, tuple[str, list[ast.AST]]] = {}
        for package in ("kernel", "access", "service", "permission", "role", "team", "invitation"):
            for file in sorted((SOURCES / package).glob("*.py")):
                self._read(f"bbws_access.{package}.{file.stem}", ast.parse(file.read_text()))

    def _read(self, module: str, tree: ast.Module) -> None:
        self.imports[module] = {
            name.asname or name.name: (node.module, name.name)
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("bbws_access")
            for name in node.names
        }
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                self.definitions[module, node.name] = node
            elif isinstance(node, ast.Assign):
                self.definitions.update({(module, one.id): node for one in node.targets if isinstance(one, ast.Name)})
            if isinstance(node, ast.ClassDef):
                for inner in node.body:
                    if isinstance(inner, ast.FunctionDef):
                        self.methods[inner.name].append((module, inner))
            for decorator in getattr(node, "decorator_list", ()):
                function = getattr(decorator, "func", None)
                if isinstance(function, ast.Attribute) and function.attr == "operation":
                    self.operations[decorator.args[0].value] = module, [node, decorator]

    def codes(self, operation: str) -> set[str]:
        """Every code that an operation may reach: more than it gives, since any method of a name counts."""
        module, nodes = self.operations[operation]
        unread, seen, found = [(module, node) for node in nodes], set(), set()
        while unread:
            place, node = unread.pop()
            if id(node) in seen:
                continue
            seen.add(id(node))
            for part in ast.walk(node):
                if isinstance(part, ast.keyword) and part.arg == "code" and isinstance(part.value, ast.Constant):
                    found.add(part.value.value)
                elif isinstance(part, ast.Name):
                    if part.id in ("Conflict", "Stale"):
                        found.add("VERSION_CONFLICT")
                    target = self.imports[place].get(part.id, (place, part.id))
                    unread += [(target[0], self.definitions[target])] if target in self.definitions else []
                elif isinstance(part, ast.Attribute):
                    owner = self.imports[place].get(part.value.id) if isinstance(part.value, ast.Name) else None
                    target = (".".join(owner), part.attr) if owner else ("", "")
                    if target in self.definitions:
                        unread.append((target[0], self.definitions[target]))
                    else:
                        unread += self.methods[part.attr]
        return found


@cache
def _source() -> _Source:
    return _Source()


@every_operation
def test_no_code_is_listed_that_the_operation_cannot_give(operation: str) -> None:
    listed = {code for response in ERRORS[operation].values() for code in _examples(response)}
    unreachable = listed - EVERYWHERE - _source().codes(operation)
    assert not unreachable, f"nothing that {operation} calls gives {', '.join(sorted(unreachable))}: take it out"


def test_what_an_operation_reaches_is_less_than_everything() -> None:
    """The search above would prove nothing if it found every code everywhere."""
    assert "LAST_LEAD" not in _source().codes("createRole")
    assert "MAIL_NOT_CONFIGURED" not in _source().codes("assignRole")
    assert {"LAST_LEAD", "MEMBER_NOT_FOUND"} <= _source().codes("removeTeamMember")


# Servers and links


def _address(server: dict) -> str:
    """The address of a server, with the defaults of its variables."""
    url = server["url"]
    names = re.findall(r"\{(\w+)\}", url)
    assert set(names) == set(server.get("variables", {}))
    for name in names:
        assert server["variables"][name]["description"]
        url = url.replace(f"{{{name}}}", server["variables"][name]["default"])
    return url if "//" in url else urljoin("https://host.example", url)


SERVERS = [_address(server) for server in DOCUMENT["servers"]]


def _links(node: object, place: str = "") -> Iterator[tuple[str, str]]:
    """Every address in an example's `_links`, anywhere in the document."""
    if isinstance(node, dict):
        for name, value in node.items():
            where = f"{place}/{name}"
            if name == "_links" and isinstance(value, dict) and "$ref" not in value:
                for relation, link in value.items():
                    if isinstance(link, dict) and isinstance(link.get("href"), str):
                        yield f"{where}/{relation}", link["href"]
            yield from _links(value, where)
    elif isinstance(node, list):
        for n, value in enumerate(node):
            yield from _links(value, f"{place}/{n}")


def test_the_first_server_is_one_that_a_collection_can_call() -> None:
    assert SERVERS[0].startswith("https://")
    assert all(urlsplit(server).scheme in ("http", "https") for server in SERVERS)
    assert "/v1" in [server["url"] for server in DOCUMENT["servers"]]


def _matches(contract: Contract, path: str) -> bool:
    return any(contract.match(method, path) for method in ("GET", "POST", "PUT", "DELETE"))


def test_every_link_of_an_example_leads_to_a_route_of_every_server() -> None:
    links = list(_links(DOCUMENT))
    assert len(links) > 50
    contract = load_contract()
    for server in SERVERS:
        base = urlsplit(server).path
        assert base in base_paths(DOCUMENT)
        for place, href in links:
            # As a client does it: relative to the address that the answer came from.
            address = urljoin(f"{server}/any/thing", href)
            assert address.startswith(f"{server}/"), (server, place, href)
            path = urlsplit(address).path.removeprefix(base)
            assert _matches(contract, path), (place, href)
            for name, value in _parameters(contract, path).items():
                schema = _path_schema(name)
                assert re.fullmatch(schema["pattern"], value), (place, href)
                assert schema["minLength"] <= len(value) <= schema["maxLength"], (place, href)


def _parameters(contract: Contract, path: str) -> dict[str, str]:
    return next(found[1] for method in ("GET", "POST", "PUT", "DELETE") if (found := contract.match(method, path)))


@cache
def _path_schema(name: str) -> dict:
    operations = load_contract().operations.values()
    return next(
        one.schema for each in operations for one in each.parameters if (one.location, one.name) == ("path", name)
    )
