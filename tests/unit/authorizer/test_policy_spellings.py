"""No spelling of a path opens what the path itself does not.

What API Gateway holds against a policy, and what a service behind it makes of a path, nobody here has seen. So for
everything that is refused, each other way to write its path is held against the policy as well: whatever a gateway, a
proxy or a framework might drop, decode, resolve or fold. A spelling that passes would be a door.
"""

import copy
import json
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import product
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bbws_access.access.grants import Access, Grant, Membership
from bbws_access.authorizer.apis import Api, check_api, read_api
from bbws_access.authorizer.policy import RouteMap
from bbws_access.kernel.contract import ContractError, Operation, load_contract, load_roles
from tests.unit.authorizer.full_contract import full_contract
from tests.unit.authorizer.iam_evaluator import is_allowed
from tests.unit.authorizer.test_policy_property import ME, ORGS, OTHER, PREFIX, TEAMS, _grants, _ids, _yields

SITES = json.loads((Path(__file__).parents[2] / "support" / "apis" / "sites.json").read_text())
IN_ORGANISATION = "/organisations/{orgId}/sites"
OPEN = {"type": "string"}
ONE_LENGTH = {"type": "string", "minLength": 30, "maxLength": 30}
PAGE = [{"name": "pageId", "in": "path", "required": True, "schema": OPEN}]
LOWER_CASE = {"type": "string", "pattern": "^[a-z0-9]+(-[a-z0-9]+)*$"}


def _sites(start: str, schema: dict, **further: str) -> Api:
    """An API with sites that may be read and pages and secrets below them, for which other permissions are needed.

    further: the permission by the rest of the path, where `page` stands for a parameter
    """
    document = copy.deepcopy(SITES)
    document["components"]["parameters"]["SiteId"]["schema"] = schema
    parameters = document["paths"]["/organisations/{orgId}/sites/{siteId}"]["parameters"][
        0 if "{orgId}" in start else 1 :
    ]
    for n, (path, permission) in enumerate({"": "site:read", **further}.items()):
        operation = {"operationId": f"further{n}", "x-bbws-access": [{"permission": permission}], "responses": {}}
        rest = "/".join("{pageId}" if part == "page" else part for part in path.split("__"))
        item = document["paths"].setdefault(f"{start}/{{siteId}}/{rest}".rstrip("/"), {})
        item["parameters"] = parameters + PAGE * ("{pageId}" in rest)
        item.setdefault("get", operation)
    check_api("sites", document)
    return read_api("sites", document)


APIS = {
    "present": Api("access", load_contract()),
    "full": Api("access", full_contract()),
    "sites": read_api("sites", SITES),
    "secrets": _sites("/sites", OPEN, secrets="site:delete"),
    "deep secrets": _sites("/sites", OPEN, secrets="site:delete", secrets__keys="site:update"),
    "pages and secrets": _sites("/sites", OPEN, pages="site:update", secrets="site:delete"),
    "lower case": _sites(
        "/sites", LOWER_CASE, pages="site:update", pages__drafts="site:publish", secrets="site:delete"
    ),
    "one length beside others": _sites(
        "/sites", ONE_LENGTH, secrets="site:delete", pages__page__versions="site:read", pages__page="site:update"
    ),
    "partners": _sites(IN_ORGANISATION, ONE_LENGTH, partners__organisations__page__secrets="site:update"),
    "one length": _sites(IN_ORGANISATION, ONE_LENGTH, pages="site:update", secrets="site:delete"),
}
VALUES = {
    "orgId": ORGS[:3],
    "teamId": TEAMS[:2],
    "userId": [ME, OTHER],
    "roleId": _ids("role", "1"),
    "setId": _ids("set", "1"),
    "permissionId": ["perm-site-read"],
    "teamRoleId": _ids("trole", "1"),
    "invitationId": _ids("inv", "1"),
    "exportId": _ids("exp", "1"),
    "siteId": [_ids("site", "1")[0][:30]],
    "pageId": ["Page-1", "SECRETS", ORGS[0]],
}


BELOW = {name: values[0] for name, values in VALUES.items() if name not in ("orgId", "teamId")}


