"""EventBridge.

| AWS | MiniStack | test |
|---|---|---|
| events:source and events:detail-type of PutEvents | absent | `test_events_by_source_and_type` |
| an event's detail is a JSON object | anything | `test_detail_is_an_object` |
| an event has a source, a type and a detail | it need not | `test_events_that_lack_something` |
| a rule needs the permission of a function's policy | it does not | `test_rule_without_permission` |
| what cannot be handed over goes to the dead letters | it is lost | `test_rule_without_permission` |
| metrics of rules | none | `test_rule_without_permission` |
| a function that fails is invoked again, then leaves the event as a dead letter | once | `test_failing_function` |

What AWS would try again for hours (a function that is throttled) does not happen here, so nothing is.
"""

import json
from contextvars import ContextVar
from typing import Any

from ministack.core.responses import get_account_id, get_region, json_response
from ministack.services import eventbridge, lambda_svc, sqs

from bbws_access.local_aws.rules.events import event_faults
from bbws_access.local_aws.shims.cloudwatch import publish
from bbws_access.local_aws.shims.iam_checks import Check, check
from bbws_access.local_aws.shims.permissions import function_permits

_SERVICE = "events.amazonaws.com"

# The rule and the target of the delivery at hand.
_delivery: ContextVar[tuple[dict[str, Any], dict[str, Any]]] = ContextVar("delivery")


def install() -> None:
    """Deliver as EventBridge does, and ask IAM for each event that is put."""
    check("events:PutEvents", _put_events_checks)
    invoke_target = eventbridge._invoke_target

    def invoke(target: dict[str, Any], event: dict[str, Any], rule: dict[str, Any], view: Any = None) -> None:
        token = _delivery.set((rule, target))
        try:
            invoke_target(target, event, rule, view)
        finally:
            _delivery.reset(token)

    eventbridge._invoke_target = invoke
    eventbridge._dispatch_to_lambda = _dispatch_to_lambda
    _refuse_malformed_events()
    _keep_the_event_in_dead_letters()


def _refuse_malformed_events() -> None:
    put_events = eventbridge._put_events

    def put(data: dict[str, Any], allow_aws_source: bool = False) -> Any:
        entries = data.get("Entries") or []
        faults = [next(event_faults(entry, of_aws=allow_aws_source), None) for entry in entries]
        if not any(faults):
            return put_events(data, allow_aws_source)
        results = []
        for entry, fault in zip(entries, faults, strict=True):
            if fault is None:
                results += json.loads(put_events({"Entries": [entry]}, allow_aws_source)[2])["Entries"]
            else:
                results.append({"ErrorCode": fault[0], "ErrorMessage": fault[1]})
        failed = sum("ErrorCode" in result for result in results)
        return json_response({"FailedEntryCount": failed, "Entries": results})

    eventbridge._put_events = put


def _put_events_checks(request: dict[str, Any], region: str, account: str) -> list[Check]:
    checks = []
    for entry in request.get("Entries") or []:
        bus = entry.get("EventBusName") or "default"
        arn = bus if bus.startswith("arn:") else f"arn:aws:events:{region}:{account}:event-bus/{bus}"
        context = {"events:source": entry.get("Source"), "events:detail-type": entry.get("DetailType")}
        checks.append(Check("events:PutEvents", arn, {key: value for key, value in context.items() if value}))
    return checks or [Check("events:PutEvents", f"arn:aws:events:{region}:{account}:event-bus/default", {})]


def _dispatch_to_lambda(arn: str, payload: str) -> None:
    rule, target = _delivery.get()
    dimensions = _dimensions(rule)
    publish("AWS/Events", "Invocations", 1.0, "Count", dimensions)
    function, config, _ = lambda_svc._get_func_record_for_ref(arn)
    if function is None or config is None:
        _fail(rule, target, payload, "NO_RESOURCE", f"Function not found: {arn}")
    elif not function_permits(arn, _SERVICE, rule["Arn"], get_account_id(), get_region()):
        _fail(
            rule, target, payload, "NO_PERMISSIONS", f"{_SERVICE} is not authorized to perform: lambda:InvokeFunction"
        )
    else:
        record = lambda_svc._execution_record_for_config(function, config)
        lambda_svc.invoke_async_with_retry(record, json.loads(payload))


def _dimensions(rule: dict[str, Any]) -> dict[str, str]:
    """Those of a rule on the default bus name the rule alone."""
    bus = rule.get("EventBusName") or "default"
    return {"RuleName": rule["Name"]} | ({} if bus == "default" else {"EventBusName": bus})


def _fail(rule: dict[str, Any], target: dict[str, Any], payload: str, code: str, message: str) -> None:
    dimensions = _dimensions(rule)
    publish("AWS/Events", "FailedInvocations", 1.0, "Count", dimensions)
    queue = (target.get("DeadLetterConfig") or {}).get("Arn")
    if not queue:
        return
    if not sqs.queue_policy_allows(queue, _SERVICE, rule["Arn"], get_account_id()):
        publish("AWS/Events", "InvocationsFailedToBeSentToDlq", 1.0, "Count", dimensions)
        return
    attributes = {
        "RULE_ARN": rule["Arn"],
        "TARGET_ARN": target["Arn"],
        "ERROR_CODE": code,
        "ERROR_MESSAGE": message,
        "RETRY_ATTEMPTS": "0",
    }
    _send(queue, payload, attributes)
    publish("AWS/Events", "InvocationsSentToDlq", 1.0, "Count", dimensions)


def _keep_the_event_in_dead_letters() -> None:
    route = lambda_svc._route_async_failure

    def route_failure(target_arn: str, function: str, event: dict[str, Any], result: dict[str, Any]) -> None:
        record = lambda_svc._functions.get(function) or {}
        dead_letters = (record.get("config", {}).get("DeadLetterConfig") or {}).get("TargetArn")
        if target_arn != dead_letters or ":sqs:" not in target_arn:
            route(target_arn, function, event, result)
            return
        body = result.get("body") if isinstance(result.get("body"), dict) else {}
        attributes = {"ErrorCode": "200", "ErrorMessage": str(body.get("errorMessage", ""))[:1024] or "Unhandled"}
        _send(target_arn, json.dumps(event), attributes)

    lambda_svc._route_async_failure = route_failure


def _send(queue_arn: str, body: str, attributes: dict[str, str]) -> None:
    """Put a message into a queue, as the service itself."""
    if sqs._queue_by_arn(queue_arn) is None:
        return
    values = {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()}
    with sqs._queues_lock:
        message = {"MessageBody": body, "MessageAttributes": values}
        sqs._act_send_message(message, sqs._queue_url(queue_arn.rpartition(":")[2]))
