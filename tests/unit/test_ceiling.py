"""Nobody gives what they do not hold, by any service and in any order of steps."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime

import pytest

from bbws_access.access.permissions import expand_all
from bbws_access.access.reader import read_access
from bbws_access.kernel.contract import Operation, load_contract, load_roles
from bbws_access.kernel.dynamodb import Get
from bbws_access.kernel.keys import key
from bbws_access.kernel.records import Change
from bbws_access.kernel.settings import Settings
from bbws_access.local_aws import LocalAws
from bbws_access.permission.handler import service as permission_service
from bbws_access.role.handler import service as role_service
from bbws_access.team.defaults import seed_team_roles
from bbws_access.team.handler import service as team_service
from tests.support.services import Answer, Instance, World

Call = Callable[..., Answer]
OPERATIONS = load_contract().operations
STRONG, WEAK = "site:delete", "site:read"


@pytest.fixture
def org(world: World) -> str:
    return world.organisation()


@pytest.fixture
def admin(world: World, org: str) -> str:
    return world.member(org)


@pytest.fixture
def call(start_instance: Callable[..., Instance], org: str) -> Call:
    """Calls a path below the organisation, at the service that has it."""
    services = {
        "permission": start_instance(permission_service, "permissions"),
        "role": start_instance(role_service, "permissions", "teams"),
        "team": start_instance(team_service, "permissions", "teams"),
    }

    def send(method: str, path: str, user: str, body: dict | None = None) -> Answer:
        path = f"/organisations/{org}/{path}"
        operation, _ = load_contract().match(method, path)
        return services[operation.service].call(method, path, user, body)

    return send


class Kind:
    """A kind of definition: where it lies, and what one that grants `permission` is written as."""

    def __init__(self, path: str, id_name: str, permissions: tuple[str, ...], grants: Callable[[str], dict]) -> None:
        self.path = path
        self.id_name = id_name
        self.permissions = permissions
        self._grants = grants

    def body(self, permission: str, **more: object) -> dict:
        return {"name": "SOMETHING", **self._grants(permission), **more}


CAPABILITIES = {WEAK: "CAN_VIEW_SITES", STRONG: "CAN_DELETE_SITES"}
SET_PERMISSIONS = ("permission:create", "permission:update", "permission:delete")
ROLE_PERMISSIONS = ("role:create", "role:update", "role:delete", "role:assign")
KINDS = {
    "role": Kind(
        "roles", "roleId", ROLE_PERMISSIONS, lambda name: {"displayName": "x", "permissions": sorted({WEAK, name})}
    ),
    "set": Kind("permission-sets", "setId", SET_PERMISSIONS, lambda name: {"permissions": sorted({WEAK, name})}),
    "team-role": Kind(
        "team-roles",
        "teamRoleId",
        ("team:role:create", "team:role:update"),
        lambda name: {"displayName": "x", "capabilities": sorted({CAPABILITIES[WEAK], CAPABILITIES[name]})},
    ),
}


@pytest.fixture
def with_permissions(call: Call, world: World, org: str, admin: str) -> Callable[..., str]:
    """Makes a user who holds these permissions in the whole organisation."""

    def make(*permissions: str) -> str:
        user = world.user()
        name = "R" + user.replace("-", "").upper()[:20]
        body = {"name": name, "displayName": "x", "permissions": sorted(set(permissions))}
        world.assign(user, call("POST", "roles", admin, body).expect(201)["roleId"], org)
        return user

    return make


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
class TestInactive:
    """What is switched off is judged like all else: somebody stronger may switch it on."""

    def test_nothing_is_planted_while_it_goes_or_is_inactive(
        self, kind: Kind, call: Call, with_permissions: Callable[..., str], admin: str
    ) -> None:
        weak = with_permissions(WEAK, *kind.permissions)
        made = call("POST", kind.path, weak, kind.body(WEAK)).expect(201)
        place = f"{kind.path}/{made[kind.id_name]}"
        for active in (False, True):
            call("PUT", place, weak, kind.body(STRONG, active=active)).expect(403, "PERMISSION_CEILING")
        call("PUT", place, weak, kind.body(WEAK, active=False)).expect(200)
        for more in ({}, {"active": False}, {"active": True}):
            call("PUT", place, weak, kind.body(STRONG, **more)).expect(403, "PERMISSION_CEILING")
        assert call("GET", place, admin).expect(200)["version"] == 2
        call("PUT", place, weak, kind.body(WEAK, displayName="y") if kind.id_name != "setId" else kind.body(WEAK))
        call("PUT", place, weak, kind.body(WEAK, active=True)).expect(200)

    def test_what_is_there_may_stay_while_it_goes(
        self, kind: Kind, call: Call, with_permissions: Callable[..., str], admin: str
    ) -> None:
        weak = with_permissions(WEAK, *kind.permissions)
        made = call("POST", kind.path, admin, kind.body(STRONG)).expect(201)
        place = f"{kind.path}/{made[kind.id_name]}"
        call("PUT", place, weak, kind.body(STRONG, active=False)).expect(200)
        call("PUT", place, weak, kind.body(STRONG)).expect(200)
        call("PUT", place, weak, kind.body(STRONG, active=True)).expect(403, "PERMISSION_CEILING")
        call("PUT", place, admin, kind.body(STRONG, active=True)).expect(200)


class TestInactiveSets:
    """A role that carries a set which is switched off grants it as soon as anybody switches it on."""

    @pytest.fixture
    def role(self, call: Call, admin: str) -> dict:
        """A role whose only strength is a set that is inactive by now."""
        held = call("POST", "permission-sets", admin, KINDS["set"].body(STRONG)).expect(201)["setId"]
        body = {"name": "CARRIES", "displayName": "x", "permissions": [WEAK], "permissionSets": [held]}
        role = call("POST", "roles", admin, body).expect(201)
        call("DELETE", f"permission-sets/{held}", admin).expect(204)
        return role

    def test_it_is_not_assigned_by_who_does_not_hold_it(
        self, call: Call, with_permissions: Callable[..., str], world: World, admin: str, role: dict
    ) -> None:
        weak, body = with_permissions(WEAK, *ROLE_PERMISSIONS), {"roleId": role["roleId"]}
        for user in (weak, world.user()):
            call("POST", f"users/{user}/roles", weak, body).expect(403, "PERMISSION_CEILING")
        call("POST", f"users/{weak}/roles", admin, body).expect(201)

    def test_nor_offered(
        self,
        local_aws: LocalAws,
        invitation_settings: Settings,
        with_permissions: Callable[..., str],
        org: str,
        role: dict,
    ) -> None:
        from bbws_access.invitation.handler import service

        weak = with_permissions(WEAK, "invitation:create")
        instance = Instance(service, invitation_settings, local_aws.endpoint)
        body = {"email": "accomplice@acme.example", "roleId": role["roleId"]}
        answer = instance.call("POST", f"/organisations/{org}/invitations", weak, body, email="weak@acme.example")
        instance.close()
        answer.expect(403, "PERMISSION_CEILING")

    def test_nor_brought_back_inside_a_role(
        self, call: Call, with_permissions: Callable[..., str], admin: str, role: dict
    ) -> None:
        weak, place = with_permissions(WEAK, *ROLE_PERMISSIONS), f"roles/{role['roleId']}"
        body = {name: role[name] for name in ("name", "displayName", "permissions", "permissionSets")}
        call("PUT", place, weak, {**body, "displayName": "y"}).expect(200)
        call("DELETE", place, weak).expect(204)
        call("PUT", place, weak, {**body, "active": True}).expect(403, "PERMISSION_CEILING")
        call("PUT", place, weak, {**body, "permissionSets": [], "active": True}).expect(200)

    def test_nor_is_what_it_holds_written_elsewhere_in_the_role(
        self, call: Call, with_permissions: Callable[..., str], admin: str, role: dict
    ) -> None:
        """Nobody turns what was switched off into what is granted: neither directly nor by another set."""
        weak, place = with_permissions(WEAK, *ROLE_PERMISSIONS, *SET_PERMISSIONS), f"roles/{role['roleId']}"
        [off] = role["permissionSets"]
        other = call("POST", "permission-sets", admin, {"name": "Other", "permissions": [STRONG]}).expect(201)["setId"]
        body = {"name": "CARRIES", "displayName": "x", "permissions": [WEAK]}
        for active in (True, False):
            for change in (
                {"permissions": [WEAK, STRONG], "permissionSets": [off]},
                {"permissions": [WEAK, STRONG], "permissionSets": []},
                {"permissions": [WEAK, "site:*"], "permissionSets": [off]},
                {"permissions": [WEAK], "permissionSets": [off, other]},
                {"permissions": [WEAK], "permissionSets": [other]},
            ):
                call("PUT", f"{place}/permissions", weak, change).expect(403, "PERMISSION_CEILING")
                call("PUT", place, weak, {**body, **change}).expect(403, "PERMISSION_CEILING")
                preview = call("POST", f"{place}/preview", admin, change).expect(200)
                assert (preview["allowed"], preview["missing"]) == (True, [])
            assert call("GET", place, admin).expect(200)["active"] is active
            call("PUT", place, weak, {**body, "permissionSets": [off], "active": False}).expect(200)
        call("PUT", f"{place}/permissions", weak, {"permissions": [], "permissionSets": [off]}).expect(200)
        call("PUT", f"{place}/permissions", admin, {"permissions": [WEAK], "permissionSets": [other]}).expect(200)


@pytest.mark.parametrize("seed", [1, 4])
def test_nobody_ever_grants_more_than_they_hold(
    call: Call, world: World, org: str, admin: str, with_permissions: Callable[..., str], seed: int
) -> None:
    """Whatever somebody weak does with roles and sets, between what an administrator does: nobody gains by it what the
    weak one does not hold."""
    chance = random.Random(seed)
    own = frozenset([WEAK, *ROLE_PERMISSIONS, *SET_PERMISSIONS])
    weak, settings = with_permissions(*own), Settings(region="eu-west-1", tables={"permissions": world.table})
    people, roles, sets, done = [world.user(), world.user()], [], [], set()

    def granted() -> list[frozenset[str]]:
        found = (read_access(world.database, settings, one, [org]).permissions_in(org) for one in (weak, *people))
        return [expand_all(held) for held in found]

    def act(actor: str, step: int) -> Answer:
        content = {"permissions": chance.sample([WEAK, STRONG, "role:read", "site:*"], chance.randint(0, 2))}
        more = {"active": chance.random() < 0.5, **content} if chance.random() < 0.8 else content
        if chance.random() < 0.4:
            if len(sets) < 3:
                answer = call("POST", "permission-sets", actor, {"name": f"S{step}", **content})
                sets.extend([answer.body["setId"]] if answer.status == 201 else [])
                return answer
            one = chance.choice(sets)
            return call("PUT", f"permission-sets/{one}", actor, {"name": one[-20:], **more})
        carried = {"permissionSets": chance.sample(sets, min(len(sets), chance.randint(0, 2)))}
        if len(roles) < 3:
            answer = call("POST", "roles", actor, {"name": f"R{step}", "displayName": "x", **content, **carried})
            if answer.status == 201:
                roles.append(answer.body["roleId"])
                world.assign(people[len(roles) % 2], roles[-1], org)
            return answer
        one = chance.choice(roles)
        if chance.random() < 0.3:
            return call("POST", f"users/{chance.choice(people)}/roles", actor, {"roleId": one})
        if chance.random() < 0.4:
            return call("PUT", f"roles/{one}/permissions", actor, {**content, **carried})
        return call(
            "PUT", f"roles/{one}", actor, {"name": f"R{one[-9:].upper()}", "displayName": "x", **more, **carried}
        )

    for step in range(60):
        strong, before = chance.random() < 0.4, granted()
        answer = act(admin if strong else weak, step)
        done.add((strong, answer.status))
        if not strong:
            for then, now in zip(before, granted(), strict=True):
                assert now - then <= own, (step, now - then)
    assert {(True, 200), (True, 201), (False, 200), (False, 403)} <= done, done


# Switching on and off


def _switches() -> dict[str, tuple[Operation, Operation, Operation]]:
    """Every change of a whole that can switch it on and off, with what makes and what deactivates such a thing."""
    found = {}
    for change in OPERATIONS.values():
        properties = (change.body_schema or {}).get("properties", {})
        if change.method == "PUT" and "active" in properties:
            by_place = {(one.method, one.path): one for one in OPERATIONS.values()}
            makes = by_place["POST", change.path.rpartition("/")[0]]
            found[change.operation_id] = change, makes, by_place["DELETE", change.path]
    return found


SWITCHES = _switches()


def _permissions(operation: Operation) -> list[str]:
    return [rule["permission"] for rule in operation.access if "permission" in rule]


def test_these_can_be_switched() -> None:
    assert SWITCHES.keys() == {
        "updatePermissionSet",
        "updateRole",
        "updateTeam",
        "updateTeamRole",
        "updateInvitation",
    }
    change, _, ends = SWITCHES["updateInvitation"]
    assert change.access == ends.access  # and it can be switched off only


@pytest.mark.parametrize("change", sorted(SWITCHES.keys() - {"updateInvitation"}))
def test_switching_takes_what_deleting_and_creating_take(
    change: str,
    call: Call,
    world: World,
    org: str,
    admin: str,
    with_permissions: Callable[..., str],
) -> None:
    """A change of the whole does not get around what DELETE and POST ask for."""
    updates, makes, ends = SWITCHES[change]
    path = makes.path.removeprefix("/organisations/{orgId}/")
    kind = next((kind for kind in KINDS.values() if kind.path == path), None)
    body = {"name": "Some team"} if kind is None else kind.body(WEAK)
    changer = with_permissions(WEAK, *_permissions(updates))
    ender = with_permissions(WEAK, *_permissions(updates), *_permissions(ends))
    maker = with_permissions(WEAK, *_permissions(updates), *_permissions(makes))
    made = call("POST", path, admin, body).expect(201)
    place = f"{path}/{made['teamId' if kind is None else kind.id_name]}"
    may_end = set(_permissions(ends)) <= set(_permissions(updates))
    if not may_end:
        for user in (changer, maker):
            answer = call("PUT", place, user, {**body, "active": False})
            assert _permissions(ends)[0] in answer.expect(403, "FORBIDDEN")["error"]["message"]
    call("PUT", place, changer, {**body, "active": True}).expect(200)
    call("PUT", place, changer if may_end else ender, {**body, "active": False}).expect(200)
    call("PUT", place, changer, {**body, "active": False}).expect(200)
    for user in (changer, ender):
        answer = call("PUT", place, user, {**body, "active": True})
        assert _permissions(makes)[0] in answer.expect(403, "FORBIDDEN")["error"]["message"]
    call("PUT", place, maker, {**body, "active": True}).expect(200)


@pytest.mark.parametrize("holds", [(), ("role:delete",), ("role:create",), (STRONG,), ("role:create", STRONG)])
@pytest.mark.parametrize("was_active", [True, False])
def test_a_preview_says_what_the_change_says(
    call: Call, admin: str, with_permissions: Callable[..., str], was_active: bool, holds: tuple[str, ...]
) -> None:
    user = with_permissions(WEAK, "role:read", "role:update", "user:read", *holds)
    for active in (True, False):
        for wanted in (WEAK, STRONG):
            name = f"T{active}{wanted}{len(holds)}".upper().replace(":", "_")
            role = call("POST", "roles", admin, KINDS["role"].body(WEAK, name=name)).expect(201)
            place = f"roles/{role['roleId']}"
            if not was_active:
                call("DELETE", place, admin).expect(204)
            change = KINDS["role"].body(wanted, name=name, active=active)
            asked = {"permissions": change["permissions"], "active": active}
            said = call("POST", f"{place}/preview", user, asked).expect(200)
            done = call("PUT", place, user, change)
            assert said["allowed"] == (done.status == 200), (said, done)
            if done.status != 200:
                assert set(said["missing"]) & set(done.details["missing"] if done.details else said["missing"])


# What ends in time

SOON = "2090-01-01T00:00:00.000Z"
LATER = "2090-06-01T00:00:00.000Z"


class TestEnds:
    """The holder of a role until a moment leaves nothing that outlives it."""

    @pytest.fixture
    def deputy(self, world: World, org: str) -> str:
        """An administrator for a time."""
        return world.member(org, "ORG_ADMIN", expires_at=SOON)

    @pytest.fixture
    def roles(self, call: Call, admin: str) -> dict[str, str]:
        return {role["name"]: role["roleId"] for role in call("GET", "roles", admin).expect(200)["items"]}

    @pytest.mark.parametrize(
        ("asked", "ends"), [(None, SOON), (LATER, SOON), (SOON, SOON), ("2089-01-01T00:00:00.000Z",) * 2]
    )
    def test_an_assignment_ends_with_what_covers_it(
        self, call: Call, world: World, deputy: str, roles: dict[str, str], asked: str | None, ends: str
    ) -> None:
        body = {"roleId": roles["ORG_ADMIN"], **({} if asked is None else {"expiresAt": asked})}
        user = world.user()
        assert call("POST", f"users/{user}/roles", deputy, body).expect(201)["expiresAt"] == ends
        # Nor does it last longer when it comes back to whoever gave it, after they gave theirs away.
        call("DELETE", f"users/{deputy}/roles/{roles['ORG_ADMIN']}", user).expect(204)
        again = call("POST", f"users/{deputy}/roles", user, {"roleId": roles["ORG_ADMIN"]}).expect(201)
        assert again["expiresAt"] == ends

    def test_the_latest_of_several_counts_for_each(
        self, call: Call, world: World, org: str, admin: str, deputy: str, with_permissions: Callable[..., str]
    ) -> None:
        def role(name: str, *permissions: str, user: str = admin) -> str:
            body = {"name": name, "displayName": "x", "permissions": list(permissions)}
            return call("POST", "roles", user, body).expect(201)["roleId"]

        def given(role_id: str) -> str | None:
            return call("POST", f"users/{world.user()}/roles", deputy, {"roleId": role_id}).expect(201).get("expiresAt")

        reads, deletes, nothing = role("READS", WEAK), role("DELETES", WEAK, STRONG), role("NOTHING")
        assert [given(one) for one in (reads, deletes, nothing)] == [SOON, SOON, SOON]
        world.assign(deputy, reads, org, expires_at=LATER)
        assert [given(one) for one in (reads, deletes, nothing)] == [LATER, SOON, LATER]
        world.assign(deputy, role("KEEPS", "site:*"), org)
        assert [given(one) for one in (reads, deletes, nothing)] == [None, None, None]

    @pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
    def test_what_others_keep_is_not_theirs_to_define(
        self, kind: Kind, call: Call, world: World, org: str, admin: str, deputy: str
    ) -> None:
        answer = call("POST", kind.path, deputy, kind.body(STRONG))
        answer.expect(403, "PERMISSION_CEILING")
        assert set(answer.details["heldUntil"].values()) == {SOON}
        assert answer.details["heldUntil"].keys() == set(answer.details["missing"])
        made = call("POST", kind.path, admin, kind.body(WEAK)).expect(201)
        place = f"{kind.path}/{made[kind.id_name]}"
        call("PUT", place, deputy, kind.body(STRONG)).expect(403, "PERMISSION_CEILING")
        call("PUT", place, deputy, kind.body(WEAK, active=False)).expect(200)
        call("PUT", place, deputy, kind.body(WEAK, active=True)).expect(403, "PERMISSION_CEILING")
        if kind.path == "roles":
            asked = {"permissions": [WEAK], "active": True}
            said = call("POST", f"{place}/preview", deputy, asked).expect(200)
            assert (said["allowed"], said["missing"]) == (False, [WEAK])

    def test_nor_default_roles_to_seed(self, call: Call, admin: str, deputy: str, roles: dict[str, str]) -> None:
        call("DELETE", f"roles/{roles['SITE_VIEWER']}", admin).expect(204)
        call("POST", "roles/seed", deputy).expect(403, "PERMISSION_CEILING")

    def test_nor_memberships_which_have_no_end(
        self, call: Call, world: World, org: str, admin: str, deputy: str
    ) -> None:
        seed_team_roles(world.database, world.teams_table, org, Change.outside_a_request("engineer"))
        found = call("GET", "team-roles", admin).expect(200)["items"]
        team_roles = {one["name"]: one["teamRoleId"] for one in found}
        one, other = (call("POST", "teams", admin, {"name": name}).expect(201)["teamId"] for name in ("A", "B"))

        def body(user: str, name: str) -> dict:
            return {"userId": user, "teamRoleId": team_roles[name], "userEmail": "a@acme.example"}

        member = world.member(org, "SITE_VIEWER", team_id=one)
        for user in (member, deputy):
            answer = call("POST", f"teams/{one}/members", deputy, body(user, "TEAM_LEAD"))
            answer.expect(403, "PERMISSION_CEILING")
            assert answer.details["heldUntil"]["CAN_MANAGE_MEMBERS"] == SOON
        call("POST", f"teams/{one}/members", admin, body(member, "VIEWER")).expect(201)
        place = f"teams/{one}/members/{member}"
        call("PUT", place, deputy, {"teamRoleId": team_roles["MEMBER"]}).expect(403, "PERMISSION_CEILING")
        call("PUT", place, deputy, {"teamRoleId": team_roles["VIEWER"], "firstName": "A"}).expect(200)
        call("POST", f"{place}/transfer", deputy, {"toTeamId": other}).expect(403, "PERMISSION_CEILING")
        # What was given to them for good, they give on.
        call("POST", f"teams/{one}/members", admin, body(deputy, "TEAM_LEAD")).expect(201)
        call("PUT", place, deputy, {"teamRoleId": team_roles["TEAM_LEAD"]}).expect(200)

    @pytest.mark.parametrize("seed", [0, 1, 3])
    def test_nothing_outlives_it_whatever_two_do_together(
        self, call: Call, world: World, org: str, admin: str, deputy: str, roles: dict[str, str], seed: int
    ) -> None:
        """A deputy, and an accomplice who holds for good all that it takes to hand things on, try at random."""
        chance = random.Random(seed)
        names = ["role:create", "role:update", "role:delete", "role:assign", "role:read", "permission:create"]
        body = {"name": "HANDS_ON", "displayName": "x", "permissions": names}
        accomplice = world.member(org, call("POST", "roles", admin, body).expect(201)["roleId"])
        known = [roles[name] for name in sorted(roles)]  # ids of the same moment come in any order
        people, sets = [deputy, accomplice], ["set-site-manager", "set-viewer"]
        done = set()
        for step in range(40):
            actor, receiver = chance.choice(people), chance.choice(people)
            permissions = chance.sample([WEAK, STRONG, "role:read", "role:assign"], chance.randint(0, 3))
            content = {"permissions": permissions, "permissionSets": chance.sample(sets, chance.randint(0, 1))}
            one, what = chance.choice(known), chance.choice(["create", "change", "take", "give", "give", "set"])
            if what == "create":
                answer = call("POST", "roles", actor, {"name": f"S{step}", "displayName": "x", **content})
                known += [answer.body["roleId"]] if answer.status == 201 else []
            elif what == "set":
                answer = call("POST", "permission-sets", actor, {"name": f"S{step}", "permissions": [WEAK, STRONG]})
                sets += [answer.body["setId"]] if answer.status == 201 else []
            elif what == "change":
                answer = call("PUT", f"roles/{one}/permissions", actor, content)
            elif what == "take":
                answer = call("DELETE", f"users/{receiver}/roles/{one}", actor)
            else:
                body = {"roleId": one, **({"expiresAt": LATER} if chance.random() < 0.3 else {})}
                answer = call("POST", f"users/{receiver}/roles", actor, body)
            done.add((what, answer.status))
        assert {("give", 201)} <= done, done
        then = datetime.fromisoformat(SOON)
        settings = Settings(region="eu-west-1", tables={"permissions": world.table, "teams": world.teams_table})
        for user in people:
            held = read_access(world.database, settings, user, [org], now=then).permissions_in(org)
            assert held <= (set(names) if user == accomplice else set()), (user, held, done)


# Permissions that a release dropped

GONE = "ship:sail"


class TestObsolete:
    @pytest.fixture
    def drop(self, world: World, org: str) -> Callable[[str, str], None]:
        """Makes a role or a set grant what was a permission when it was written."""

        def write(entity: str, one: str) -> None:
            name = "roleId" if entity == "OrganisationRole" else "setId"
            [stored] = world.database.parallel([Get(world.table, key(entity, orgId=org, **{name: one}))])
            world.put({**stored, "permissions": [*stored["permissions"], GONE]})

        return write

    def test_a_role_stays_usable(
        self, call: Call, world: World, admin: str, with_permissions: Callable[..., str], drop
    ) -> None:
        role = call("POST", "roles", admin, KINDS["role"].body(WEAK)).expect(201)
        drop("OrganisationRole", role["roleId"])
        place, user = f"roles/{role['roleId']}", world.user()
        found = call("GET", place, admin).expect(200)
        assert (found["permissions"], found["obsoletePermissions"]) == ([WEAK, GONE], [GONE])
        body = {"name": "OTHER", "displayName": "Other", "permissions": [WEAK, GONE]}
        assert call("PUT", place, admin, body).expect(200)["obsoletePermissions"] == [GONE]
        call("POST", f"{place}/preview", admin, {"permissions": [GONE, WEAK]}).expect(200)
        call("POST", f"users/{user}/roles", admin, {"roleId": role["roleId"]}).expect(201)
        effective = call("GET", f"users/{user}/permissions", admin).expect(200)["permissions"]
        assert [one["name"] for one in effective] == [WEAK]
        call("DELETE", f"users/{user}/roles/{role['roleId']}", admin).expect(204)
        call("DELETE", place, admin).expect(204)
        call("PUT", place, admin, {**body, "active": True}).expect(200)
        # Another one is refused, and so is this one where it is new.
        answer = call("PUT", f"{place}/permissions", admin, {"permissions": [GONE, "ship:sink"]})
        answer.expect(400, "UNKNOWN_PERMISSIONS")
        assert answer.details == {"unknown": ["ship:sink"]}
        call("PUT", f"{place}/permissions", admin, {"permissions": [WEAK]}).expect(200)
        call("PUT", f"{place}/permissions", admin, {"permissions": [GONE]}).expect(400, "UNKNOWN_PERMISSIONS")

    def test_a_set_stays_usable(self, call: Call, world: World, admin: str, drop) -> None:
        made = call("POST", "permission-sets", admin, KINDS["set"].body(WEAK)).expect(201)
        drop("PermissionSet", made["setId"])
        place = f"permission-sets/{made['setId']}"
        body = {"name": "Other", "permissions": [GONE, WEAK]}
        assert call("PUT", place, admin, body).expect(200)["obsoletePermissions"] == [GONE]
        carrying = {"name": "CARRIES", "displayName": "x", "permissions": [], "permissionSets": [made["setId"]]}
        role = call("POST", "roles", admin, carrying).expect(201)
        call("POST", f"users/{world.user()}/roles", admin, {"roleId": role["roleId"]}).expect(201)
        call("DELETE", place, admin).expect(204)
        call("PUT", place, admin, {**body, "active": True}).expect(200)
        call("PUT", place, admin, {"name": "Other", "permissions": ["ship:sink"]}).expect(400, "UNKNOWN_PERMISSIONS")


# An organisation runs itself


def test_an_organisations_own_administrator_can_carry_out_every_operation(
    world: World, org: str, admin: str, call: Call
) -> None:
    """No operation of an organisation waits for a platform administrator."""
    [role] = [role for role in load_roles()["defaultOrganisationRoles"] if role["name"] == "ORG_ADMIN"]
    held = call("GET", f"users/{admin}/permissions", admin).expect(200)["permissions"]
    names = {permission["name"] for permission in held}
    for operation in OPERATIONS.values():
        if "{orgId}" in operation.path:
            assert names & set(_permissions(operation)), (operation, role["permissions"])
            assert names >= set(operation.also), operation


def test_the_administrators_set_says_the_same_as_the_role() -> None:
    [role] = [role for role in load_roles()["defaultOrganisationRoles"] if role["name"] == "ORG_ADMIN"]
    [same] = [one for one in load_roles()["platformPermissionSets"] if one["setId"] == "set-org-admin"]
    assert role["permissions"] == same["permissions"]


def test_an_administrator_transfers_a_member_and_lets_others_do_so(
    call: Call, world: World, org: str, admin: str
) -> None:
    seed_team_roles(world.database, world.teams_table, org, Change.outside_a_request("engineer"))
    user, manager = world.member(org, "ORG_MANAGER"), world.user()
    first, second = (call("POST", "teams", admin, {"name": name}).expect(201)["teamId"] for name in ("One", "Two"))
    roles = call("GET", "team-roles", admin).expect(200)["items"]
    [lead] = [one for one in roles if one["name"] == "MEMBER"]
    body = {"userId": user, "teamRoleId": lead["teamRoleId"], "userEmail": "a@acme.example"}
    call("POST", f"teams/{first}/members", admin, body).expect(201)
    moved = call("POST", f"teams/{first}/members/{user}/transfer", admin, {"toTeamId": second}).expect(200)
    assert moved["teamId"] == second
    content = {"name": "MOVER", "displayName": "x", "permissions": ["org:user:manage"]}
    role = call("POST", "roles", admin, content).expect(201)
    call("POST", f"users/{manager}/roles", admin, {"roleId": role["roleId"]}).expect(201)
