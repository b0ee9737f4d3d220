"""EventBridge: what is put, schedules, patterns and targets; the schedules of AWS Backup as well."""

import json
import re
from collections.abc import Iterator
from ipaddress import ip_network
from typing import Any

from bbws_access.local_aws.judge import Violation, limit
from bbws_access.local_aws.wire import Call

_LARGEST_EVENTS = 1024 * 1024
_MOST_TARGETS = 5
_LONGEST_INPUT = 8192
_RATE = re.compile(r"rate\((\d+) (minute|hour|day)(s?)\)")
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
# Minutes, hours, day of the month, month, day of the week, year: least, most, names, marks of their own.
_FIELDS = (
    (0, 59, (), ""),
    (0, 23, (), ""),
    (1, 31, (), "LW?"),
    (1, 12, _MONTHS, ""),
    (1, 7, _DAYS, "L#?"),
    (1970, 2199, (), ""),
)
_MATCHERS = {"prefix", "suffix", "equals-ignore-case", "wildcard", "anything-but", "numeric", "exists", "cidr"}
_LARGEST_NUMBER = 5e9


def event_faults(entry: dict[str, Any], *, of_aws: bool = False) -> Iterator[tuple[str, str]]:
    """What EventBridge has against one event, as error code and message. `of_aws`: a service of AWS puts it."""
    for member in ("Source", "DetailType", "Detail"):
        if not entry.get(member):
            yield "InvalidArgument", f"Parameter {member} is not valid. Reason: {member} is a required argument."
    if not of_aws and str(entry.get("Source") or "").startswith("aws."):
        yield "NotAuthorizedForSourceException", "Not authorized for the source."
    detail = entry.get("Detail")
    if detail:
        try:
            right = isinstance(json.loads(detail), dict)
        except ValueError:
            right = False
        if not right:
            yield "MalformedDetail", "Detail is malformed."


def _put_events(call: Call) -> Iterator[Violation]:
    entries = call.values.get("Entries") or ()
    for number, entry in enumerate(entries):
        for code, message in event_faults(entry):
            # Answered for each event, not for the request.
            yield limit(f"Entries[{number}]", message, f"entry:{code}")
    if sum(map(_event_size, entries)) > _LARGEST_EVENTS:
        yield limit("Entries", "Total size of the entries in the request is over the limit.", "ValidationException")


def _event_size(entry: dict[str, Any]) -> int:
    size = 14 if entry.get("Time") is not None else 0
    texts = [entry.get(name) or "" for name in ("Source", "DetailType", "Detail")] + list(entry.get("Resources") or ())
    return size + sum(len(text.encode()) for text in texts)


def is_schedule(text: str) -> bool:
    """Whether a text is an expression such as `rate(5 minutes)` or `cron(0 5 * * ? *)`."""
    rate = _RATE.fullmatch(text)
    if rate:
        return int(rate[1]) > 0 and (int(rate[1]) == 1) is not bool(rate[3])
    cron = re.fullmatch(r"cron\(([^()]*)\)", text)
    return cron is not None and _is_cron(cron[1].split())


def _is_cron(fields: list[str]) -> bool:
    if len(fields) != len(_FIELDS):
        return False
    day, weekday = fields[2], fields[4]
    if [day, weekday].count("?") != 1:
        return False
    return all(_is_field(text.upper(), *field) for text, field in zip(fields, _FIELDS, strict=True))


def _is_field(text: str, least: int, most: int, names: tuple[str, ...], marks: str) -> bool:
    def number(part: str) -> int | None:
        if part in names:
            return names.index(part) + 1
        return int(part) if part.isdigit() and least <= int(part) <= most else None

    if text == "?":
        return "?" in marks
    for part in text.split(","):
        if part == "L" and "L" in marks:
            continue
        nearest = re.fullmatch(r"(\d+)W", part)
        if nearest and "W" in marks and number(nearest[1]) is not None:
            continue
        last = re.fullmatch(r"(\w+)L", part)
        if last and "#" in marks and number(last[1]) is not None:
            continue
        nth = re.fullmatch(r"(\w+)#([1-5])", part)
        if nth and "#" in marks and number(nth[1]) is not None:
            continue
        range_, slash, step = part.partition("/")
        if slash and not (step.isdigit() and int(step) > 0):
            return False
        first, dash, last_one = range_.partition("-")
        if range_ == "*":
            continue
        if number(first) is None or (dash and number(last_one) is None):
            return False
    return bool(text)


