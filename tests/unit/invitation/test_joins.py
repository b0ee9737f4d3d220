"""The simulation of ten thousand who join writes what accepting an invitation writes, and takes a minute at most."""

from __future__ import annotations

import uuid
from collections import Counter

import pytest
from benchmarks.joins import GOAL_SECONDS, Organisation, figures

from bbws_access.kernel.dynamodb import Database
from bbws_access.kernel.uses import PARTS
from bbws_access.role import rules as role_rules
from bbws_access.team import rules as team_rules
from tests.unit.invitation.conftest import Desk


def _kinds(actions: list) -> Counter[tuple[str, str, str]]:
    """The actions by what they do, and the kind of item that they do it to."""
    kinds: Counter[tuple[str, str, str]] = Counter()
    for action in actions:
        place = action.item if hasattr(action, "item") else action.key
        sort_key = place["SK"].partition("#")[0]
        kinds[type(action).__name__, place["PK"].rpartition("#ORG#")[0] or place["PK"].partition("#")[0], sort_key] += 1
    return kinds


def test_it_writes_what_accepting_writes(
    desk: Desk, team: str, team_roles: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first one, and then somebody who is counted where the first one is."""
    written: list[list] = []
    transact = Database.transact

    def noting(database: Database, actions: list, **more: object) -> None:
        actions = list(actions)
        written.append(actions)
        transact(database, actions, **more)

    invited = [desk.invite(teamId=team, teamRoleId=team_roles["MEMBER"]) for _ in range(2)]
    for module in (role_rules, team_rules):
        monkeypatch.setattr(module, "part_of", lambda user_id: PARTS[0])
    monkeypatch.setattr(Database, "transact", noting)
    for one in invited:
        desk.use(one.token, "accept").expect(200)
    user = str(uuid.uuid4())
    assert [_kinds(accepted) for accepted in written] == [
        _kinds(Organisation(1).acceptance(0, user, first=first)) for first in (True, False)
    ]


def test_ten_thousand_join_in_a_minute() -> None:
    """A tenth of them in a tenth of the time: nothing of it takes longer for more."""
    for one in figures(1_000, 100, 16, 1):
        if one["transaction"] > 0.02:
            continue
        # Once for however many: the last ones may wait for as long as the client pauses at most, and the first of each
        # part for each other, since each of them writes the head.
        once = 1.0 + len(PARTS) * one["transaction"]
        fast = max(one["paper"], one["seconds"] - once) <= GOAL_SECONDS / 10
        assert fast is (one["build"] == "now"), one
        assert one["build"] == "before" or "INVITATION#ORG" in one["limit"], "an item that everybody writes is back"
