"""Links of resources: the resource itself, and what this caller may do with it next."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import urlencode

from bbws_access.access.grants import Access
from bbws_access.kernel.contract import Operation, base_paths, load_contract
from bbws_access.service.requests import Request

Link = dict[str, str]


class Links:
    """Makes the links of one answer. A link to what the caller may not do is left out."""

    def __init__(self, access: Access | None) -> None:
        self._access = access
        self._known: dict[tuple[str, ...], bool] = {}

    def of(
        self, itself: Link, actions: Mapping[str, str], *, query: Mapping[str, str] | None = None, **parameters: str
    ) -> dict[str, Link]:
        """`self` and those of the actions, relation to operation id, that the caller may carry out."""
        links = {"self": itself}
        for relation, operation_id in actions.items():
            if self.may(operation_id, parameters):
                links[relation] = link(operation_id, query, **parameters)
        return links

    def may(self, operation_id: str, parameters: Mapping[str, str]) -> bool:
        """Whether the caller may carry out an operation."""
        # Of the parameters, only these decide.
        known = operation_id, *(parameters.get(name, "") for name in ("orgId", "teamId", "userId"))
        if known not in self._known:
            operation = load_contract().operations[operation_id]
            self._known[known] = operation.access in ("public", "signed-in") or (
                self._access is not None and self._access.allows(operation, parameters).allowed
            )
        return self._known[known]


def link(operation_id: str, query: Mapping[str, object] | None = None, **parameters: str) -> Link:
    """Where an operation is found: its path from the host's root, and its method unless it is GET."""
    operation = load_contract().operations[operation_id]
    href = base_path() + operation.path
    for name, value in parameters.items():
        href = href.replace(f"{{{name}}}", value)
    if query:
        texts = {name: str(value).lower() if isinstance(value, bool) else value for name, value in query.items()}
        href += "?" + urlencode(texts)
    return {"href": href} if operation.method == "GET" else {"href": href, "method": operation.method}


def own_link(request: Request) -> Link:
    """Where the request itself went."""
    return link(request.operation.operation_id, request.query, **request.path)


def page_links(request: Request, cursor: str | None, actions: Mapping[str, str] | None = None) -> dict[str, Link]:
    """The links of a page of a list: itself, the next one where there is one, and what else the caller may do."""
    links = Links(request.access).of(own_link(request), actions or {}, **request.path)
    if cursor is not None:
        operation: Operation = request.operation
        links["next"] = link(operation.operation_id, {**request.query, "startAt": cursor}, **request.path)
    return links


@lru_cache(maxsize=1)
def base_path() -> str:
    """What stands in front of the contract's paths: /v1."""
    return base_paths(load_contract().document)[0]


def cursor_scope(request: Request) -> list[str]:
    """What a cursor of this list is bound to: the operation, what its path names, and its filters."""
    filters = {name: value for name, value in request.query.items() if name not in ("pageSize", "startAt")}
    return [
        request.operation.operation_id,
        *(f"{name}={request.path[name]}" for name in sorted(request.path)),
        *(f"{name}={filters[name]}" for name in sorted(filters)),
    ]
