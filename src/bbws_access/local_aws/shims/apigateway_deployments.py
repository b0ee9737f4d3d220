"""API Gateway, deployments.

| AWS | MiniStack | test |
|---|---|---|
| a stage serves what its deployment captured | changes are served at once | `test_a_stage_serves_its_deployment` |
"""

import contextlib
import copy
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

from ministack.core.responses import AccountRegionScopedDict
from ministack.services import apigateway_v1 as gateway

# What a deployment captures, by the name of MiniStack's store.
_CAPTURED = ("_resources", "_authorizers_v1", "_models", "_request_validators")
_captured: ContextVar[dict[str, Any] | None] = ContextVar("captured", default=None)


class _Store(AccountRegionScopedDict):
    """A store of API parts that, while a stage serves a request, answers with what its deployment captured."""

    __slots__ = ("name",)

    def __init__(self, name: str):
        super().__init__()
        self.name = name

    def get(self, key: Any, default: Any = None) -> Any:
        captured = _captured.get()
        if captured is not None and captured["api"] == key:
            return captured[self.name]
        return super().get(key, default)


def install() -> None:
    """Let deployments capture, and requests be served from what was captured."""
    for name in _CAPTURED:
        setattr(gateway, name, _Store(name))
    # Beside MiniStack's own stores, so that it is saved and emptied with them: API -> deployment -> parts.
    gateway._captured_deployments = AccountRegionScopedDict()

    create_deployment, delete_deployment = gateway._create_deployment, gateway._delete_deployment
    delete_rest_api, reset = gateway._delete_rest_api, gateway.reset

    def create(api_id: str, data: dict[str, Any]) -> Any:
        before = set(gateway._deployments_v1.get(api_id, {}))
        answer = create_deployment(api_id, data)
        for deployment_id in set(gateway._deployments_v1.get(api_id, {})) - before:
            gateway._captured_deployments.setdefault(api_id, {})[deployment_id] = {
                "api": api_id,
                **{name: copy.deepcopy(getattr(gateway, name).get(api_id, {})) for name in _CAPTURED},
            }
        return answer

    def delete(api_id: str, deployment_id: str) -> Any:
        stages = gateway._stages_v1.get(api_id, {}).values()
        if any(stage.get("deploymentId") == deployment_id for stage in stages):
            return gateway._v1_error(
                "BadRequestException",
                "Active stages pointing to this deployment must be moved or deleted",
                400,
            )
        answer = delete_deployment(api_id, deployment_id)
        gateway._captured_deployments.get(api_id, {}).pop(deployment_id, None)
        return answer

    def delete_api(api_id: str) -> Any:
        answer = delete_rest_api(api_id)
        gateway._captured_deployments.pop(api_id, None)
        gateway._request_validators.pop(api_id, None)
        return answer

    def reset_all() -> None:
        reset()
        gateway._captured_deployments._data.clear()

    gateway._create_deployment = create
    gateway._delete_deployment = delete
    gateway._delete_rest_api = delete_api
    gateway.reset = reset_all


@contextlib.contextmanager
def serving(api_id: str, stage_name: str) -> Iterator[None]:
    """Serve a request to a stage from what its deployment captured."""
    stage = gateway._stages_v1.get(api_id, {}).get(stage_name) or {}
    token = _captured.set(gateway._captured_deployments.get(api_id, {}).get(stage.get("deploymentId")))
    try:
        yield
    finally:
        _captured.reset(token)
