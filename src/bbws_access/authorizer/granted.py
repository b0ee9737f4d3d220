"""What a user may call, route by route, and answers about it that cost the same however much it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

Binding = dict[str, str]
"""Path parameters with their values; no parameter means every value."""


class Granted:
    """The bindings of parameters with which each route is granted."""

    def __init__(self) -> None:
        self._bindings: dict[int, list[Binding]] = {}
        # By route and the parameters that are bound, the values that they have.
        self._values: dict[int, dict[tuple[str, ...], set[tuple[str, ...]]]] = {}
        # The same for some of those parameters alone, once somebody asked.
        self._parts: dict[tuple[int, tuple[str, ...], tuple[str, ...]], set[tuple[str, ...]]] = {}
        self._kinds: dict[str, int] = {}
        self._routes: dict[str | None, int] | None = None
        self.answers: dict[tuple, bool] = {}  # to questions of others about these grants alone

    def add(self, route: int, binding: Binding) -> None:
        """Grant a route. All of it comes before the first question."""
        self._bindings.setdefault(route, []).append(binding)
        names = tuple(binding)
        self._values.setdefault(route, {}).setdefault(names, set()).add(tuple(binding.values()))

    def alike(self, value: str, kind: int) -> None:
        """Say what kind of organisation, or of team in it, a value is: of two of a kind, the same is granted."""
        self._kinds[value] = kind

    def kind(self, binding: Binding) -> tuple[tuple[str, str | int], ...]:
        """The same for bindings in which the same is granted: what is right for one is right for the other."""
        return tuple([(name, self._kinds.get(value, value)) for name, value in binding.items()])

    def __iter__(self) -> Iterator[tuple[int, list[Binding]]]:
        return iter(self._bindings.items())

    def routes(self, org_id: str | None = None) -> int:
        """The routes, as bits, that are granted somewhere; or in an organisation, everywhere and without one."""
        if self._routes is None:
            self._routes = {None: 0, "": 0}
            for route, bindings in self._bindings.items():
                bit = 1 << route
                self._routes[None] |= bit
                for binding in bindings:
                    place = binding.get("orgId", "")
                    self._routes[place] = self._routes.get(place, 0) | bit
        if org_id is None:
            return self._routes[None]
        return self._routes.get(org_id, 0) | self._routes[""]

    def covers(self, route: int, bound: Mapping[str, str]) -> bool:
        """Whether a route is granted wherever its parameters have these values."""
        for names, values in self._values.get(route, {}).items():
            if all(name in bound for name in names) and tuple(bound[name] for name in names) in values:
                return True
        return False

    def meets(self, route: int, bound: Mapping[str, str]) -> bool:
        """Whether a route is granted somewhere where its parameters have these values."""
        for names, values in self._values.get(route, {}).items():
            common = tuple(name for name in names if name in bound)
            if not common:
                return True
            key = route, names, common
            part = self._parts.get(key)
            if part is None:
                places = [names.index(name) for name in common]
                part = self._parts[key] = {tuple(value[place] for place in places) for value in values}
            if tuple(bound[name] for name in common) in part:
                return True
        return False
