"""Permission names `resource:action` and their wildcards."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from bbws_access.kernel.contract import load_permissions

EVERYTHING = "*"


def covers(held: str, wanted: str) -> bool:
    """Whether holding one permission includes another.

    `*` includes everything, `resource:*` every action, `team:member:*` every part below. A wildcard is included only
    by itself or a wider one.
    """
    if held in (wanted, EVERYTHING):
        return True
    return held.endswith(":*") and len(held) > 2 and wanted.startswith(held[:-1])


@lru_cache(maxsize=1024)
def expand(held: str) -> frozenset[str]:
    """The catalogue's permissions that a name or wildcard stands for; empty when there is none."""
    return frozenset(name for name in _catalogue() if covers(held, name))


def expand_all(held: Iterable[str]) -> frozenset[str]:
    """The catalogue's permissions that several names and wildcards stand for."""
    return frozenset().union(*map(expand, held))


def gives_any(held: Iterable[str], wanted: frozenset[str]) -> bool:
    """Whether names and wildcards stand for any of some permissions of the catalogue."""
    return any(name in wanted or (name.endswith(EVERYTHING) and expand(name) & wanted) for name in held)


def is_known(name: str) -> bool:
    """Whether it is a permission of the catalogue, or a wildcard that stands for at least one."""
    return isinstance(name, str) and any(covers(name, permission) for permission in _catalogue())


def obsolete(names: Iterable[str]) -> list[str]:
    """Those that were permissions once and are none any more, in their order: they may stay, and grant nothing.

    A release that drops a permission does not change what organisations have written down.
    """
    return [name for name in names if not is_known(name)]


def is_permission(name: object) -> bool:
    """Whether it is a permission of the catalogue itself, no wildcard."""
    return name in _catalogue()


def missing(held: Iterable[str], wanted: Iterable[str]) -> list[str]:
    """Those of `wanted` that nothing in `held` includes, in their order."""
    held = tuple(held)
    return [name for name in wanted if not any(covers(permission, name) for permission in held)]


@lru_cache(maxsize=1)
def _catalogue() -> tuple[str, ...]:
    return tuple(permission["name"] for permission in load_permissions())
