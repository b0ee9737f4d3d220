"""SES v2.

| AWS | MiniStack | test |
|---|---|---|
| SendEmail is checked on all that it names, with the sender | on "*" | `test_sending_is_checked` |
| a configuration set tells EventBridge what became of a mail | nothing | `test_what_became_of_a_mail` |
| a template that lacks a value is not sent, and tells so | the placeholder is sent | `test_template_lacks_a_value` |
| `{{#if name}}` in a template decides | the tags are sent | `test_template_with_a_condition` |
| a configuration set is there, and its sending is on | unchecked | `test_configuration_set` |
| in the sandbox recipients are verified, and IAM is asked for their identities too | anybody | `test_sandbox` |

The local account is out of the sandbox; PutAccountDetails with ProductionAccessEnabled=false puts it in.

The mailbox simulator's addresses (bounce@, complaint@, suppressionlist@ and success@simulator.amazonses.com) decide
what becomes of a mail; any other is delivered. A set's sending switched off (PutConfigurationSetSendingOptions) is an
outage to test with.
"""

import json
import re
from datetime import UTC, datetime
from email.utils import parseaddr
from typing import Any

from ministack.core.responses import get_account_id, get_region, json_response, new_uuid
from ministack.services import eventbridge, ses, ses_v2

from bbws_access.local_aws.shims.iam_checks import Check, check

Response = tuple[int, dict[str, Any], bytes]

# What SES calls it in a destination -> in the event's detail, and the event's detail type.
_KINDS = {
    "SEND": ("Send", "Email Sent"),
    "DELIVERY": ("Delivery", "Email Delivered"),
    "BOUNCE": ("Bounce", "Email Bounced"),
    "COMPLAINT": ("Complaint", "Email Complaint Received"),
    "RENDERING_FAILURE": ("Rendering Failure", "Email Rendering Failed"),
}
_PARTS = ("SubjectPart", "TextPart", "HtmlPart")
_CONDITION = re.compile(r"\{\{#if (\w+)\}\}((?:(?!\{\{#if).)*?)\{\{/if\}\}", re.DOTALL)  # none within another


def install() -> None:
    """Send as SES does, and tell EventBridge."""
    check("ses:SendEmail", _send_checks)
    render = ses._render_template

    def render_conditions(template: dict[str, Any], data: Any) -> dict[str, str]:
        return render(_decided(template, _values(data)), data)

    ses._render_template = ses_v2._render_template = render_conditions
    handle_request = ses_v2.handle_request

    async def handle(method: str, path: str, headers: dict, body: bytes, query_params: dict) -> Response:
        if method != "POST" or not path.rstrip("/").endswith("/outbound-emails"):
            return await handle_request(method, path, headers, body, query_params)
        request = json.loads(body or b"{}")
        name = request.get("ConfigurationSetName")
        configuration = ses_v2._config_sets.get(name) if name else {}
        if configuration is None:
            return ses_v2._json_err("NotFoundException", f"Configuration set <{name}> does not exist.", 404)
        if not configuration.get("SendingOptions", {}).get("SendingEnabled", True):
            message = f"Sending is paused for the configuration set <{name}>."
            return ses_v2._json_err("SendingPausedException", message)
        unverified = [recipient for recipient in _checked_recipients(request) if not _is_verified(recipient)]
        if unverified:
            message = (
                "Email address is not verified. The following identities failed the check in region "
                f"{get_region().upper()}: {', '.join(unverified)}"
            )
            return ses_v2._json_err("MessageRejected", message)
        missing = _missing_value(request)
        if missing:
            answer = json_response({"MessageId": f"{new_uuid()}@email.amazonses.com"})
            failure = {
                "errorMessage": f"Attribute '{missing}' is not present in the rendering data.",
                "templateName": _template(request).get("TemplateName", ""),
            }
            outcomes = [("RENDERING_FAILURE", {"failure": failure})]
        else:
            answer = await handle_request(method, path, headers, body, query_params)
            outcomes = _outcomes(request)
        if answer[0] == 200 and configuration:
            mail = _mail(request, json.loads(answer[2])["MessageId"])
            _tell(configuration, mail, outcomes)
        return answer

    ses_v2.handle_request = handle


# What IAM is asked


def _send_checks(request: dict[str, Any], region: str, account: str) -> list[Check]:
    name, address = parseaddr(request.get("FromEmailAddress") or "")
    template = _template(request)
    raw = (request.get("Content") or {}).get("Raw")
    action = "ses:SendTemplatedEmail" if template else "ses:SendRawEmail" if raw else "ses:SendEmail"
    context: dict[str, Any] = {"ses:FromAddress": address, "ses:Recipients": _recipients(request)}
    if name:
        context["ses:FromDisplayName"] = name
    resources = [f"identity/{_identity(address)}"]
    if request.get("ConfigurationSetName"):
        resources.append(f"configuration-set/{request['ConfigurationSetName']}")
    if template.get("TemplateName"):
        resources.append(f"template/{template['TemplateName']}")
    resources += [
        f"identity/{_identity(recipient) if _is_verified(recipient) else recipient}"
        for recipient in _checked_recipients(request)
    ]
    return [Check(action, f"arn:aws:ses:{region}:{account}:{resource}", context) for resource in resources]


