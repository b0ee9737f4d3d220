"""What the platform tells the services: events on its bus, and waiting until each service has done its part."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bbws_access.cli.errors import ToolError
from bbws_access.cli.targets import Target

WAIT_SECONDS = 90.0
_MOST_AT_ONCE = 10  # events of a request
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 2.0

# Service => whether it has done what the event asks of it.
Parts = Mapping[str, Callable[[], bool]]


def consumers(detail_type: str) -> list[str]:
    """The services that take an event."""
    from bbws_access.kernel.contract import load_events

    return sorted(load_events()["events"][detail_type]["consumers"])


def tell(target: Target, outputs: Mapping[str, Any], detail_type: str, detail: Mapping[str, str]) -> None:
    """Put an event on the environment's bus. Raises ToolError when EventBridge does not take it."""
    tell_each(target, outputs, detail_type, [detail])


def tell_each(
    target: Target, outputs: Mapping[str, Any], detail_type: str, details: Sequence[Mapping[str, str]]
) -> None:
    """Put events of one type on the environment's bus. Raises ToolError when EventBridge does not take them."""
    from bbws_access.kernel.contract import load_events

    source = load_events()["events"][detail_type]["source"]
    bus = outputs.get("event_bus_name")
    if bus is None:
        # EventBridge's default bus is no way out: whatever environment has its rules there would do it too.
        raise ToolError(
            f"{target.environment.name} has no event bus of its own yet.",
            f"Bring it up to date with `{target.deploy_command}`.",
        )
    client, about = target.client("events"), {"Source": source, "DetailType": detail_type, "EventBusName": bus}
    for start in range(0, len(details), _MOST_AT_ONCE):
        some = details[start : start + _MOST_AT_ONCE]
        answer = client.put_events(Entries=[{**about, "Detail": json.dumps(dict(detail))} for detail in some])
        for failed in (one for one in answer["Entries"] if "ErrorCode" in one):
            raise ToolError(
                f"EventBridge does not take {detail_type}: {failed['ErrorCode']}, {failed['ErrorMessage']}."
            )


def wait(outputs: Mapping[str, Any], detail_type: str, parts: Parts, seconds: float = WAIT_SECONDS) -> None:
    """Wait until every service that takes the event has done its part. Raises ToolError that names those that have not.

    A service without an entry in ``parts`` is not waited for.
    """
    left = [service for service in consumers(detail_type) if service in parts]
    end = time.monotonic() + seconds
    pause = _FIRST_PAUSE
    while True:
        left = [service for service in left if not parts[service]()]
        if not left:
            return
        if time.monotonic() + pause > end:
            break
        time.sleep(pause)
        pause = min(_LONGEST_PAUSE, pause * 1.5)
    names = " and ".join(left)
    groups = ", ".join(outputs["log_group_names"][service] for service in left)
    raise ToolError(
        f"{detail_type} was sent, and the service {names} has not done its part within {seconds:.0f} s.",
        "Run the command again: it goes on where it stopped. If it stays so, the log says why, and the event lies in "
        f"the dead letters of {names} or of the rule.",
        details=f"Logs: {groups}",
    )
