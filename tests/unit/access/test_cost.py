"""What one organisation can cost a person in every decision, wherever it is about."""

from __future__ import annotations

from bbws_access.access.reader import organisation_calls
from bbws_access.kernel import records
from bbws_access.kernel.contract import load_contract
from bbws_access.kernel.ids import new_id
from bbws_access.kernel.settings import Settings
from bbws_access.permission import rules as permission_rules
from bbws_access.role import rules as role_rules
from bbws_access.team import rules as team_rules

ONE_ANSWER = 1_000_000  # bytes; DynamoDB ends a page at 1 MB
SETTINGS = Settings(region="eu-west-1", tables={"permissions": "p", "teams": "t"})


def _overhead(entity: str) -> int:
    """Bytes of a stored definition beside its own texts: keys, ids, columns, as long as they can be."""
    place = "".join(str(value) for value in load_contract().data_model["entities"][entity].values())
    columns = ("entityType", "organisationId", "roleId", "scope", "priority", "isDefault", "isSystem", "active", "name")
    columns += ("displayName", "description", "permissions", "permissionSets", "requestId", "version", "dateCreated")
    columns += ("dateLastUpdated", "createdBy", "lastUpdatedBy", "sortOrder", "capabilities")
    values = 2 * 64 + len(place) + 3 * 64 + 2 * 24 + 2 * 36 + 64
    return sum(map(len, columns)) + values


def test_the_definitions_of_an_organisation_fit_in_one_answer_each() -> None:
    """So an organisation adds one wait to nobody's decision, however much it defines."""
    for most, entity in ((role_rules.MOST_ROLES, "OrganisationRole"), (permission_rules.MOST_SETS, "PermissionSet")):
        assert most * _overhead(entity) + records.LARGEST_DEFINITIONS < ONE_ANSWER, entity
    texts = 64 + 4 * (100 + 500) + 200  # name, display name, description, capabilities
    assert team_rules.MOST_TEAM_ROLES * (_overhead("TeamRoleDefinition") + texts) < ONE_ANSWER


def test_nothing_else_of_an_organisation_is_read() -> None:
    found = {call.sort_prefix for call in organisation_calls(SETTINGS, new_id("organisation"))}
    assert found == {"ROLE#", "SET#", "TEAM_ROLE#"}
