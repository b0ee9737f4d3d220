"""Where the permission service's records lie: the reads and writes of its operations."""

from __future__ import annotations

from bbws_access.kernel.dynamodb import Get, Query
from bbws_access.kernel.keys import key, partition, sort_prefix
from bbws_access.kernel.records import Named, definitions, where

SETS = Named("PermissionSet", "PermissionSetName", "setId")


def permission(table: str, permission_id: str, *, consistent: bool = True) -> Get:
    return Get(table, key("Permission", permissionId=permission_id), consistent)


def permissions(table: str, category: str | None) -> Query:
    """The active permissions of the catalogue, by id; all categories for None."""
    wanted = {"active": True} if category is None else {"active": True, "category": category}
    return where(Query(table, partition("Permission"), "PERMISSION#"), wanted)


def platform_set(table: str, set_id: str) -> Get:
    return Get(table, key("PlatformPermissionSet", setId=set_id))


def platform_sets(table: str, query: dict) -> Query:
    """The platform's sets, by id."""
    return where(Query(table, partition("PlatformPermissionSet"), "SET#"), {"active": query["active"]})


def organisation_sets(table: str, org_id: str, query: dict) -> Query:
    """The sets of an organisation in the order asked for: ids begin with the time of their making."""
    place = partition("PermissionSet", orgId=org_id), sort_prefix("PermissionSet", active=query["active"])
    return where(Query(table, *place, forward=query["order"] == "oldest"), {"active": query["active"]})


def size_of_sets(table: str, org_id: str) -> Query:
    """How many active sets an organisation has, and how large they are."""
    return definitions(table, partition("PermissionSet", orgId=org_id), "SET#", "setId")
