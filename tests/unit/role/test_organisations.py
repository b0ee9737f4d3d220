"""Organisations as they begin, with the roles that each starts with."""

from __future__ import annotations

from functools import partial

import pytest

from bbws_access.kernel.contract import fixed_words, load_roles
from bbws_access.kernel.dynamodb import Database
from bbws_access.kernel.errors import BadRequest, Conflict
from bbws_access.kernel.ids import is_valid_id, new_id
from bbws_access.kernel.keys import key, partition
from bbws_access.kernel.records import Change
from bbws_access.local_aws import LocalAws
from bbws_access.role.organisations import check_organisation, create_organisation
from tests.support.services import ENGINEER, at_once
from tests.support.tables import patient_database, query_all

DEFAULTS = [role["name"] for role in load_roles()["defaultOrganisationRoles"]]
CHANGE = Change.outside_a_request(ENGINEER)


@pytest.fixture
def table(seeded_tables: dict[str, str]) -> str:
    return seeded_tables["permissions"]


class TestCreateOrganisation:
    def test_a_new_one(self, database: Database, table: str) -> None:
        done = create_organisation(database, table, " Acme ", CHANGE)
        assert is_valid_id(done["organisationId"])
        assert done["organisationId"].startswith("org-")
        assert (done["name"], done["created"]) == ("Acme", True)
        assert done["roles"] == {"created": DEFAULTS, "existing": []}
        stored = database.get(table, key("Organisation", orgId=done["organisationId"]))
        assert (stored["name"], stored["active"], stored["createdBy"]) == ("Acme", True, ENGINEER)
        roles = query_all(
            database, table, partition("OrganisationRole", orgId=done["organisationId"]), sort_prefix="ROLE#"
        )
        assert sorted(role["name"] for role in roles) == sorted(DEFAULTS)
        assert all(role["isDefault"] for role in roles)
        [admin] = [role for role in roles if role["name"] == "ORG_ADMIN"]
        [default] = [role for role in load_roles()["defaultOrganisationRoles"] if role["name"] == "ORG_ADMIN"]
        assert {name: admin[name] for name in default} == default

    def test_again_changes_nothing(self, database: Database, table: str) -> None:
        org_id = new_id("organisation")
        create_organisation(database, table, "Acme", CHANGE, org_id)
        before = query_all(database, table, partition("OrganisationRole", orgId=org_id))
        done = create_organisation(database, table, "Acme", Change.outside_a_request("somebody else"), org_id)
        assert (done["created"], done["roles"]) == (False, {"created": [], "existing": DEFAULTS})
        assert query_all(database, table, partition("OrganisationRole", orgId=org_id)) == before

    def test_at_the_same_moment(self, local_aws: LocalAws, database: Database, table: str) -> None:
        org_id = new_id("organisation")
        clients = [patient_database(local_aws.endpoint) for _ in range(6)]
        done = at_once([partial(create_organisation, one, table, "Acme", CHANGE, org_id) for one in clients])
        assert sum(one["created"] for one in done) == 1
        roles = query_all(database, table, partition("OrganisationRole", orgId=org_id), sort_prefix="ROLE#")
        assert sorted(role["name"] for role in roles) == sorted(DEFAULTS)
        for client in clients:
            client.close()

    def test_refusals(self, database: Database, table: str) -> None:
        org_id = create_organisation(database, table, "Acme", CHANGE)["organisationId"]
        with pytest.raises(Conflict, match="'Acme'"):
            create_organisation(database, table, "Other", CHANGE, org_id)
        for name in ("", "  ", "x" * 101, "a\nb"):
            with pytest.raises(BadRequest, match="name"):
                create_organisation(database, table, name, CHANGE)
        for wrong in ("Org-1", "org*", "org#1", "o" * 65, "org/1", *sorted(fixed_words())):
            with pytest.raises(BadRequest, match="id"):
                create_organisation(database, table, "Acme", CHANGE, wrong)
        for deceiving in ("Ac\u200bme", "\u3164", "Acme\u202e", "Acme\u2028Sent by us", "A\u00adcme"):
            with pytest.raises(BadRequest, match="name"):
                create_organisation(database, table, deceiving, CHANGE)

    def test_the_words_of_paths_are_no_ids(self) -> None:
        """Of every path, and of the APIs that other services bring."""
        assert fixed_words() >= {"teams", "roles", "users", "organisations", "access-checks", "audit", "v1", "health"}
        with pytest.raises(BadRequest, match="'sites' cannot be an organisation's id"):
            check_organisation("Acme", "sites", ["sites"])
        assert check_organisation(" Caf\u0065\u0301 ", "sites") == ("Caf\u00e9", "sites")
