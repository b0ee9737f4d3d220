"""Compiles what a user holds into an IAM policy: exactly the methods and paths that the user may call.

API Gateway keeps the policy for every request of a token, so it must be right for all of them. In a policy `*` also
matches `/`: `roles/*` is meant for one role and would open `roles/{roleId}/users` as well. So for each pattern the
compiler finds the other routes that it would open, and denies those that the user may not call. Where such a Deny
would shut what the user may call (all teams may be read, the members of one team only), the pattern's parameters
are written with their exact length instead (`?` for each character), which leaves nothing to deny.

Nor may another spelling of a path pass where the path itself is refused. Nobody has seen how API Gateway spells what
it holds against a policy, so every policy refuses each spelling that is not the plain one (UNUSUAL), and the letters
of a denied word in upper case.

The compiler knows no particular contract: a RouteMap can be made of any operations. Why it is built so:
docs/decisions/0008-exact-policies.md
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import lru_cache, partial, reduce
from itertools import combinations_with_replacement
from operator import or_
from typing import NamedTuple

from bbws_access.access.grants import ORGANISATION, PLATFORM, TEAM, Access, Grant, Membership
from bbws_access.access.permissions import covers
from bbws_access.authorizer.granted import Granted
from bbws_access.authorizer.reach import FRAMED, ONE, STAR, WILDCARDS, Reach, RouteTree, Search
from bbws_access.kernel.contract import Operation
from bbws_access.kernel.ids import BEGINNINGS, PATH_IDS, WIDTHS, is_valid_id

LARGEST_POLICY = 8192  # bytes
LONGEST_RESOURCE = 512  # characters
_FEW_ROUTES = 50  # of a method

# Letters that are also the capital or the small letter of another than their own: U+0131, U+212A, U+017F.
_MANIFOLD = re.compile("[iks]")
_ANY_API = "\1"  # begins a pattern that is held against the whole resource: `{api}/{stage}/{METHOD}/{path}`
# What a gateway or a service might drop, decode or resolve before it looks for the route: no id and no word of a path
# has any of it: doubled slashes, a slash or a dot at an end, `.`, `..`, percent-encodings, `;parameters`, backslashes
# and spaces.
UNUSUAL = tuple(_ANY_API + one for one in ("*//*", "*/", "*/.*", "*./*", "*.", "*%*", "*;*", "*\\*", "* *"))
_COLLECTION = "/"  # no name of a parameter
_EVERYWHERE = "*/"  # nor is this
_SMALL, _LARGE = "small", "large"
_OTHERS = "\0o"  # stands for all organisations that are not listed
_ORGANISATION = re.compile("\0o(\\d+)")


class Policy(NamedTuple):
    """A compiled policy document.

    detail: "exact"; "organisation" where a user's teams made an exact one too large, so that whole organisations of
    the user's, as few as it takes, are open at the gateway and the services decide; "truncated" where not even that
    fits and the rest is refused
    """

    document: dict
    detail: str
    size: int

    def opens(self, org_id: str) -> bool:
        """Whether an organisation is open as a whole."""
        statements = (one for one in self.document["Statement"] if one["Effect"] == "Allow")
        return any(resource.endswith(f"/{org_id}/*") for one in statements for resource in one["Resource"])


class _Way(NamedTuple):
    """How a route is allowed to somebody.

    exact: whether ids of one length are written as so many `?`
    denied: the patterns that are denied beside it
    shut: routes of which these shut something granted
    in_any_case: whether they leave no word under a wildcard open in another case
    """

    exact: bool
    denied: list[str]
    shut: list[int]
    in_any_case: bool


class _Organisation(NamedTuple):
    """What a user holds in an organisation: routes as bits, the user's own by parameter, and those of each team.

    held: all routes of which something is held
    """

    id: str
    bits: int
    own: tuple[tuple[str, int], ...]
    teams: list[tuple[int, str]]
    held: int

    def least(self, prefix: str, patterns: int) -> int:
        """Bytes that a policy needs at least: each team is named in a pattern of its own, and so is the rest.

        patterns: how many it takes to say what is held in the organisation itself
        """
        places = len(self.teams) + (patterns or any(bits for _, bits in self.own))
        return places * (len(prefix) + len(self.id) + 3) + sum([len(team_id) for _, team_id in self.teams])


class _Held(NamedTuple):
    """What a user holds, as routes: everywhere, the user's own outside organisations, and in each organisation.

    unread: organisations of which nobody knows what is held there. Any route may be, so none of them is shut, and they
    are opened as a whole
    """

    user_id: str
    everywhere: int
    own: tuple[tuple[str, int], ...]
    organisations: list[_Organisation]
    unread: frozenset[str]


class _Wider:
    """What must be denied beside a pattern for everything below a place. How to say it takes most of the work, and is
    looked for only where it may be worth it.

    first: the place's parameters, of the first of those that are alike
    needed: what must be denied, each with a pattern without its words, if there is one; None where it cannot be denied
    spelt: those without, each as short as it can be said
    """

    __slots__ = ("_blurred", "_least", "_spelt", "denied", "first", "needed")

    def __init__(self, first: dict[str, str], needed: list[tuple[Reach, str | None]] | None, spelt: set[str]) -> None:
        self.first = first
        self.needed = needed
        self.denied: tuple[str, ...] | None = None
        self._spelt = spelt
        self._blurred = {pattern for _, pattern in needed or () if pattern is not None}
        self._least = [sum(map(_weight, spelt))]

    def takes_more(self, weight: int) -> bool:
        """Whether the denials are longer than this in any case, even without those that others cover."""
        if self._least[0] <= weight:
            return False
        if len(self._least) == 1:
            self._least.append(sum(map(_weight, self._spelt.intersection(_widest(self._spelt | self._blurred)))))
        return self._least[1] > weight


_Owned = tuple[str, int | None]
"""A pattern, and the organisation below which all lies that it matches."""


class _OwnedLists(NamedTuple):
    """What is allowed and denied, and how long the patterns of each organisation are."""

    allow: list[_Owned]
    deny: list[_Owned]
    lengths: dict[int, int]


class _Lists(NamedTuple):
    """The same with the names of a user's organisations: of those that are open as a whole, and of those in the lists.

    allow, deny: each pattern with names, and as the compiler made it
    order: the organisations whose lists are to be opened instead, by their place in `listed`, the longest first
    """

    opened: list[str]
    listed: list[str]
    allow: list[tuple[str, _Owned]]
    deny: list[tuple[str, _Owned]]
    order: list[int]


class RouteMap:
    """Routes, prepared once: which permission opens which, and which patterns reach into which other route.

    widths: the length of the values of path parameters whose values all have the same length
    lower_case: the path parameters whose values hold no upper-case letter; None: all of them
    """

    def __init__(
        self,
        operations: Iterable[Operation],
        widths: Mapping[str, int] = WIDTHS,
        lower_case: Collection[str] | None = None,
    ) -> None:
        self.operations = [operation for operation in operations if operation.access != "public"]
        self.widths = dict(widths)
        parts = {part for operation in self.operations for part in operation.segments}
        self.lower_case = lower_case
        self._may_be_upper = {
            part
            for part in parts
            if (lower_case is not None and part[1:-1] not in lower_case if part[:1] == "{" else part != part.lower())
        }
        self._masks: dict[str, int] = {}
        self.signed_in = 0
        self.in_organisation = 0
        self.in_team = 0
        self.own: dict[str, int] = {}  # routes open to the user whom this path parameter names
        self.capabilities: dict[str, int] = {}
        self._permissions: dict[str, int] = {}
        # Routes that take several permissions at once, each with the ways to hold enough for it.
        self._several: list[tuple[int, tuple[tuple[str, ...], ...]]] = []
        for n, operation in enumerate(self.operations):
            bit = 1 << n
            if "{orgId}" in operation.segments:
                self.in_organisation |= bit
                if "{teamId}" in operation.segments:
                    self.in_team |= bit
            if operation.access == "signed-in":
                self.signed_in |= bit
                continue
            if operation.also:
                self._several.append((bit, tuple((rule["permission"], *operation.also) for rule in operation.access)))
                continue
            for rule in operation.access:
                ((kind, value),) = rule.items()
                index = {"permission": self._permissions, "self": self.own, "capability": self.capabilities}[kind]
                index[value] = index.get(value, 0) | bit
        self._words = parts
        self._by_method: dict[str, list[int]] = {}
        for n, operation in enumerate(self.operations):
            self._by_method.setdefault(operation.method, []).append(n)
        self._of_method = {method: sum(1 << n for n in found) for method, found in self._by_method.items()}
        # Of each method, and of all: there the method is the first segment.
        trees = {
            method: {n: self.operations[n].segments for n in found} for method, found in self._by_method.items()
        } | {STAR: {n: (operation.method, *operation.segments) for n, operation in enumerate(self.operations)}}
        self._trees = {method: RouteTree(routes, self.widths, self._can_be) for method, routes in trees.items()}
        self._few = {
            method: Search(self._trees[method])
            for method, found in self._by_method.items()
            if len(found) <= _FEW_ROUTES
        }
        self._overlaps: dict[tuple, list[Reach]] = {}
        self._wide_patterns: dict[tuple[int, frozenset[str]], tuple[str, ...]] = {}
        self._searches = lru_cache(maxsize=512)(self._search)
        self._blurs: dict[tuple, tuple[str, ...]] = {}
        self._bare_pattern = lru_cache(maxsize=None)(partial(self._pattern, binding={}))
        self._compiled = lru_cache(maxsize=512)(self._compile_shape)
        self._compacted = lru_cache(maxsize=128)(self._compact)
        self._compacted_from = lru_cache(maxsize=256)(self._compact_from)
        self._begun = lru_cache(maxsize=8)(self._begin)
        self._owned = lru_cache(maxsize=128)(self._own_lists)
        self._patterns_at_least = lru_cache(maxsize=32768)(self._fewest_patterns)
        self._is_safe_team = lru_cache(maxsize=32768)(self._is_safe)
        self._mask_of_all = lru_cache(maxsize=4096)(self.mask)
        self._parts_of_all = lru_cache(maxsize=4096)(self._parts_of)
        # The permissions that those routes take, as bits, and which of them a held one covers.
        self._parts = list(dict.fromkeys(name for _, ways in self._several for way in ways for name in way))
        self._covered: dict[str, int] = {}
        self._mask_of_parts = lru_cache(maxsize=4096)(self._several_mask)
        self._mask_of_capabilities = lru_cache(maxsize=4096)(self._capabilities_mask)
        self._stems: dict[tuple[str, str], list[tuple[str, ...]]] = {}
        self._stems_at: dict[str, list[tuple[str, ...] | None]] = {}
        # Beginnings of paths before an organisation's id, and the routes of organisations that have none of them.
        stems = {n: _stem(operation.segments, "orgId") for n, operation in enumerate(self.operations)}
        self._paths = self._paths_below([n for n, stem in stems.items() if stem])
        self._beginnings = sorted({"".join(f"{part}/" for part in stem[:-1]) for stem in stems.values() if stem})
        self._beside = self.in_organisation & ~sum(1 << n for n, stem in stems.items() if stem)
        self._plain = self._find_plain()
        # With which methods everything below an organisation is opened: a `*` may stand for the beginning of a path,
        # so it must reach into nothing where the organisation is a second one.
        self._openings = [
            f"{method}/{beginning}"
            for beginning in self._beginnings
            for method in ((STAR,) if not self._strays(STAR, beginning) else self._by_method)
        ]

    def _paths_below(self, routes: list[int]) -> list[tuple[int, list[tuple[int, int]]]]:
        """The paths of some routes that have several methods: its routes, and each with its method, all as bits."""
        bits = {method: 1 << n for n, method in enumerate(self._by_method)}
        paths: dict[str, list[tuple[int, int]]] = {}
        for n in routes:
            operation = self.operations[n]
            paths.setdefault(operation.path, []).append((1 << n, bits[operation.method]))
        return [(sum(route for route, _ in found), found) for found in paths.values() if len(found) > 1]

    def mask(self, permissions: Iterable[str]) -> int:
        """The routes, as bits, that these permissions open, each by itself."""
        result = 0
        for held in permissions:
            mask = self._masks.get(held)
            if mask is None:
                mask = 0
                for wanted, bits in self._permissions.items():
                    if covers(held, wanted):
                        mask |= bits
                if len(self._masks) < 4096:
                    self._masks[held] = mask
            result |= mask
        return result

    def _parts_of(self, permissions: Iterable[str]) -> int:
        """Which of the permissions that some routes take together are among these, as bits."""
        result = 0
        for held in permissions:
            parts = self._covered.get(held)
            if parts is None:
                parts = sum(1 << n for n, wanted in enumerate(self._parts) if covers(held, wanted))
                if len(self._covered) < 4096:
                    self._covered[held] = parts
            result |= parts
        return result

    def _several_mask(self, parts: int) -> int:
        """The routes, as bits, that take several permissions at once and that these open."""
        held = {name for n, name in enumerate(self._parts) if parts >> n & 1}
        return sum(bit for bit, ways in self._several if any(held.issuperset(way) for way in ways))

    def _capabilities_mask(self, capabilities: frozenset[str]) -> int:
        result = 0
        for capability in capabilities:
            result |= self.capabilities.get(capability, 0)
        return result

    def _add_several(
        self, access: Access, everywhere: int, org_bits: dict[str, int], team_bits: dict[str, dict[str, int]]
    ) -> int:
        """Adds the routes that take several permissions, which different roles may grant; returns those everywhere."""
        wide = 0
        held: dict[tuple[str | None, str | None], int] = {}
        for grant in access.grants:
            if grant.scope == PLATFORM:
                wide |= self._parts_of_all(grant.permissions)
            else:
                place = grant.org_id, grant.team_id if grant.scope == TEAM else None
                held[place] = held.get(place, 0) | self._parts_of_all(grant.permissions)
        everywhere |= self._mask_of_parts(wide)
        for org_id in {org_id for org_id, _ in held}:
            here = wide | held.get((org_id, None), 0)
            org_bits[org_id] = org_bits.get(org_id, 0) | self._mask_of_parts(here) & self.in_organisation
            teams = team_bits.get(org_id, {})
            for team_id in teams:
                teams[team_id] |= self._mask_of_parts(here | held.get((org_id, team_id), 0)) & self.in_team
        return everywhere

    def compile(self, access: Access, arn_prefix: str, preferred: str = "") -> Policy:
        """The policy of one user.

        arn_prefix: `arn:aws:execute-api:{region}:{account}:{api}/{stage}/`
        preferred: the organisation to keep first if not all fit
        """
        held = self._held(access, preferred)
        # The gateway holds the policy against requests to this API alone, so region and account need no repeating.
        short = _without_region_and_account(arn_prefix)
        least = self._least(held, short)
        if not held.unread and _always(short) + sum(least.values()) <= LARGEST_POLICY:
            shape, names = self._shape(held, held.organisations)
            # Whatever fits first is as exact as the shortest.
            for prefix, lists in (
                (arn_prefix, self._compiled),
                (short, partial(self._compacted_from, _SMALL)),
                (short, partial(self._compacted_from, _LARGE)),
            ):
                allow, deny = lists(shape)
                document, size = _document(prefix, _filled(allow, names), _filled(deny, names))
                if size <= LARGEST_POLICY:
                    return Policy(document, "exact", size)
        return self._open_organisations(held, short, least)

    def _least(self, held: _Held, prefix: str) -> dict[str, int]:
        """Bytes that a policy needs at least for each organisation."""
        anywhere = held.everywhere
        for one in held.organisations:
            anywhere |= one.held
        return {
            one.id: one.least(prefix, self._patterns_at_least(one.bits, anywhere & ~held.everywhere & ~one.bits))
            for one in held.organisations
        }

    def _fewest_patterns(self, bits: int, refused: int) -> int:
        """How many patterns that name an organisation it takes at least to allow routes there and refuse others.

        refused: those that are granted elsewhere, so that no Deny without a name may refuse them
        Of a path with some methods allowed and others refused, each allowed method needs an Allow of its own, or each
        refused one a Deny, beside an Allow of all methods.
        """
        if not bits:
            return 0
        clauses = {
            (allowed, denied)
            for path, methods in self._paths
            if (allowed := _methods(bits & path, methods)) and (denied := _methods(refused & path, methods))
        }
        if not clauses:
            return 1
        fewest = []
        for allows in range(1 << len(self._by_method)):
            denies = reduce(or_, [denied for allowed, denied in clauses if allowed & ~allows], 0)
            fewest.append(allows.bit_count() + denies.bit_count() + (denies > 0))
        return min(fewest)

    def inseparable(
        self, platform: Iterable[Collection[str]] | None = None
    ) -> Iterator[tuple[Operation, Operation, list[str]]]:
        """Pairs of routes that no policy keeps apart for somebody who may call one here and the other there.

        Each with the path parameters of the first that vary in length though a document could give them one. Whatever
        anybody holds, an inexact pattern shows with two holdings at most: the one that needs it, and the one that its
        Deny would shut.

        platform: what can be held everywhere, by role; None: any permission by itself
        """
        nobody = {"role_id": "", "role_name": "", "assignment": {}, "sources": {}}
        single: list[Collection[str]] = [
            *((name,) for name in self._permissions),
            *(way for _, ways in self._several for way in ways),
        ]
        holdings: list[Grant | Membership] = [
            Grant(frozenset(permissions), PLATFORM, None, None, **nobody)
            for permissions in (single if platform is None else platform)
        ]
        holdings += [
            Grant(frozenset(permissions), scope, "o-1", team_id, **nobody)
            for permissions in single
            for scope, team_id in ((ORGANISATION, None), (TEAM, "t-1"))
        ]
        holdings += [Membership("o-1", "t-1", frozenset({capability})) for capability in self.capabilities]
        found = set()
        for pair in combinations_with_replacement(holdings, 2):
            given = tuple(one for one in pair if isinstance(one, Grant))
            members = tuple(one for one in pair if isinstance(one, Membership))
            held = self._held(Access("u-1", given, members), "")
            grants = self._grants(self._shape(held, held.organisations)[0])
            for route, bindings in grants:
                for binding in bindings:
                    for other in self._way(route, binding, grants).shut:
                        if (route, other) not in found:
                            found.add((route, other))
                            free = [part[1:-1] for part in self.operations[route].segments if part.startswith("{")]
                            varying = [name for name in free if name not in {*binding, *self.widths, *PATH_IDS}]
                            yield self.operations[route], self.operations[other], varying

    def _held(self, access: Access, preferred: str) -> _Held:
        """What a user holds, by organisation; the preferred one is the first."""
        everywhere = self.signed_in if access.known and access.active else 0
        org_bits: dict[str, int] = {}
        team_bits: dict[str, dict[str, int]] = {}
        for grant in access.grants:
            bits = self._mask_of_all(grant.permissions)
            if grant.scope == PLATFORM:
                everywhere |= bits
            elif grant.scope == ORGANISATION:
                org_bits[grant.org_id] = org_bits.get(grant.org_id, 0) | bits & self.in_organisation
            elif grant.scope == TEAM:
                teams = team_bits.setdefault(grant.org_id, {})
                teams[grant.team_id] = teams.get(grant.team_id, 0) | bits & self.in_team
        bits_of: dict[frozenset[str], int] = {}  # of thousands of memberships nearly all have one of a few team roles
        for org_id, team_id, capabilities, _ in access.memberships:
            bits = bits_of.get(capabilities)
            if bits is None:
                bits = bits_of[capabilities] = self._mask_of_capabilities(capabilities) & self.in_team
            teams = team_bits.get(org_id)
            if teams is None:
                teams = team_bits[org_id] = {}
            teams[team_id] = teams.get(team_id, 0) | bits
        if self._several:
            everywhere = self._add_several(access, everywhere, org_bits, team_bits)
        # An id with a wildcard would open what nobody granted, and one that equals a fixed segment of a path would
        # be taken for it: such a record gives nothing. What is unread comes last, so that it takes no room from others.
        unread = access.unread
        ordered = sorted(
            filter(self._is_safe, access.organisations() | unread if unread else access.organisations()),
            key=lambda org: (org in unread, org != preferred, org),
        )
        own = self.own if self._is_safe(access.user_id) else {}
        organisations = []
        for org_id in ordered:
            bits = (self.in_organisation if org_id in unread else org_bits.get(org_id, 0)) & ~everywhere
            rest = ~(everywhere | bits)
            own_here = tuple((p, mask & rest & self.in_organisation) for p, mask in own.items())
            teams = [
                (team & rest, team_id)
                for team_id, team in team_bits.get(org_id, {}).items()
                if team & rest and self._is_safe_team(team_id)
            ]
            held = reduce(or_, {team for team, _ in teams}, bits)
            held = reduce(or_, [mask for _, mask in own_here], held)
            organisations.append(_Organisation(org_id, bits, own_here, teams, held))
        outside = ~(everywhere | self.in_organisation)
        own_outside = tuple((p, mask & outside) for p, mask in own.items()) if access.active else ()
        opened = frozenset(one.id for one in organisations if one.id in unread and one.held)
        return _Held(access.user_id, everywhere, own_outside, organisations, opened)

    def _shape(
        self,
        held: _Held,
        organisations: Collection[_Organisation],
        opened: Collection[_Organisation] = (),
        aside: Collection[_Organisation] = (),
    ) -> tuple[tuple, dict[str, str]]:
        """What a user holds without the names of organisations and teams, so that users with the same roles share one
        compilation; and the names.

        A shape is (routes everywhere, own routes outside organisations, organisations, how many of them are open,
        all others as one); an organisation is (routes, own routes, routes of each team). What is open as a whole is
        known to the compiler, which must not shut it, and not listed, except for routes that begin elsewhere (`aside`).
        """
        names = {"\0u": held.user_id}
        shapes = []
        for k, one in enumerate((*organisations, *aside)):
            names[f"\0o{k}"] = one.id
            listed = one.teams if k < len(organisations) else [team for team in one.teams if team[0] & self._beside]
            teams = sorted(listed)
            names.update({f"\0t{k}.{j}": team_id for j, (_, team_id) in enumerate(teams)})
            # Those of which nothing is listed are one.
            rest = reduce(or_, (bits for bits, _ in one.teams), 0) if len(teams) < len(one.teams) else 0
            shapes.append(
                (one.bits, one.own, (*(bits for bits, _ in teams), *([rest & ~self._beside] if rest else [])))
            )
        others = ()
        if opened:
            bits = reduce(or_, (one.bits for one in opened))
            own = tuple(
                (kind[0][0], reduce(or_, [mask for _, mask in kind]))
                for kind in zip(*(one.own for one in opened), strict=True)
            )
            others = ((bits, own, (reduce(or_, [bits for one in opened for bits, _ in one.teams], 0),)),)
        return (held.everywhere, held.own, tuple(shapes), len(aside), others), names

    def _is_safe(self, one: str) -> bool:
        return one not in self._words and is_valid_id(one)

    def _grants(self, shape: tuple) -> Granted:
        """For each route the bindings of parameters with which it is granted; no binding means every value."""
        everywhere, own_outside, organisations, _, others = shape
        grants = Granted()

        def add(bits: int, binding: dict[str, str]) -> None:
            while bits:
                low = bits & -bits
                grants.add(low.bit_length() - 1, binding)
                bits ^= low

        add(everywhere, {})
        for parameter, bits in own_outside:
            add(bits, {parameter: "\0u"})
        kinds: dict[tuple, int] = {}
        for k, one in enumerate((*organisations, *others)):
            bits, own, teams = one
            org = {"orgId": f"\0o{k}" if k < len(organisations) else _OTHERS}
            if k < len(organisations):
                grants.alike(org["orgId"], kinds.setdefault(one, len(kinds)))
            add(bits, org)
            for parameter, own_bits in own:
                add(own_bits, {**org, parameter: "\0u"})
            for j, team_bits in enumerate(teams):
                grants.alike(f"\0t{k}.{j}", kinds.setdefault((one, team_bits), len(kinds)))
                add(team_bits, {**org, "teamId": f"\0t{k}.{j}"})
        return grants

    def _compile_shape(self, shape: tuple) -> tuple[tuple[str, ...], tuple[str, ...]]:
        grants = self._grants(shape)
        _, _, organisations, aside, _ = shape
        opened = {f"\0o{k}" for k in range(len(organisations) - aside, len(organisations))}
        allow: list[str] = []
        deny: dict[str, None] = {}
        ways: dict[tuple, tuple[dict[str, str], _Way]] = {}  # of the first of those that are alike
        for route, bindings in grants:
            for binding in bindings:
                org = binding.get("orgId")
                if org == _OTHERS or (org in opened and not self._beside >> route & 1):
                    continue
                key = route, grants.kind(binding)
                if key not in ways:
                    ways[key] = binding, self._way(route, binding, grants)
                first, way = ways[key]
                allow.append(self._pattern(route, binding, exact=way.exact))
                deny.update(dict.fromkeys(_renamed(way.denied, first, binding)))
        return tuple(allow), tuple(deny)

    def _way(self, route: int, binding: dict[str, str], grants: Granted) -> _Way:
        """How to allow a route: with wildcards if that is exact, else with ids of one length written as so many `?`.

        Where neither is exact, the Deny stays: a narrower grant yields rather than a door opens.
        """
        ways = []
        for exact in (False, True) if self._has_width(route, binding) else (False,):
            needed = self._needed(self._overlaps_of(route, frozenset(binding), exact=exact), binding, grants)
            shut = [one.route for one in needed if self._shuts(one.route, one.constraint, grants)]
            denied, in_any_case = self._denials(route, binding, grants, needed, exact=exact)
            ways.append(_Way(exact, denied, shut, in_any_case))
            if in_any_case and not shut:
                break
        return min(ways, key=lambda way: (len(way.shut), not way.in_any_case))

    def _denials(
        self, route: int, binding: dict[str, str], grants: Granted, needed: list[Reach], *, exact: bool
    ) -> tuple[list[str], bool]:
        """What must be denied beside a pattern, and whether that denies the words under its wildcards in any case."""
        denied: list[str] = []
        deeper = self._deeper(route, frozenset(binding), exact=exact) if needed else []
        below = f"{self._pattern(route, binding, exact=exact)}/*"
        if deeper and not any(self._is_granted(reach, binding, grants) for reach in deeper):
            # One word for all that lies deeper, however it is spelt.
            deep = {reach.route for reach in deeper}
            needed = [one for one in needed if one.route not in deep]
            denied.append(below)
            deeper = []
        spelt: list[Reach] = []
        for one in needed:
            pattern = self._blurred(one, grants)
            if pattern is None:
                spelt.append(one)
                pattern = self._framed(one.route, one.constraint, one.words, grants)
            denied.append(pattern)
        letters = self._other_case_below(below, route, spelt, deeper, binding, grants) if deeper else []
        in_any_case = not self._may_be_upper or bool(letters) or not any(one.words for one in spelt)
        return [*denied, *letters, *self._other_case(spelt)], in_any_case

    def _needed(self, overlaps: list[Reach], binding: dict[str, str], grants: Granted) -> list[Reach]:
        needed = []
        for other, constraint, words in overlaps:
            bound = {name: value if kind == "text" else binding[value] for name, (kind, value) in constraint.items()}
            if not grants.covers(other, bound):
                needed.append(Reach(other, bound, words))
        return needed

    def _shuts(self, route: int, constraint: dict[str, str], grants: Granted) -> bool:
        """Whether denying a route under a constraint would refuse something granted."""
        if grants.meets(route, constraint):
            return True
        key = route, frozenset(constraint)
        pattern = self._wide_patterns.get(key)
        if pattern is None:
            pattern = self._wide_patterns[key] = tuple(self._path_pattern(*key, exact=False))
        reached = self._into_granted(self.operations[route].method, pattern, constraint, grants)
        return any(reach.route != route and self._is_granted(reach, constraint, grants) for reach in reached)

    def _into_granted(
        self, method: str, pattern: tuple[str, ...], binding: Mapping[str, str], grants: Granted
    ) -> Iterable[Reach]:
        """The ways in which a pattern reaches into routes that may be granted so, as far as somebody looks.

        In an API with very many routes most are not granted, and where many are, the first ones that are found tell.
        """
        search = self._few.get(method)
        if search is not None:
            return search.all_reached(pattern)  # the same for everybody, and kept
        org_id = binding.get("orgId")
        if org_id is not None and not self._names_the_organisation(pattern):
            org_id = None
        routes = grants.routes(org_id) & self._of_method[method]
        return self._searches(routes).reached(pattern) if routes else ()

    def _names_the_organisation(self, pattern: tuple[str, ...]) -> bool:
        """Whether {orgId} in a pattern is that of every route into which it may reach."""
        return any(pattern[: len(beginning)] == beginning for beginning in self._plain)

    def _find_plain(self) -> list[tuple[str, ...]]:
        """Beginnings of paths, with {orgId}, that no route has otherwise."""
        beginnings = [(*one.split("/")[:-1], "{orgId}") for one in self._beginnings]
        return [
            beginning
            for beginning in beginnings
            if not any(
                operation.segments[: len(beginning)] != beginning and self._may_begin(operation.segments, beginning)
                for operation in self.operations
            )
        ]

    def _may_begin(self, segments: tuple[str, ...], beginning: tuple[str, ...]) -> bool:
        """Whether a path of a route may begin so, with an id at the end that is no word of any path."""
        return len(segments) >= len(beginning) and all(
            part[0] == "{"
            if wanted[0] == "{"
            else part == wanted or (part[0] == "{" and self._can_be(part[1:-1], wanted))
            for part, wanted in zip(segments, beginning, strict=False)
        )

    def _search(self, routes: int) -> Search:
        """A search among some routes of one method."""
        found = {}
        while routes:
            low = routes & -routes
            route = low.bit_length() - 1
            found[route] = self.operations[route].segments
            routes ^= low
        return Search(RouteTree(found, self.widths, self._can_be))

    def _is_granted(self, reach: Reach, binding: Mapping[str, str], grants: Granted) -> bool:
        """Whether something granted is among the paths of a route that a pattern reaches into."""
        bound = {name: value if kind == "text" else binding[value] for name, (kind, value) in reach.constraint.items()}
        return grants.meets(reach.route, bound)

    # Paths are compared letter by letter, though nobody has seen that all that reads them does so.

    def _other_case(self, needed: Iterable[Reach]) -> list[str]:
        """Denies the words under a wildcard in any other case: no path of this API has upper-case letters at all."""
        if self._may_be_upper:
            return []
        return [f"{_ANY_API}*/*/*/*{letter}*" for letter in _capitals(needed)]

    def _other_case_below(
        self,
        below: str,
        route: int,
        needed: list[Reach],
        deeper: list[Reach],
        binding: dict[str, str],
        grants: Granted,
    ) -> list[str]:
        """The same where some paths of this API may have upper-case letters, though none of those granted here."""
        if not self._may_be_upper:
            return []
        depth = len(self.operations[route].segments)
        granted = (self.operations[one.route].segments for one in deeper if self._is_granted(one, binding, grants))
        if any(part in self._may_be_upper for segments in granted for part in segments[depth:]):
            return []
        return [f"{below}{letter}*" for letter in _capitals(needed)]

    def _deeper(self, route: int, bound: frozenset[str], *, exact: bool) -> list[Reach]:
        """Routes into which a route's pattern reaches below its last parameter; none where a word ends it."""
        key = route, bound, exact, "deeper"
        found = self._overlaps.get(key)
        if found is None:
            pattern = self._path_pattern(route, bound, exact=exact)
            deeper = [*pattern, STAR] if pattern[-1][0] in WILDCARDS else []
            found = self._reaches(self.operations[route].method, deeper, None) if deeper else []
            self._overlaps[key] = found
        return found

    def _has_width(self, route: int, binding: Mapping[str, str]) -> bool:
        """Whether some free parameter of a route has values of one length."""
        names = (part[1:-1] for part in self.operations[route].segments if part.startswith("{"))
        return any(name in self.widths and name not in binding for name in names)

    def _overlaps_of(self, route: int, bound: frozenset[str], *, exact: bool = False) -> list[Reach]:
        """Other routes of the same method that a route's pattern reaches into, given which parameters are bound."""
        key = route, bound, exact
        found = self._overlaps.get(key)
        if found is None:
            pattern = self._path_pattern(route, bound, exact=exact)
            found = self._overlaps[key] = self._reaches(self.operations[route].method, pattern, route)
        return found

    def _path_pattern(self, route: int, bound: frozenset[str], *, exact: bool) -> list[str]:
        """The segments of a route with wildcards for free parameters, as RouteTree reads them."""
        parts = []
        for segment in self.operations[route].segments:
            name = segment[1:-1]
            if not segment.startswith("{") or name in bound:
                parts.append(segment)
            else:
                parts.append(ONE * self.widths[name] if exact and name in self.widths else STAR)
        return parts

    def _reaches(self, method: str, pattern: list[str], skip: int | None) -> list[Reach]:
        if method != STAR:
            tree = self._trees.get(method)
            return [one for one in tree.reaches(pattern) if one.route != skip] if tree is not None else []
        found = self._trees[STAR].reaches([STAR, *pattern])
        return [one._replace(words=one.words - {self.operations[one.route].method}) for one in found]

    def _can_be(self, name: str, text: str) -> bool:
        """Whether a parameter can have a text for its value that is a word of a path."""
        return self.widths.get(name, len(text)) == len(text) and text.startswith(BEGINNINGS.get(name, ""))

    def _pattern(self, route: int, binding: Mapping[str, str], *, exact: bool = False) -> str:
        operation = self.operations[route]
        parts = [operation.method]
        for segment in operation.segments:
            if not segment.startswith("{"):
                parts.append(segment)
            elif segment[1:-1] in binding:
                parts.append(binding[segment[1:-1]])
            else:
                name = segment[1:-1]
                parts.append(ONE * self.widths[name] if exact and name in self.widths else STAR)
        return "/".join(parts)

    # When the list of single routes is too long.

    def _compact(self, shape: tuple) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Still exact, in as few words as can be found."""
        return min(
            (self._compacted_from(first, shape) for first in (_SMALL, _LARGE)),
            key=lambda lists: sum(map(_weight, (*lists[0], *lists[1]))),
        )

    def _compact_from(self, first: str, shape: tuple) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Still exact, in fewer words: all that lies below a team, an organisation or another place, less what is not
        granted there.

        first: whether the small or the large is tried first, which makes a difference
        """
        grants, wider = self._begun(shape)
        small, large = (*self.own, "teamId"), ("orgId", "")
        start, end = (small, large) if first == _SMALL else (large, small)
        single, denied = self._compiled(shape)
        allow, deny = {one: one.split("/") for one in single}, dict.fromkeys(denied)
        for level in (*start, _COLLECTION, _EVERYWHERE, *end):
            for method in (STAR, *self._by_method):
                self._widen(method, level, shape, grants, allow, deny, wider)
        return tuple(allow), tuple(deny)

    def _begin(self, shape: tuple) -> tuple[Granted, dict[tuple, _Wider]]:
        """What is found out about a shape, whichever is tried first."""
        return self._grants(shape), {}

    def _widen(
        self,
        method: str,
        level: str,
        shape: tuple,
        grants: Granted,
        allow: dict[str, list[str]],
        deny: dict[str, None],
        wider: dict[tuple, _Wider],
    ) -> None:
        """Allow everything of a method (`*`: of all) below each place of a level, and deny what is not granted of it,
        wherever this shuts nothing and is shorter.

        Those who are alike share their denials, so they are weighed together.

        allow: the patterns with their segments
        wider: what must be denied beside such a pattern, of those that are alike
        """
        alike: dict[tuple[str, ...], list[tuple[str, list[str]]]] = {}
        stems = self._stems_of(method, level)
        below: dict[tuple[str, ...], list[str]] = {}
        lengths = {len(stem) + 1 for stem in stems}
        for one, parts in allow.items():
            if method in (STAR, parts[0]):
                for length in lengths:
                    if length < len(parts):
                        below.setdefault((method, *parts[1:length]), []).append(one)
        # All that can be saved here, and what may be denied already: for more than that no denials are looked for.
        worth: int | None = None
        for stem in stems:
            for binding in self._places(shape, level):
                place = (method, *[binding[part[1:-1]] if part[0] == "{" else part for part in stem])
                # One pattern is not said in fewer by another.
                if place not in below:
                    continue
                key = method, stem, grants.kind(binding)
                if key not in wider:
                    wider[key] = self._wider(self._needed(self._below(method, stem), binding, grants), binding, grants)
                found = wider[key]
                if found.denied is None:
                    if found.needed is None:
                        continue
                    if worth is None:
                        worth = sum(map(_weight, {one for some in below.values() for one in some}))
                        worth = min(worth + sum(map(_weight, deny)), LARGEST_POLICY)
                    if found.takes_more(worth):
                        continue
                    found.denied = self._widely(found.needed, grants)
                denied = tuple(_renamed(found.denied, found.first, binding))
                alike.setdefault(denied, []).append(("/".join([*place, ""]), below[place]))
        for denied, starts in alike.items():
            saved = sum(map(_weight, {one for _, replaced in starts for one in replaced if one in allow}))
            added = sum(_weight(f"{start}*") for start, _ in starts)
            added += sum(_weight(one) for one in denied if one not in deny)
            if saved > added:
                for start, replaced in starts:
                    for one in replaced:
                        allow.pop(one, None)
                    allow[f"{start}*"] = [*start.split("/")[:-1], STAR]
                deny.update(dict.fromkeys(denied))

    def _wider(self, needed: list[Reach], binding: dict[str, str], grants: Granted) -> _Wider:
        """What must be denied, unless that shuts something or leaves a word under a wildcard open in another case."""
        if any(self._shuts(one.route, one.constraint, grants) for one in needed):
            return _Wider(binding, None, set())
        blurred = [(one, self._blurred(one, grants)) for one in needed]
        spelt = [one for one, pattern in blurred if pattern is None]
        if self._may_be_upper and any(one.words for one in spelt):
            return _Wider(binding, None, set())
        return _Wider(binding, blurred, {self._bare_pattern(one.route) for one in spelt})

    def _widely(self, needed: list[tuple[Reach, str | None]], grants: Granted) -> tuple[str, ...]:
        """Denials as wide as they shut nothing, so that many places share them."""
        patterns: dict[str, None] = {}
        for one, blurred in needed:
            if blurred is None:
                blurred = self._framed(*self._loosened(one.route, one.constraint, grants), one.words, grants)
            patterns[blurred] = None
        return (*_widest(patterns), *self._other_case([one for one, blurred in needed if blurred is None]))

    def _blurred(self, one: Reach, grants: Granted) -> str | None:
        """A denial with wildcards for the words under a wildcard, which leaves no other spelling of them; None where
        that would shut something granted, or none are.
        """
        if not one.words:
            return None
        operation = self.operations[one.route]
        for names in ((), ("orgId",), tuple(one.constraint)):
            binding = {name: value for name, value in one.constraint.items() if name in names}
            pattern = self._blurs.get(key := (one.route, one.words, *binding))
            if pattern is None:
                pattern = self._blurs[key] = tuple(
                    STAR if part in one.words or (part[:1] == "{" and part[1:-1] not in binding) else part
                    for part in operation.segments
                )
            plain = one.route if binding == one.constraint else None
            if not self._shuts_more(plain, operation.method, pattern, binding, grants):
                parts = (binding[part[1:-1]] if part[:1] == "{" else part for part in pattern)
                return "/".join((operation.method, *parts))
        return None

    def _shuts_more(
        self, route: int | None, method: str, pattern: tuple[str, ...], binding: Mapping[str, str], grants: Granted
    ) -> bool:
        """Whether a wide pattern would refuse something granted, other than what is denied with that route anyway."""
        key = route, method, pattern, *binding.items()
        known = grants.answers.get(key)
        if known is None:
            reached = self._into_granted(method, pattern, binding, grants)
            itself = {name: ("bound", name) for name in binding}
            known = grants.answers[key] = any(
                self._is_granted(reach, binding, grants)
                for reach in reached
                if reach.route != route or reach.constraint != itself
            )
        return known

    def _framed(self, route: int, constraint: dict[str, str], words: frozenset[str], grants: Granted) -> str:
        """A denial of words under a wildcard with whatever stands around them, as far as that shuts nothing: a tab, a
        zero byte, what begins with `#` or `?`, and letters whose capitals or small letters are those of the word.

        None of it can be in a request, nor be named in a policy; a gateway could only have decoded it.
        """
        operation = self.operations[route]
        for frame in ("*{}*", "*{}", "{}") if words else ():
            pattern = self._blurs.get(key := (frame, route, words, *constraint))
            if pattern is None:
                pattern = self._blurs[key] = tuple(
                    f"{FRAMED}{frame.format(_MANIFOLD.sub(ONE, part))}"
                    if part in words
                    else STAR
                    if part.startswith("{") and part[1:-1] not in constraint
                    else part
                    for part in operation.segments
                )
            if not self._shuts_more(route, operation.method, pattern, constraint, grants):
                parts = (constraint[part[1:-1]] if part[:1] == "{" else part.lstrip(FRAMED) for part in pattern)
                return "/".join((operation.method, *parts))
        return self._pattern(route, constraint)

    def _loosened(self, route: int, constraint: dict[str, str], grants: Granted) -> tuple[int, dict[str, str]]:
        """The widest way to deny a route that shuts nothing."""
        for names in ((), ("orgId",)):
            wider = {name: value for name, value in constraint.items() if name in names}
            if len(wider) < len(constraint) and not self._shuts(route, wider, grants):
                return route, wider
        return route, constraint

    # A level is a path parameter: {orgId}, {teamId} below it, or one of `own` below it; or _COLLECTION, a word below
    # {orgId}; or _EVERYWHERE, such a word below any; or "", the very beginning.

    def _stems_of(self, method: str, level: str) -> list[tuple[str, ...]]:
        """Beginnings of paths down to a level."""
        found = self._stems.get((method, level))
        if found is None:
            place = _COLLECTION if level == _EVERYWHERE else level
            every = self._stems_at.get(place)
            if every is None:
                every = self._stems_at[place] = [_stem(operation.segments, place) for operation in self.operations]
            stems = dict.fromkeys(every if method == STAR else [every[n] for n in self._by_method[method]])
            if level == _EVERYWHERE:
                stems = {tuple(STAR if part == "{orgId}" else part for part in stem): None for stem in stems if stem}
            found = self._stems[method, level] = [stem for stem in stems if stem is not None]
        return found

    def _below(self, method: str, stem: tuple[str, ...]) -> list[Reach]:
        """The routes that lie below a beginning of paths.

        A `*` for the method may also stand for the beginning of a path, so it is aligned with the routes as well.
        """
        found = self._overlaps.get((method, stem, "below"))
        if found is None:
            found = self._overlaps[method, stem, "below"] = self._reaches(method, [*stem, STAR], None)
        return found

    def _places(self, shape: tuple, level: str) -> list[dict[str, str]]:
        """The values of the parameters above a level, for everything of a shape that lies there."""
        if not level or (level == _EVERYWHERE and shape[0]):
            return [{}]
        if level == _EVERYWHERE:
            return []
        places: list[dict[str, str]] = []
        for k, (_, _, teams) in enumerate(shape[2]):
            org = {"orgId": f"\0o{k}"}
            if level == "teamId":
                places += [{**org, level: f"\0t{k}.{j}"} for j in range(len(teams))]
            else:
                places.append({**org, level: "\0u"} if level in self.own else org)
        return places

    def _open_organisations(self, held: _Held, prefix: str, least: dict[str, int]) -> Policy:
        """Whole organisations in which the user is active; the services decide there.

        As few as it takes, those with the longest lists first: many teams in one must not open another. If not
        even all of them are enough, as many as fit. A list that cannot fit, however it is said, is not made.
        """
        open_costs = {
            one.id: sum(_cost(prefix, start) for start in self._starts([one.id])) for one in held.organisations
        }
        closed = sorted((one for one in held.organisations if one.id not in held.unread), key=lambda one: least[one.id])
        always = _always(prefix)
        least |= {org_id: open_costs[org_id] for org_id in held.unread}
        size = always + sum(least.values())
        if always + sum(min(least[one], open_costs[one]) for one in least) > LARGEST_POLICY:
            closed = []
        while size > LARGEST_POLICY and closed:
            size += open_costs[closed[-1].id] - least[closed.pop().id]
        lists = self._lists(held, {one.id for one in closed})
        policy = self._as_few_as_it_takes(prefix, lists)
        if policy is None and closed:
            # Denials that lists share take room, and are none where nothing is listed.
            lists = self._lists(held, set())
            policy = self._as_few_as_it_takes(prefix, lists)
        return policy or self._as_many_as_fit(held, prefix, lists)

    def _lists(self, held: _Held, closed: set[str]) -> _Lists:
        """What is allowed and denied where these organisations are listed, and all others open."""
        opened = [one for one in held.organisations if one.id not in closed and one.held]
        listed = [one for one in held.organisations if one.id in closed]
        aside = [one for one in opened if one.held & self._beside]
        shape, names = self._shape(held, listed, opened, aside)
        owned = self._owned(shape)
        allow, deny = (
            list(zip(_filled((one for one, _ in kind), names), kind, strict=True)) for kind in (owned.allow, owned.deny)
        )
        order = [k for k in owned.lengths if k < len(listed)]
        order.sort(key=lambda k: (-owned.lengths[k], -k))
        return _Lists([one.id for one in opened], [one.id for one in (*listed, *aside)], allow, deny, order)

    def _as_few_as_it_takes(self, prefix: str, lists: _Lists) -> Policy | None:
        """Whole organisations instead of the longest lists; None where that is not enough."""
        costs: dict[int | None, int] = {}
        for filled, (_, owner) in (*lists.allow, *lists.deny):
            costs[owner] = costs.get(owner, 0) + _cost(prefix, filled)
        starts = self._starts(lists.opened)
        size = _always(prefix) + sum(costs.values()) + sum(_cost(prefix, one) for one in starts)
        for n, k in enumerate((None, *lists.order)):
            if k is not None:
                more = self._starts([lists.listed[k]])
                starts += more
                size += sum(_cost(prefix, one) for one in more) - costs[k]
            if size <= LARGEST_POLICY:
                # Denials that concern an open organisation leave with the patterns that needed them.
                away = set(lists.order[:n])
                kinds = lists.allow, lists.deny
                left = [[filled for filled, (_, owner) in kind if owner not in away] for kind in kinds]
                document, size = _document(prefix, [*left[0], *starts], left[1])
                return Policy(document, "organisation", size)
        return None

    def _as_many_as_fit(self, held: _Held, prefix: str, lists: _Lists) -> Policy:
        """What concerns no organisation, then one organisation after the other."""
        kept = [filled for filled, (one, _) in lists.allow if "\0o" not in one]
        denied = [filled for filled, (one, _) in lists.deny if "\0o" not in one]
        document, size = _document(prefix, kept, denied)
        while size > LARGEST_POLICY:
            if not kept:
                return deny_all(prefix)._replace(detail="truncated")
            kept.pop()
            document, size = _document(prefix, kept, denied)
        whole = set(lists.opened)
        beside: dict[str, list[str]] = {}
        for filled, (one, owner) in lists.allow:
            if owner is not None:
                whole.add(lists.listed[owner])
            elif found := _ORGANISATION.search(one):
                beside.setdefault(lists.listed[int(found[1])], []).append(filled)
        for org in held.organisations:
            starts = self._starts([org.id]) if org.id in whole else []
            if _document(prefix, [*kept, *starts], denied)[1] > LARGEST_POLICY:
                break
            kept += starts
            # A list that is too long by itself must not keep all that comes after it out.
            more = beside.get(org.id, [])
            if more and _document(prefix, [*kept, *more], denied)[1] <= LARGEST_POLICY:
                kept += more
        document, size = _document(prefix, kept, denied)
        return Policy(document, "truncated", size)

    def _starts(self, org_ids: Iterable[str]) -> list[str]:
        """Everything below each of these organisations."""
        return [f"{opening}{org_id}/*" for org_id in org_ids for opening in self._openings]

    def _strays(self, method: str, beginning: str) -> list[int]:
        """Routes into which what is open below an organisation would reach though their organisation is another."""
        pattern = [*beginning.split("/")[:-1], "{orgId}", STAR]
        return [
            reach.route
            for reach in self._reaches(method, pattern, None)
            if reach.constraint.get("orgId") != ("bound", "orgId") and not self.signed_in >> reach.route & 1
        ]

    def strays(self) -> list[tuple[str, Operation]]:
        """Beginnings of paths before an organisation's id, each with a route of none that such a path also leads to."""
        return [
            (beginning, self.operations[route])
            for beginning in self._beginnings
            for method in self._by_method
            for route in self._strays(method, beginning)
        ]

    def _own_lists(self, shape: tuple) -> _OwnedLists:
        allow, deny = ([(one, self._owner(one)) for one in kind] for kind in self._compacted(shape))
        lengths: dict[int, int] = {}
        for one, owner in (*allow, *deny):
            if owner is not None:
                lengths[owner] = lengths.get(owner, 0) + len(one)
        return _OwnedLists(allow, deny, lengths)

    def _owner(self, pattern: str) -> int | None:
        path = pattern.partition("/")[2]
        found = _ORGANISATION.search(path)
        if found is None or path[: found.start()] not in self._beginnings or path[found.end() :][:1] != "/":
            return None
        return int(found[1])


