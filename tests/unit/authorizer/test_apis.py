"""Documents of other services' APIs: what is accepted, and what is said of those that are not."""

import copy
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from bbws_access.authorizer.apis import Api, check_api, load_apis, read_api
from bbws_access.authorizer.policy import RouteMap
from bbws_access.kernel.contract import ContractError, load_contract, load_roles
from tests.unit.authorizer.full_contract import full_contract

SITES = json.loads((Path(__file__).parents[2] / "support" / "apis" / "sites.json").read_text())
LIST = "/organisations/{orgId}/sites"
ONE = "/organisations/{orgId}/sites/{siteId}"
TEAM = "/organisations/{orgId}/teams/{teamId}/sites"


def test_a_good_document_is_an_api() -> None:
    check_api("sites", SITES)
    api = read_api("sites", SITES)
    assert api.contract.match("GET", "/organisations/org-1/sites/site-1")[0].operation_id == "getSite"
    assert api.routes.widths["teamId"] == 31
    assert "siteId" not in api.routes.widths


def test_a_parameter_of_one_length_is_known_to_the_policies() -> None:
    document = copy.deepcopy(SITES)
    document["components"]["parameters"]["SiteId"]["schema"] |= {"minLength": 30, "maxLength": 30}
    assert read_api("sites", document).routes.widths["siteId"] == 30


def test_each_rest_api_has_the_routes_of_its_name() -> None:
    apis = load_apis({"one": "access", "two": "access"})
    assert apis["one"] is apis["two"]
    assert isinstance(apis["one"], Api)
    assert apis["one"].contract is load_contract()


# Whoever held the first for every organisation without the second would be let into both by the gateway.
INSEPARABLE = {
    ("GET", "/organisations/{orgId}/teams", "/organisations/{orgId}/users/{userId}/teams"),
    ("GET", "/organisations/{orgId}/users", "/organisations/{orgId}/roles/{roleId}/users"),
    ("POST", "/organisations/{orgId}/roles", "/organisations/{orgId}/users/{userId}/roles"),
    ("DELETE", "/organisations/{orgId}/roles/{roleId}", "/organisations/{orgId}/users/{userId}/roles/{roleId}"),
}


@pytest.mark.parametrize("contract", [load_contract(), full_contract()], ids=["present", "full"])
def test_policies_of_this_api_are_always_exact(contract) -> None:
    routes = RouteMap(contract.operations.values())
    assert list(routes.inseparable([role["permissions"] for role in load_roles()["platformRoles"]])) == []
    known = {(one.method, one.path) for one in contract.operations.values()}
    assert {(one.method, one.path, other.path) for one, other, _ in routes.inseparable()} == {
        pair for pair in INSEPARABLE if pair[:2] in known
    }


def _set(path: str, method: str, **values: object) -> Callable[[dict], None]:
    def change(document: dict) -> None:
        document["paths"][path][method].update(values)

    return change