def _identity(address: str) -> str:
    """The identity that a sender is checked as: the address, or the nearest domain that is one."""
    if address in ses_v2._identities:
        return address
    domain = address.rpartition("@")[2].lower()
    parts = domain.split(".")
    parents = [".".join(parts[number:]) for number in range(len(parts) - 1)]
    return next((parent for parent in parents if parent in ses_v2._identities), domain)


def _checked_recipients(request: dict[str, Any]) -> list[str]:
    """The addresses that the sandbox asks for: all but the mailbox simulator's."""
    if (ses_v2._account_details.get("account") or {}).get("ProductionAccessEnabled", True):
        return []
    addresses = [parseaddr(recipient)[1] for recipient in _recipients(request)]
    return [address for address in addresses if address.rpartition("@")[2].lower() != ses._SIMULATOR_DOMAIN]


def _is_verified(address: str) -> bool:
    return _identity(address) in ses_v2._identities


# What becomes of a mail


def _outcomes(request: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    outcomes: list[tuple[str, dict[str, Any]]] = [("SEND", {"send": {}})]
    for recipient in _recipients(request):
        local, _, domain = parseaddr(recipient)[1].lower().partition("@")
        found = (("Delivery", None),)
        if domain == ses._SIMULATOR_DOMAIN:
            found = ses._SIMULATOR_OUTCOMES.get(local.split("+")[0], found)
        for kind, subtype in found:
            detail = ses._notification_detail(kind, parseaddr(recipient)[1], _now(), subtype)
            outcomes.append((kind.upper(), detail))
    return outcomes


def _mail(request: dict[str, Any], message_id: str) -> dict[str, Any]:
    address = parseaddr(request.get("FromEmailAddress") or "")[1]
    identity = f"arn:aws:ses:{get_region()}:{get_account_id()}:identity/{_identity(address)}"
    tags = {tag["Name"]: [tag["Value"]] for tag in request.get("EmailTags") or []}
    return {
        "timestamp": _now(),
        "source": request.get("FromEmailAddress", ""),
        "sourceArn": identity,
        "sendingAccountId": get_account_id(),
        "messageId": message_id,
        "destination": _recipients(request),
        "tags": {"ses:configuration-set": [request["ConfigurationSetName"]], **tags},
    }


def _tell(configuration: dict[str, Any], mail: dict[str, Any], outcomes: list[tuple[str, dict[str, Any]]]) -> None:
    for destination in (configuration.get("EventDestinations") or {}).values():
        bus = (destination.get("EventBridgeDestination") or {}).get("EventBusArn")
        if not bus or not destination.get("Enabled", False):
            continue
        for kind, detail in outcomes:
            if kind in destination.get("MatchingEventTypes", []):
                event_type, detail_type = _KINDS[kind]
                entry = {
                    "Source": "aws.ses",
                    "DetailType": detail_type,
                    "EventBusName": bus,
                    "Resources": [mail["sourceArn"]],
                    "Detail": json.dumps({"eventType": event_type, "mail": mail, **detail}),
                }
                eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)


def _missing_value(request: dict[str, Any]) -> str | None:
    """A placeholder of the template for which the request has no value."""
    stored = ses._templates.get(_template(request).get("TemplateName", ""))
    if not stored:
        return None
    values = _values(_template(request).get("TemplateData"))
    decided = _decided(stored, values)
    text = "".join(decided.get(part) or "" for part in _PARTS)
    return next((name for name in re.findall(r"\{\{(\w+)\}\}", text) if name not in values), None)


def _decided(template: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    """A template without its conditions: of each what follows stands where there is a value, and not an empty one."""

    def decide(match: re.Match[str]) -> str:
        return match[2] if values.get(match[1]) else ""

    return {**template, **{part: _CONDITION.sub(decide, template.get(part) or "") for part in _PARTS}}


def _values(data: Any) -> dict[str, Any]:
    return json.loads(data or "{}") if isinstance(data, str | None) else data


def _template(request: dict[str, Any]) -> dict[str, Any]:
    return (request.get("Content") or {}).get("Template") or {}


def _recipients(request: dict[str, Any]) -> list[str]:
    destination = request.get("Destination") or {}
    return [address for kind in ("To", "Cc", "Bcc") for address in destination.get(f"{kind}Addresses") or []]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
