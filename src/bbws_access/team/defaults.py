"""The team roles that every organisation starts with."""

from __future__ import annotations

from bbws_access.kernel.contract import load_roles
from bbws_access.kernel.dynamodb import Database
from bbws_access.kernel.ids import new_id
from bbws_access.kernel.records import Change, Stale, commit, until_fresh
from bbws_access.team import rules, store


def seed_team_roles(database: Database, table: str, org_id: str, change: Change) -> dict[str, list[str]]:
    """Give a new organisation those default team roles whose name is free. It gets them once.

    What it abolishes or renames afterwards does not come back. All are stored in one transaction with the record that
    says so, or none is.
    table: the real name of the table `teams`      Returns the names {"created": [...], "existing": [...]}.
    """
    about = store.about_team_roles(table, org_id)
    reads = [about, *store.default_names(table, org_id)]

    def complete(results: list) -> dict[str, list[str]]:
        page, *taken = results
        if store.got_team_roles(database.rest_of(about, page)):
            return {"created": [], "existing": [default["name"] for default in load_roles()["defaultTeamRoles"]]}
        created, existing, steps = [], [], store.seed_steps(table, org_id, change)
        for default, found in zip(load_roles()["defaultTeamRoles"], taken, strict=True):
            if found is not None:
                existing.append(default["name"])
                continue
            record = rules.new_team_role(org_id, new_id("team-role"), default, is_default=True, change=change)
            # Somebody who took a name first did the same.
            steps += [(action, Stale()) for action, _ in store.TEAM_ROLES.create(table, record)]
            created.append(default["name"])
        commit(database, steps)
        return {"created": created, "existing": existing}

    return until_fresh(database.parallel(reads), lambda: database.parallel(reads), complete)