def _add(path: str, method: str, access: object) -> Callable[[dict], None]:
    def change(document: dict) -> None:
        operation = {"operationId": "another", "x-bbws-access": access, "responses": {}}
        if "{siteId}" in path:
            operation["parameters"] = [{"$ref": "#/components/parameters/SiteId"}]
        document["paths"].setdefault(path, {})[method] = operation

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_set(LIST, "get", **{"x-bbws-access": [{"permission": "site:paint"}]}), "no permission 'site:paint'"),
        (_set(LIST, "get", **{"x-bbws-access": [{"permission": "site:*"}]}), "no permission 'site:*'"),
        (_set(TEAM, "get", **{"x-bbws-access": [{"capability": "CAN_FLY"}]}), "no capability 'CAN_FLY'"),
        (_set(LIST, "get", **{"x-bbws-access": [{"capability": "CAN_VIEW_SITES"}]}), "a capability needs"),
        (_set(LIST, "get", **{"x-bbws-access": [{"self": "userId"}]}), "self names 'userId'"),
        (_set(LIST, "get", **{"x-bbws-access": "everybody"}), "x-bbws-access must be"),
        (lambda document: document["paths"][LIST]["get"].pop("x-bbws-access"), "has no x-bbws-access"),
        (lambda document: document["paths"][LIST]["get"].pop("operationId"), "has no operationId"),
        (_set(LIST, "post", operationId="listSites"), f"POST {LIST} has the operationId of GET {LIST}"),
        (_add("/organisations/{orgId}/{proxy+}", "get", "signed-in"), "without {proxy+}"),
        (_add("/organisations/{orgId}/files/{name}.json", "get", "signed-in"), "every segment must be"),
        (_add("/organisations/{orgId}/sites/{siteId}/{pageId}", "get", "signed-in"), "a word between two parameters"),
        (_add("/sites/{siteId}/copy/{siteId}", "get", "signed-in"), "stands in it twice"),
        (_add("/all", "x-amazon-apigateway-any-method", "signed-in"), "is no method"),
        (lambda document: document["components"]["parameters"].clear(), "leads nowhere"),
        (lambda document: document["components"]["parameters"]["SiteId"].pop("name"), "malformed"),
        (lambda document: document.update(paths={}), "no OpenAPI 3 document"),
        (lambda document: document.update(swagger="2.0", openapi=None), "no OpenAPI 3 document"),
        (
            lambda document: document["components"]["parameters"]["TeamId"]["schema"].update(minLength=8, maxLength=8),
            "teamId is an id of the platform's, of 31 characters",
        ),
        (
            lambda document: document["components"]["parameters"]["OrganisationId"]["schema"].update(
                minLength=30, maxLength=30
            ),
            "orgId is an id of the platform's, of any length",
        ),
        (
            _add("/organisations/{orgId}/sites/{siteId}/teams/{teamId}", "get", [{"capability": "CAN_VIEW_SITES"}]),
            f"GET {ONE} and GET /organisations/{{orgId}}/sites/{{siteId}}/teams/{{teamId}} cannot be told apart",
        ),
        (
            _add("/organisations/{siteId}/secrets", "get", [{"permission": "site:read"}]),
            "GET /organisations/{siteId}/secrets belongs to no organisation, and a request below "
            "/organisations/{orgId} may be one for it",
        ),
    ],
)
def test_what_is_wrong_is_named(change: Callable[[dict], None], said: str) -> None:
    document = copy.deepcopy(SITES)
    change(document)
    with pytest.raises(ContractError) as caught:
        check_api("sites", document)
    assert said in str(caught.value)
    assert str(caught.value).startswith("The API 'sites' cannot go behind the authorizer:\n- ")


def test_a_second_organisation_in_a_path_is_no_obstacle() -> None:
    """The policies tell it from the first: test_policy_growth."""
    document = copy.deepcopy(SITES)
    _add("/organisations/{orgId}/partners/organisations/{partnerId}/sites", "get", [{"permission": "site:read"}])(
        document
    )
    check_api("sites", document)


def test_an_organisation_has_no_length_that_could_tell_its_paths_apart() -> None:
    """SUPPORT_AGENT may read every organisation's sites, and its SITE_ADMIN the secrets of one."""
    document = copy.deepcopy(SITES)
    parameters = [{"$ref": "#/components/parameters/OrganisationId"}]
    for path, permission in (
        ("/organisations/{orgId}", "site:read"),
        ("/organisations/{orgId}/secrets", "site:delete"),
    ):
        _add(path, "get", [{"permission": permission}])(document)
        document["paths"][path]["get"] |= {"operationId": path, "parameters": parameters}
    with pytest.raises(ContractError) as caught:
        check_api("sites", document)
    assert str(caught.value).splitlines()[1:] == [
        "- GET /organisations/{orgId} and GET /organisations/{orgId}/secrets cannot be told apart by a policy for "
        "somebody who may call one here and the other there; move one of them to another path"
    ]


@pytest.mark.parametrize("name", ["access", "Sites", "../sites", ""])
def test_a_name_that_cannot_be(name: str) -> None:
    with pytest.raises(ContractError, match="name"):
        check_api(name, SITES)


def test_a_length_tells_apart_what_a_wildcard_cannot() -> None:
    document = copy.deepcopy(SITES)
    _add("/organisations/{orgId}/sites/{siteId}/teams/{teamId}", "get", [{"capability": "CAN_VIEW_SITES"}])(document)
    document["components"]["parameters"]["SiteId"]["schema"] |= {"minLength": 30, "maxLength": 30}
    check_api("sites", document)


@pytest.mark.parametrize("elsewhere", [[], [{"minLength": 68, "maxLength": 68}], [{}]], ids=["none", "other", "open"])
def test_a_length_that_is_not_the_same_everywhere_is_none(elsewhere: list[dict]) -> None:
    """What holds for the ids of some operations only tells no policy where an id ends."""
    document = copy.deepcopy(SITES)
    document["components"]["parameters"]["SiteId"]["schema"] |= {"minLength": 30, "maxLength": 30}
    path = "/organisations/{orgId}/sites/{siteId}/teams/{teamId}"
    _add(path, "get", [{"capability": "CAN_VIEW_SITES"}])(document)
    parameters = [{"name": "siteId", "in": "path", "required": True, "schema": schema} for schema in elsewhere]
    document["paths"][path]["get"]["parameters"] = parameters
    with pytest.raises(ContractError, match="cannot be told apart"):
        check_api("sites", document)