def _requests(api: Api) -> Iterator[tuple]:
    """(operation, parameters, path) of every route that the gateway asks about, with every value."""
    for operation in api.contract.operations.values():
        if operation.access != "public":
            names = [part[1:-1] for part in operation.segments if part.startswith("{")]
            for values in product(*(VALUES[name] for name in names)):
                params = dict(zip(names, values, strict=True))
                yield operation, params, "/".join(params.get(part[1:-1], part) for part in operation.segments)


def _double(path: str) -> str:
    return path.replace("%", "%25")


# What a gateway might have decoded before it holds a path against a policy: nobody can send it as it is.
DECODED_ENDS = ("\t", "\0", "\n", "\r\n", "#", "#x", "?", "?x", "\xa0", "\u2028")
# Their capital or small letter is that of a word's letter.
LOOKALIKES = {"s": "\u017f", "k": "\u212a", "i": "\u0131"}


@lru_cache(maxsize=1024)
def spellings(path: str) -> frozenset[str]:
    """Other ways to write a path that something between a caller and a service may take for the same one."""
    parts = path.split("/")
    found = set()
    for end in ("/", "//", "/.", "/./", "/x/..", "/x/../", ".", "..", ";", ";a=b", ";/", " ", "%20", "%2F", "%2f/"):
        found.add(path + end)
    found |= {path + end for end in DECODED_ENDS}
    found |= {path + end for end in ("\\", "%5C", "%00", "%2e", "/;/", "%3B", "%09", "%252F")}
    found |= {f"{start}{path}" for start in ("/", "./", "x/../", "%2F", ";/", "%2e/", "\\")}
    for n in range(1, len(parts)):
        before, after = "/".join(parts[:n]), "/".join(parts[n:])
        for between in (
            "//",
            "/./",
            "/x/../",
            "%2F",
            "%2f",
            "\\",
            "%5c",
            "/;/",
            ";a=b/",
            "/%2e/",
            "/x/%2e%2e/",
            "/x/..;/",
        ):
            found.add(f"{before}{between}{after}")
        found |= {f"{before}{between}{after}" for between in ("\t/", "/\t", "\0/", "/\0", "\r\n/")}
        for between in ("./", "%20/", " /", "/%20", "%252F", "/%252e/", "/x/.%2E/", "/x%2F../"):
            found.add(f"{before}{between}{after}")
    for n, part in enumerate(parts):
        others = {part.upper(), part.capitalize(), part[:-1] + part[-1].upper(), part.swapcase(), part.title()}
        others |= {part[:k] + part[k].upper() + part[k + 1 :] for k in range(len(part))} if len(part) < 20 else set()
        others |= {part.replace(letter, other) for letter, other in LOOKALIKES.items() if letter in part}
        others |= {f"%{ord(part[0]):02x}{part[1:]}", f"{part[:-1]}%{ord(part[-1]):02X}"}
        others |= {"".join(f"%{ord(letter):02X}" for letter in part)}
        found |= {"/".join([*parts[:n], other, *parts[n + 1 :]]) for other in others if other != part}
    found |= {path.upper(), path.title(), path.swapcase()}
    found |= {_double(one) for one in found if "%" in one}
    return frozenset(found - {path})


def _others(api: Api, access: Access, operation: Operation, params: dict[str, str], path: str) -> frozenset[str]:
    """The spellings of a refused path that must be refused as well.

    Where something below the path is granted, no policy can refuse what is decoded at its end: a tab behind `secrets`
    is a wildcard away from `secrets/keys`.
    """
    start = f"{operation.path}/"
    alike = (one for one in api.contract.operations.values() if one.method == operation.method)
    if any(one.path.startswith(start) and access.allows(one, params | BELOW).allowed for one in alike):
        return spellings(path) - {path + end for end in DECODED_ENDS}
    return spellings(path)


@lru_cache(maxsize=1024)
def _detours(path: str, *places: str) -> frozenset[str]:
    """Spellings that begin in a place that may be open and lead elsewhere from there."""
    found = set()
    for place in places:
        for up in ("..", "%2e%2e", "..;", ".%2E", "%252e%252e"):
            back = "/".join([up] * len(place.split("/")))
            found |= {
                f"{place}/{back}/{path}",
                f"{place}%2F{back.replace('/', '%2F')}%2F{path}",
                f"{place}\\{back}\\{path}",
            }
    return frozenset(found)