def pattern_faults(text: str) -> Iterator[str]:
    """What is wrong with an event pattern."""
    try:
        pattern = json.loads(text)
    except ValueError:
        yield "Event pattern is not valid. Reason: it is no JSON"
        return
    if not isinstance(pattern, dict):
        yield "Event pattern is not valid. Reason: Filter is not an object"
        return
    if not pattern:
        yield "Event pattern is not valid. Reason: Empty objects are not allowed"
    yield from _level_faults(pattern)


def _level_faults(level: dict[str, Any]) -> Iterator[str]:
    for name, value in level.items():
        if name == "$or":
            if not isinstance(value, list) or len(value) < 2 or not all(isinstance(one, dict) for one in value):
                yield "Event pattern is not valid. Reason: There must have at least 2 Objects in $or"
                continue
            for one in value:
                yield from _level_faults(one)
        elif isinstance(value, dict):
            if not value:
                yield f'Event pattern is not valid. Reason: Empty objects are not allowed: "{name}"'
            yield from _level_faults(value)
        elif not isinstance(value, list):
            yield f'Event pattern is not valid. Reason: "{name}" must be an object or an array'
        elif not value:
            yield f'Event pattern is not valid. Reason: Empty arrays are not allowed: "{name}"'
        else:
            for one in value:
                yield from _matcher_faults(name, one)


def _matcher_faults(name: str, value: Any) -> Iterator[str]:
    if isinstance(value, list):
        yield f'Event pattern is not valid. Reason: "{name}": an array within an array'
    if not isinstance(value, dict):
        return
    if len(value) != 1 or not value.keys() <= _MATCHERS:
        yield f"Event pattern is not valid. Reason: Unrecognized match type {', '.join(value)}"
        return
    [(kind, wanted)] = value.items()
    if kind in ("suffix", "equals-ignore-case", "wildcard", "prefix"):
        right = isinstance(wanted, str | dict)
    elif kind == "exists":
        right = isinstance(wanted, bool)
    elif kind == "cidr":
        try:
            right = bool(ip_network(wanted, strict=False))
        except ValueError:
            right = False
    elif kind == "numeric":
        right = _is_numeric(wanted)
    else:
        right = bool(wanted) or wanted == 0
    if not right:
        yield f"Event pattern is not valid. Reason: {kind} cannot be {wanted!r}"


def _is_numeric(wanted: Any) -> bool:
    """Whether it is one comparison, or a lower bound and a higher upper one: `[">", 0, "<=", 5]`."""
    operators = wanted[::2] if isinstance(wanted, list) else []
    numbers = wanted[1::2] if isinstance(wanted, list) else []
    if not all(type(one) in (int, float) and abs(one) <= _LARGEST_NUMBER for one in numbers):
        return False
    if len(numbers) == len(operators) == 1:
        return operators[0] in ("<", "<=", "=", ">", ">=")
    if len(numbers) != 2 or len(operators) != 2:
        return False
    return operators[0] in (">", ">=") and operators[1] in ("<", "<=") and bool(numbers[0] < numbers[1])


def _put_rule(call: Call) -> Iterator[Violation]:
    pattern, schedule = call.values.get("EventPattern"), call.values.get("ScheduleExpression")
    if not pattern and not schedule:
        yield limit(
            "EventPattern", "Parameter(s) EventPattern or ScheduleExpression must be specified.", "ValidationException"
        )
    if schedule:
        if not is_schedule(schedule):
            yield limit("ScheduleExpression", "Parameter ScheduleExpression is not valid.", "ValidationException")
        elif call.values.get("EventBusName", "default").rpartition("/")[2] != "default":
            yield limit(
                "ScheduleExpression",
                "ScheduleExpression is supported only on the default event bus.",
                "ValidationException",
            )
    if pattern:
        yield from _pattern(call)


