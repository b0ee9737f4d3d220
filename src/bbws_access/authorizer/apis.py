"""The APIs behind the authorizer: this project's own, and those that other services of the platform bring.

Each API is an OpenAPI document whose operations carry `x-bbws-access`. What another service has to do:
docs/another-api.md
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise

from bbws_access.access.permissions import is_permission
from bbws_access.authorizer.policy import RouteMap
from bbws_access.kernel.contract import (
    METHODS,
    Contract,
    ContractError,
    Operation,
    load_api,
    load_contract,
    load_roles,
    platform_roles,
)
from bbws_access.kernel.ids import PATH_IDS, WIDTHS

OWN = "access"  # the name of this project's API
_NAME = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*\Z")
# A pattern whose values hold no upper-case letter, nor anything that a URL would have to encode.
_CLASS = r"\[-?(?:[a-z]-[a-z]|[0-9]-[0-9]|[a-z0-9_])+-?\]"
_LOWER_CASE = re.compile(rf"\^(?:[a-z0-9_-]|{_CLASS}|\((?:\?:)?|[)+*?]|\{{[0-9,]+\}})+\$\Z")
_SEGMENT = re.compile(r"(?:[A-Za-z0-9._~-]+|\{[A-Za-z][A-Za-z0-9_]*\})\Z")
_SOME_LENGTH = 97  # of no id and no word
# What a path of OpenAPI 3.0 may hold beside its methods. The gateway's "any method" is none of them: no policy and no
# decision could name its methods.
_BESIDE_METHODS = {"parameters", "summary", "description", "servers", "options"}


class Api:
    """One API: its name, its contract, and its routes ready for policies."""

    def __init__(self, name: str, contract: Contract) -> None:
        self.name = name
        self.contract = contract
        operations = contract.operations.values()
        lower_case = None if name == OWN else _lower_case(operations)
        self.routes = RouteMap(operations, _widths(operations), lower_case)


def load_apis(names: Mapping[str, str]) -> dict[str, Api]:
    """The APIs by the id of their REST API; `names` says which is which.

    Raises ContractError where a document is missing or wrong: then no request is decided at all.
    """
    loaded: dict[str, Api] = {}
    for name in sorted(set(names.values())):
        loaded[name] = Api(OWN, load_contract()) if name == OWN else read_api(name, load_api(name))
    return {api_id: loaded[name] for api_id, name in names.items()}


def read_api(name: str, document: object) -> Api:
    """The API that a document of another service describes. Raises ContractError saying all that is wrong with it."""
    problems = _problems_of_name(name) + _problems_of_document(document)
    _refuse(name, problems)
    try:
        contract = Contract(_with_service(document, name))
        operations = contract.operations.values()
        problems = [
            *_problems_of_access(operations),
            *_problems_of_lengths(operations),
            *_problems_of_case(operations),
        ]
        _refuse(name, problems)
        return Api(name, contract)
    except (KeyError, TypeError, AttributeError) as error:
        _refuse(name, [f"a parameter or schema is malformed ({error!r})"])
        raise
    except ContractError as error:
        _refuse(name, [] if problems else [str(error)])
        raise


def check_api(name: str, document: object) -> None:
    """What is worth a moment's work before a document is packaged: everything that read_api checks, and whether the
    policies can be exact. Raises ContractError saying all that is wrong.
    """
    _refuse(name, [*_problems_of_policies(read_api(name, document))])


def _refuse(name: str, problems: Iterable[str]) -> None:
    lines = "\n".join(f"- {problem}" for problem in problems)
    if lines:
        raise ContractError(f"The API {name!r} cannot go behind the authorizer:\n{lines}")


def _problems_of_name(name: str) -> list[str]:
    if name == OWN:
        return [f"the name {OWN!r} is this project's own API's"]
    if not _NAME.match(name):
        return ["its name must be lower-case letters, digits and single hyphens, such as sites"]
    return []


def _problems_of_document(document: object) -> list[str]:
    """What keeps it from being read as a contract at all."""
    paths = document.get("paths") if isinstance(document, dict) else None
    if not isinstance(paths, dict) or not paths or not str(document.get("openapi")).startswith("3."):
        return ["it is no OpenAPI 3 document with paths"]
    problems = []
    ids: dict[str, str] = {}
    for path, item in paths.items():
        segments = path.removeprefix("/").split("/")
        if not path.startswith("/") or not all(_SEGMENT.match(segment) for segment in segments):
            problems.append(f"{path}: every segment must be a plain word or one {{parameter}}, without {{proxy+}}")
        if any(segment.startswith(".") or segment.endswith(".") for segment in segments):
            problems.append(f"{path}: a word begins or ends with a dot; such spellings of a path are refused")
        parameters = [segment for segment in segments if segment.startswith("{")]
        if len(parameters) != len(set(parameters)):
            problems.append(f"{path}: a parameter stands in it twice")
        if any(one.startswith("{") and two.startswith("{") for one, two in pairwise(segments)):
            problems.append(f"{path}: put a word between two parameters, or a policy cannot tell where one ends")
        if not isinstance(item, dict):
            problems.append(f"{path}: is no object")
            continue
        for key, operation in item.items():
            where = f"{key.upper()} {path}"
            if key in _BESIDE_METHODS:
                continue
            if key not in METHODS:
                problems.append(f"{path}: {key!r} is no method; name each method of its own")
            elif not isinstance(operation, dict):
                problems.append(f"{where}: is no object")
            elif not isinstance(operation.get("operationId"), str) or not operation["operationId"]:
                problems.append(f"{where} has no operationId")
            elif operation["operationId"] in ids:
                problems.append(f"{where} has the operationId of {ids[operation['operationId']]}")
            else:
                ids[operation["operationId"]] = where
    return problems


def _problems_of_case(operations: Iterable[Operation]) -> Iterator[str]:
    words: dict[str, str] = {}
    for word in (part for operation in operations for part in operation.segments if not part.startswith("{")):
        other = words.setdefault(word.lower(), word)
        if other != word:
            yield f"the words {other} and {word} differ by the case of letters alone, which not everything sees"


def _with_service(document: dict, name: str) -> dict:
    """The document with the service that each operation belongs to, which only its own gateway needs to know."""
    paths = {
        path: {
            key: {"x-bbws-service": name, **value} if key in METHODS else value
            for key, value in item.items()
            if isinstance(value, dict | list)
        }
        for path, item in document["paths"].items()
    }
    return {**document, "paths": paths}


def _problems_of_access(operations: Iterable[Operation]) -> Iterator[str]:
    capabilities = load_roles()["teamCapabilities"]
    for operation in operations:
        where, permissions = f"{operation.method} {operation.path}", [*operation.also]
        for rule in operation.access if isinstance(operation.access, list) else ():
            ((kind, value),) = rule.items()
            if kind == "permission":
                permissions.append(value)
            if kind == "capability" and value not in capabilities:
                yield f"{where}: there is no capability {value!r}; there are {', '.join(capabilities)}"
        for name in permissions:
            if not is_permission(name):
                yield f"{where}: there is no permission {name!r} in the catalogue; add it to contract/permissions.json"


def _problems_of_policies(api: Api) -> Iterator[str]:
    """Routes that policies cannot keep apart for what people can hold: the platform's roles are given."""
    for beginning, other in api.routes.strays():
        yield (
            f"{other.method} {other.path} belongs to no organisation, and a request below /{beginning}{{orgId}} may be "
            f"one for it: a policy that opens all of an organisation would open it as well; move it to another path"
        )
    platform = [role["permissions"] for role in platform_roles().values()]
    for first, second, parameters in api.routes.inseparable(platform):
        lengths = dict.fromkeys(parameters, _SOME_LENGTH) | api.routes.widths
        told_apart = RouteMap(api.contract.operations.values(), lengths, api.routes.lower_case)
        helps = parameters and (first, second) not in {(one, two) for one, two, _ in told_apart.inseparable(platform)}
        yield (
            f"{first.method} {first.path} and {second.method} {second.path} cannot be told apart by a policy for "
            f"somebody who may call one here and the other there; move one of them to another path"
            + (f", or give {' and '.join(parameters)} a single length (minLength = maxLength)" if helps else "")
        )