@lru_cache(maxsize=100_000)
def _is_refused_by(patterns: tuple[str, ...], arn: str) -> bool:
    """By denials that all policies share, which need to be tried once."""
    denied = {"Action": "execute-api:Invoke", "Effect": "Deny", "Resource": patterns}
    allowed = {**denied, "Effect": "Allow", "Resource": ["*"]}
    return not is_allowed({"Version": "2012-10-17", "Statement": [allowed, denied]}, arn)


def _opened(document: dict, arns: Iterable[str]) -> list[str]:
    """Those of the requests that a policy lets through."""
    denied = [one for part in document["Statement"] if part["Effect"] == "Deny" for one in part["Resource"]]
    shared = tuple(one for one in denied if one.startswith("arn:aws:execute-api:*:*:*"))
    return [arn for arn in arns if not _is_refused_by(shared, arn) and is_allowed(document, arn)]


@pytest.mark.parametrize("name", APIS)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(access=_grants())
def test_no_spelling_opens_what_is_refused(name: str, access: Access) -> None:
    api = APIS[name]
    policy = api.routes.compile(access, PREFIX)
    assert policy.size == len(json.dumps(policy.document, separators=(",", ":")))
    places = [f"organisations/{ORGS[0]}", f"organisations/{ORGS[0]}/teams/{TEAMS[0]}", "platform/roles/x"]
    for operation, params, path in _requests(api):
        allowed = access.allows(operation, params).allowed
        if policy.detail == "exact":
            opened = is_allowed(policy.document, f"{PREFIX}{operation.method}/{path}")
            assert opened == allowed or _yields(access, operation, opened), path
        elif params.get("orgId") in access.organisations():
            continue
        if not allowed:
            others = _others(api, access, operation, params, path) | _detours(path, *places)
            assert _opened(policy.document, (f"{PREFIX}{operation.method}/{one}" for one in others)) == []


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(access=_grants(), limit=st.sampled_from([900, 1500, 2500, 4000]))
def test_nor_where_a_policy_is_said_in_fewer_words_or_whole_organisations_are_open(access: Access, limit: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bbws_access.authorizer.policy.LARGEST_POLICY", limit)
        for name in ("full", "lower case", "pages and secrets", "partners"):
            api = APIS[name]
            policy = RouteMap(api.contract.operations.values(), api.routes.widths, api.routes.lower_case).compile(
                access, PREFIX
            )
            assert policy.size <= limit
            for operation, params, path in _requests(api):
                if policy.detail != "exact" and params.get("orgId") in access.organisations():
                    continue
                if not access.allows(operation, params).allowed:
                    others = _others(api, access, operation, params, path) | _detours(path, f"organisations/{ORGS[0]}")
                    assert _opened(policy.document, (f"{PREFIX}{operation.method}/{one}" for one in others)) == []


def _everywhere(permission: str) -> Grant:
    return Grant(frozenset({permission}), "PLATFORM", None, None, "role-1", "ROLE", {}, {})


def test_the_secrets_of_a_site_that_may_be_read_stay_shut_however_they_are_written() -> None:
    policy = APIS["secrets"].routes.compile(Access(ME, (_everywhere("site:read"),)), PREFIX)
    site = f"{PREFIX}GET/sites/Site_1.a~b"
    assert is_allowed(policy.document, site)
    for written in (
        "secrets",
        "secrets/",
        "SECRETS",
        "secrets;x",
        "secrets.",
        "%73ecrets",
        "secrets%00",
        "/secrets",
        "x",
    ):
        assert not is_allowed(policy.document, f"{site}/{written}"), written


def test_beside_what_is_open_below_an_id_of_any_length_a_word_stays_shut_in_any_case() -> None:
    access = Access(ME, (_everywhere("site:read"), _everywhere("site:update")))
    policy = APIS["pages and secrets"].routes.compile(access, PREFIX)
    site = f"{PREFIX}GET/sites/SITE-S"
    assert is_allowed(policy.document, site)
    assert is_allowed(policy.document, f"{site}/pages")
    assert not is_allowed(policy.document, f"{site}/secrets")
    assert not is_allowed(policy.document, f"{site}/secretS")
    for end in (*DECODED_ENDS, "?long", "\u200b"):
        assert not is_allowed(policy.document, f"{site}/secrets{end}"), end
    for start in ("\t", "\0", "\u200b"):
        assert not is_allowed(policy.document, f"{site}/{start}secrets"), start
    assert not is_allowed(policy.document, f"{site}/\u017fecret\u017f")


def test_an_id_of_one_length_does_it_whatever_is_open_below() -> None:
    """One length of siteId keeps `secrets` shut in any case, though pages below a site are called what people like."""
    policy = APIS["one length beside others"].routes.compile(Access(ME, (_everywhere("site:read"),)), PREFIX)
    site = f"{PREFIX}GET/sites/{VALUES['siteId'][0]}"
    assert is_allowed(policy.document, site)
    assert is_allowed(policy.document, f"{site}/pages/SECRETS/versions")
    for written in ("secrets", "SECRETS", "Secrets", "secretS"):
        assert not is_allowed(policy.document, f"{site}/{written}"), written


def _word(length: int) -> str:
    return ("org-" + "walk-and-sons" * 5)[:length].rstrip("-").ljust(length, "x")


@pytest.mark.parametrize("start", ["/organisations", "/notes/organisations"])
def test_an_organisation_of_any_length_keeps_its_secrets(start: str) -> None:
    """Who reads all organisations, and the secrets of one of them, reads no other's, however long its id is."""
    document = copy.deepcopy(SITES)
    for path, permission in (("", "site:read"), ("/secrets", "site:delete"), ("/teams/{teamId}/keys", "site:update")):
        names = ["OrganisationId", *(["TeamId"] if "team" in path else [])]
        document["paths"][f"{start}/{{orgId}}{path}"] = {
            "parameters": [{"$ref": f"#/components/parameters/{name}"} for name in names],
            "get": {"operationId": path or "all", "x-bbws-access": [{"permission": permission}], "responses": {}},
        }
    api = read_api("sites", document)
    roles = {role["name"]: frozenset(role["permissions"]) for role in load_roles()["defaultOrganisationRoles"]}
    support = next(role["permissions"] for role in load_roles()["platformRoles"] if role["name"] == "SUPPORT_AGENT")
    own = Grant(roles["SITE_ADMIN"], "ORGANISATION", "org-platform", None, "role-1", "ROLE", {}, {})
    access = Access(ME, (Grant(frozenset(support), "PLATFORM", None, None, "role-2", "ROLE", {}, {}), own))
    policy = api.routes.compile(access, PREFIX)
    at = f"{PREFIX}GET{start}"
    for length in range(1, 65):
        assert is_allowed(policy.document, f"{at}/{_word(length)}"), length
        assert not is_allowed(policy.document, f"{at}/{_word(length)}/secrets"), length
        assert not is_allowed(policy.document, f"{at}/{_word(length)}/teams/{TEAMS[0]}/keys"), length
        # Its list of sites is open besides, and the sites in it.
        site = f"{PREFIX}GET/organisations/{_word(length)}/sites"
        assert is_allowed(policy.document, site), length
        assert is_allowed(policy.document, f"{site}/Site-1"), length


@pytest.mark.parametrize("detail", ["organisation", "truncated"])
def test_an_organisation_that_is_open_leads_into_no_other(detail: str) -> None:
    orgs = [f"org-{n:026d}" for n in range(150 if detail == "truncated" else 1)]
    lead = frozenset(load_roles()["defaultTeamRoles"][0]["capabilities"])
    teams = () if detail == "truncated" else tuple(Membership(orgs[0], f"team-{n:026d}", lead) for n in range(200))
    grants = tuple(Grant(frozenset({"role:read"}), "ORGANISATION", org, None, "role-1", "ROLE", {}, {}) for org in orgs)
    policy = APIS["full"].routes.compile(Access(ME, grants, teams), PREFIX)
    assert policy.detail == detail
    other = f"organisations/{_ids('org', 'zz')[0]}/roles"
    for spelling in _detours(other, f"organisations/{orgs[0]}", f"organisations/{orgs[0]}/roles"):
        assert not is_allowed(policy.document, f"{PREFIX}GET/{spelling}"), spelling


def test_every_spelling_is_taken_for_its_path_by_somebody() -> None:
    """The list above would prove nothing if it held other paths: read as a lenient gateway would, each is the path."""
    path = f"organisations/{ORGS[0]}/roles/seed"

    def lenient(text: str) -> str:
        for _ in range(3):
            text = unquote(text)
        kept: list[str] = []
        for part in text.replace("\\", "/").split("/"):
            part = part.partition(";")[0].partition("#")[0].partition("?")[0].strip(" \t\0\r\n\xa0\u2028")
            if part.rstrip(".") == "" and len(part) > 1:
                kept = kept[:-1]
            elif part.rstrip("."):
                kept.append(part.rstrip("."))
        return "/".join(kept).upper().lower()

    assert [one for one in spellings(path) | _detours(path, "a/b") if lenient(one) != path] == []


def test_words_that_only_some_would_tell_apart_are_refused() -> None:
    for path, said in (
        ("/organisations/{orgId}/Sites", "differ by the case of letters alone"),
        ("/.well-known", "begins or ends with a dot"),
        ("/organisations/{orgId}/sites./list", "begins or ends with a dot"),
    ):
        document = copy.deepcopy(SITES)
        operation = {"operationId": "one", "x-bbws-access": "signed-in", "responses": {}}
        document["paths"][path] = {"parameters": document["paths"]["/organisations/{orgId}/sites"]["parameters"]}
        document["paths"][path]["get"] = operation
        with pytest.raises(ContractError, match=said):
            check_api("sites", document)


@pytest.mark.parametrize(
    ("schema", "lower"),
    [
        ({"pattern": "^[a-z0-9-]+$"}, True),
        ({"pattern": "^site-[0-9a-hjkmnp-tv-z]{26}$"}, True),
        ({"pattern": "^[a-z0-9]+(?:-[a-z0-9]+)*$"}, True),
        ({"enum": ["draft", "live"]}, True),
        ({"type": "integer"}, True),
        ({}, False),
        ({"enum": ["draft", "Live"]}, False),
        ({"pattern": "^[0-_]+$"}, False),
        ({"pattern": "^[a-zA-Z]+$"}, False),
        ({"pattern": "^[^/]+$"}, False),
        ({"pattern": "[a-z]+"}, False),
        ({"pattern": "^[a-z]+$|X"}, False),
        ({"pattern": "^.+$"}, False),
        ({"pattern": "^\\w+$"}, False),
    ],
)
def test_a_parameter_says_that_it_has_no_upper_case_letters(schema: dict, lower: bool) -> None:
    document = copy.deepcopy(SITES)
    document["components"]["parameters"]["SiteId"]["schema"] = schema
    assert ("siteId" in read_api("sites", document).routes.lower_case) is lower


@pytest.mark.parametrize("limit", [2500, 8192])
def test_a_word_is_refused_with_all_around_it_beside_a_deeper_route_whose_ids_cannot_hold_it(limit: int) -> None:
    """The report of a team, beside the transfer of any member: no id of a user has the letters of `report`."""
    members = [Membership(org, TEAMS[0], frozenset({"CAN_MANAGE_MEMBERS"})) for org in ORGS[:2]]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bbws_access.authorizer.policy.LARGEST_POLICY", limit)
        routes = RouteMap(APIS["full"].contract.operations.values())
        policy = routes.compile(Access(ME, (_everywhere("org:*"),), tuple(members)), PREFIX)
    team = f"{PREFIX}POST/organisations/{ORGS[0]}/teams/{TEAMS[0]}"
    assert policy.detail == "exact"
    assert is_allowed(policy.document, f"{team}/members")
    assert is_allowed(policy.document, f"{team}/members/{OTHER}/transfer")
    for written in (
        "report",
        *(f"report{end}" for end in DECODED_ENDS),
        "\treport",
        "\0report",
        "repor\u0442"[:5] + "T",
    ):
        assert not is_allowed(policy.document, f"{team}/{written}"), written