def _methods(routes: int, methods: list[tuple[int, int]]) -> int:
    """The methods of some routes, as bits."""
    return reduce(or_, [method for route, method in methods if routes & route], 0)


def _without_region_and_account(arn_prefix: str) -> str:
    parts = arn_prefix.split(":")
    return ":".join([*parts[:3], STAR, STAR, *parts[5:]])


def _stem(segments: tuple[str, ...], level: str) -> tuple[str, ...] | None:
    """The segments of a route down to a level; None where nothing lies below."""
    if not level:
        return ()
    if "{orgId}" not in segments or any(part.startswith("{") for part in segments[: segments.index("{orgId}")]):
        return None
    below = segments.index("{orgId}") + 1
    if level == _COLLECTION:
        end = below + 1
    elif f"{{{level}}}" in segments:
        end = segments.index(f"{{{level}}}") + 1
    else:
        return None
    words = segments[below : end if level == _COLLECTION else end - 1]
    return segments[:end] if end < len(segments) and not any(part.startswith("{") for part in words) else None


def _weight(pattern: str) -> int:
    """About the length of a pattern in the policy: with the ARN before it, and an id in place of a symbol."""
    return 40 + len(pattern) + 28 * pattern.count("\0")


def deny_all(arn_prefix: str) -> Policy:
    """The policy of somebody who may call nothing."""
    document, size = _document(arn_prefix, [], ["*"])
    return Policy(document, "exact", size)


