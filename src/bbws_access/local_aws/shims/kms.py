"""KMS.

| AWS | MiniStack | test |
|---|---|---|
| a service has a key of AWS under alias/aws/..., made when first asked for | there are none | `test_kms.py` |
"""

import json
import re
from typing import Any

from ministack.services import kms

_MANAGED_ALIAS = re.compile(r"^(?:arn:aws:kms:[^:]+:[^:]+:)?(alias/aws/[a-z0-9-]+)$")


def install() -> None:
    """Make the keys that AWS manages."""
    resolve_key, key_metadata, schedule_deletion = kms._resolve_key, kms._key_metadata, kms._schedule_key_deletion

    def resolve(key_id: str | None) -> dict[str, Any] | None:
        record = resolve_key(key_id)
        managed = _MANAGED_ALIAS.match(key_id or "")
        if record is not None or managed is None:
            return record
        _, _, body = kms._create_key({"Description": f"Managed by AWS for {managed[1].rpartition('/')[2]}"})
        record = resolve_key(json.loads(body)["KeyMetadata"]["KeyId"])
        record["_managed_by_aws"] = True
        kms._create_alias({"AliasName": managed[1], "TargetKeyId": record["KeyId"]})
        return record

    def metadata(record: dict[str, Any]) -> dict[str, Any]:
        return key_metadata(record) | ({"KeyManager": "AWS"} if record.get("_managed_by_aws") else {})

    def schedule(data: dict[str, Any]) -> Any:
        record = resolve_key(data.get("KeyId"))
        if record is not None and record.get("_managed_by_aws"):
            return kms.error_response_json("UnsupportedOperationException", "The key is managed by AWS", 400)
        return schedule_deletion(data)

    kms._resolve_key = resolve
    kms._key_metadata = metadata
    kms._schedule_key_deletion = schedule