def _problems_of_lengths(operations: Iterable[Operation]) -> Iterator[str]:
    for name, lengths in _lengths(operations).items():
        if name in WIDTHS and not lengths <= {None, WIDTHS[name]}:
            yield f"the parameter {name} is an id of the platform's, of {WIDTHS[name]} characters; rename yours"
        elif name in PATH_IDS - WIDTHS.keys() and lengths != {None}:
            yield f"the parameter {name} is an id of the platform's, of any length up to 64 characters; rename yours"


def _widths(operations: Iterable[Operation]) -> dict[str, int]:
    """Lengths of the ids in paths: the platform's, and those of which the document always says the same one length."""
    found = _lengths(operations)
    own = {name: min(lengths) for name, lengths in found.items() if len(lengths) == 1 and None not in lengths}
    return {**own, **WIDTHS}


def _lengths(operations: Iterable[Operation]) -> dict[str, set[int | None]]:
    """For each parameter in paths, the lengths that operations give its values; None where one leaves it open."""
    found: dict[str, set[int | None]] = {}
    for operation in operations:
        given = {one.name: one.schema for one in operation.parameters if one.location == "path"}
        for name in (segment[1:-1] for segment in operation.segments if segment.startswith("{")):
            least, most = (given.get(name, {}).get(bound) for bound in ("minLength", "maxLength"))
            found.setdefault(name, set()).add(least if least == most and isinstance(least, int) else None)
    return found


def _lower_case(operations: Iterable[Operation]) -> set[str]:
    """The parameters in paths whose values never hold an upper-case letter: the platform's ids, and those of which
    the document says so each time, by a pattern, an enum or a number's type.
    """
    found: dict[str, bool] = {}
    for operation in operations:
        given = {one.name: one.schema for one in operation.parameters if one.location == "path"}
        for name in (segment[1:-1] for segment in operation.segments if segment.startswith("{")):
            schema = given.get(name, {})
            values = schema.get("enum")
            lower = (
                schema.get("type") == "integer"
                or (isinstance(values, list) and all(str(value) == str(value).lower() for value in values))
                or _LOWER_CASE.match(str(schema.get("pattern", ""))) is not None
            )
            found[name] = found.get(name, True) and lower
    return {name for name, lower in found.items() if lower} | PATH_IDS