def _document(prefix: str, allow: list[str], deny: list[str]) -> tuple[dict, int]:
    """The policy document and its length as compact JSON."""
    any_api = f"{':'.join(prefix.split(':', 3)[:3])}:*:*:"
    allowed = [resource for pattern in allow if len(resource := prefix + pattern) <= LONGEST_RESOURCE]
    denied = [any_api + one[1:] if one[0] == _ANY_API else prefix + one for one in deny]
    if any(len(resource) > LONGEST_RESOURCE for resource in denied):
        raise ValueError("A resource that must be denied is longer than a policy can say")
    size = len('{"Version":"2012-10-17","Statement":[]}') - 1
    if allowed:
        refused, length = _unusual(any_api)
        denied += refused
        size += length
    statements = []
    for effect, resources in (("Allow", allowed), ("Deny", denied)):
        if resources:
            statement = {"Action": "execute-api:Invoke", "Effect": effect, "Resource": resources}
            statements.append(statement)
            size += len('{"Action":"execute-api:Invoke","Effect":"","Resource":[]},') + len(effect) - 1
    size += sum(map(len, allowed)) + 3 * len(allowed)  # two quotes and a comma each
    size += sum(map(len, denied)) + 3 * len(denied)
    if not statements:
        return _document(prefix, [], ["*"])
    return {"Version": "2012-10-17", "Statement": statements}, size