def _pattern(call: Call) -> Iterator[Violation]:
    for fault in pattern_faults(call.values.get("EventPattern") or ""):
        yield limit("EventPattern", fault, "InvalidEventPatternException")


def _put_targets(call: Call) -> Iterator[Violation]:
    targets = call.values.get("Targets") or ()
    if len(targets) > _MOST_TARGETS:
        yield limit("Targets", "The requested resource exceeds the maximum number allowed.", "LimitExceededException")
    names = [one["Id"] for one in targets]
    if len(set(names)) != len(names):
        yield limit("Targets", "Duplicate target ids", "ValidationException")
    for number, one in enumerate(targets):
        path = f"Targets[{number}]"
        inputs = [name for name in ("Input", "InputPath", "InputTransformer") if one.get(name)]
        if len(inputs) > 1:
            yield limit(
                path,
                f"Only one of Input, InputPath, or InputTransformer must be provided for target {one['Id']}.",
                "ValidationException",
            )
        if one.get("Input"):
            try:
                json.loads(one["Input"])
            except ValueError:
                yield limit(
                    f"{path}.Input", f"JSON syntax error in Input for target {one['Id']}", "ValidationException"
                )
        transformer = one.get("InputTransformer") or {}
        names = transformer.get("InputPathsMap") or {}
        for name in re.findall(r"<([^<>]+)>", transformer.get("InputTemplate", "")):
            if name not in names and not name.startswith("aws.events."):
                yield limit(
                    f"{path}.InputTransformer",
                    f"InputTemplate for target {one['Id']} contains invalid placeholder {name}.",
                    "ValidationException",
                )
        for name, where in names.items():
            if name.startswith("AWS") or not re.fullmatch(r"\$(\.[\w-]+|\[\d+\]|\['[^']+'\])*", where):
                yield limit(
                    f"{path}.InputTransformer",
                    f"Invalid InputPath for target {one['Id']}: {where}",
                    "ValidationException",
                )
        letters = (one.get("DeadLetterConfig") or {}).get("Arn")
        if letters and not re.fullmatch(r"arn:[\w-]+:sqs:[\w-]+:\d{12}:[\w-]{1,80}", letters):
            yield limit(
                f"{path}.DeadLetterConfig",
                "Parameter DeadLetterConfig.Arn is not valid. Reason: it is no standard queue.",
                "ValidationException",
            )


def _backup_plan(call: Call) -> Iterator[Violation]:
    # On the wire in JSON: by the names that the model gives them there.
    for number, rule in enumerate((call.values.get("BackupPlan") or {}).get("Rules") or ()):
        path = f"BackupPlan.Rules[{number}]"
        schedule = rule.get("ScheduleExpression")
        if schedule and not is_schedule(schedule):
            yield limit(path, f"Invalid cron expression {schedule}", "InvalidParameterValueException")
        for kept in (rule, *(rule.get("CopyActions") or ())):
            life = kept.get("Lifecycle") or {}
            cold, gone = life.get("MoveToColdStorageAfterDays"), life.get("DeleteAfterDays")
            if cold and cold > 0 and gone and 0 < gone < cold + 90:
                yield limit(
                    path,
                    "DeleteAfterDays cannot be less than 90 days apart from MoveToColdStorageAfterDays",
                    "InvalidParameterValueException",
                )
        start, complete = rule.get("StartWindowMinutes"), rule.get("CompletionWindowMinutes")
        if start and (start < 60 or (complete and complete < start)):
            yield limit(
                path,
                "The start window is 60 minutes or more and ends before the completion window",
                "InvalidParameterValueException",
            )


RULES = [
    ("events:PutEvents", _put_events),
    ("events:PutRule", _put_rule),
    ("events:TestEventPattern", _pattern),
    ("events:PutTargets", _put_targets),
    ("backup:CreateBackupPlan", _backup_plan),
    ("backup:UpdateBackupPlan", _backup_plan),
]
