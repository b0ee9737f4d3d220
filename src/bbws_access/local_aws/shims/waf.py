"""WAF.

| AWS | MiniStack | test |
|---|---|---|
| a web ACL keeps how much of a body its rules see (AssociationConfig) | it forgets it | `test_waf.py` |
"""

from typing import Any

from ministack.services import waf


def install() -> None:
    """Keep a web ACL's AssociationConfig."""
    create_record, update = waf.create_web_acl_record, waf._update_web_acl

    def create(name: str, scope: str, properties: dict[str, Any]) -> tuple[str, str, dict[str, Any]]:
        uid, arn, record = create_record(name, scope, properties)
        _keep(record, properties)
        return uid, arn, record

    def update_keeping(data: dict[str, Any]) -> tuple:
        answer = update(data)
        if answer[0] == 200:
            _keep(waf.web_acl_record(data["Id"], data.get("Scope", "REGIONAL")), data)
        return answer

    waf.create_web_acl_record = create
    waf._update_web_acl = update_keeping


def _keep(record: dict[str, Any], properties: dict[str, Any]) -> None:
    record.pop("AssociationConfig", None)
    if properties.get("AssociationConfig"):
        record["AssociationConfig"] = properties["AssociationConfig"]
