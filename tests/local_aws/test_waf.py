"""Web ACLs: shim `waf`."""

from collections.abc import Callable
from typing import Any

from tests.local_aws.conftest import Aws


def test_how_much_of_a_body_is_inspected_is_kept(aws: Aws, unique: Callable[[str], str]) -> None:
    client, name = aws.client("wafv2"), unique("acl")
    metrics = {"SampledRequestsEnabled": False, "CloudWatchMetricsEnabled": False, "MetricName": name}
    settings: dict[str, Any] = {"Name": name, "Scope": "REGIONAL", "DefaultAction": {"Allow": {}}}
    settings["VisibilityConfig"] = metrics

    def limit(kilobytes: int) -> dict[str, Any]:
        return {"RequestBody": {"API_GATEWAY": {"DefaultSizeInspectionLimit": f"KB_{kilobytes}"}}}

    made = client.create_web_acl(**settings, AssociationConfig=limit(64))["Summary"]

    def read() -> dict[str, Any]:
        return client.get_web_acl(Name=name, Scope="REGIONAL", Id=made["Id"])

    def update(**changes: Any) -> None:
        client.update_web_acl(**settings, Id=made["Id"], LockToken=read()["LockToken"], **changes)

    assert read()["WebACL"]["AssociationConfig"] == limit(64)
    update(AssociationConfig=limit(32))
    assert read()["WebACL"]["AssociationConfig"] == limit(32)
    update()
    assert "AssociationConfig" not in read()["WebACL"]