def _cost(prefix: str, pattern: str) -> int:
    """Bytes of a pattern in a document."""
    if pattern[0] == _ANY_API:
        prefix = f"{':'.join(prefix.split(':', 3)[:3])}:*:*:"
        return len(prefix) + len(pattern) + 2
    return len(prefix) + len(pattern) + 3


@lru_cache(maxsize=64)
def _always(prefix: str) -> int:
    """Bytes of a document beside its own patterns."""
    return _document(prefix, [STAR], [])[1] - _cost(prefix, STAR)


@lru_cache(maxsize=4)
def _unusual(any_api: str) -> tuple[list[str], int]:
    """What every policy refuses, and how much longer than its characters JSON makes it."""
    resources = [any_api + one[1:] for one in UNUSUAL]
    return resources, sum(resource.count("\\") for resource in resources)


def _filled(patterns: Iterable[str], names: Mapping[str, str]) -> list[str]:
    """Patterns with the real ids. A symbol is a whole segment."""
    return [
        "/".join([names[part] if part[:1] == "\0" else part for part in pattern.split("/")])
        if "\0" in pattern
        else pattern
        for pattern in patterns
    ]


def _renamed(patterns: Collection[str], first: Mapping[str, str], binding: Mapping[str, str]) -> Collection[str]:
    """Patterns made for some values of parameters, for others. A symbol is a whole segment."""
    if first == binding:
        return patterns
    names = {first[name]: value for name, value in binding.items()}
    return ["/".join([names.get(part, part) for part in one.split("/")]) if "\0" in one else one for one in patterns]


def _widest(patterns: Collection[str]) -> list[str]:
    """Those patterns that no other one of them covers."""
    # What covers another has no text between wildcards that the other has not: its rarest one tells nearly always.
    parts = {one: one.split(STAR) for one in patterns}
    often = Counter(text for some in parts.values() for text in some)
    texts = [(one, min(some, key=often.__getitem__)) for one, some in parts.items()]
    wide = []
    for one in patterns:
        likely = [other for other, text in texts if text in one and other != one]
        if not any(_within(one, other) for other in likely):
            wide.append(one)
    return wide


def _within(one: str, other: str) -> bool:
    """Whether another pattern without `?` matches all that one matches."""
    first, *rest = other.split(STAR)
    if not rest:
        return one == other
    if not one.startswith(first):
        return False
    *middle, last = rest
    at = len(first)
    for part in middle:
        found = one.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    return len(one) - len(last) >= at and one.endswith(last)


def _capitals(needed: Iterable[Reach]) -> list[str]:
    """The letters of the words under a wildcard, in upper case."""
    return sorted({letter.upper() for one in needed for word in one.words for letter in word if letter.isalpha()})
