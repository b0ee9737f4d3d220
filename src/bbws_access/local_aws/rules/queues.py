"""SQS and SNS: the values of attributes, which are texts to the models, and what a message may be."""

import json
import re
from collections.abc import Iterator
from typing import Any

from bbws_access.local_aws.judge import Violation, limit
from bbws_access.local_aws.wire import Call

_LARGEST_MESSAGE = 1024 * 1024
_MOST_ATTRIBUTES = 10
_MOST_IN_BATCH = 10
_RANGES = {
    "DelaySeconds": (0, 900),
    "MaximumMessageSize": (1024, _LARGEST_MESSAGE),
    "MessageRetentionPeriod": (60, 1_209_600),
    "ReceiveMessageWaitTimeSeconds": (0, 20),
    "VisibilityTimeout": (0, 43_200),
    "KmsDataKeyReusePeriodSeconds": (60, 86_400),
}
_FLAGS = ("FifoQueue", "ContentBasedDeduplication", "SqsManagedSseEnabled")
# What a message must not hold: anything that XML cannot.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ARN = re.compile(r"arn:[\w-]+:sqs:[\w-]+:\d{12}:[\w-]{1,80}(\.fifo)?")


def _queue(call: Call) -> Iterator[Violation]:
    name = call.values.get("QueueName")
    if name is not None and not re.fullmatch(r"[\w-]{1,80}|[\w-]{1,75}\.fifo", name, re.ASCII):
        yield limit(
            "QueueName",
            "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length",
            "InvalidParameterValue",
        )
    attributes = call.values.get("Attributes") or {}
    for attribute, text in attributes.items():
        right = True
        if attribute in _RANGES:
            least, most = _RANGES[attribute]
            right = text.isdigit() and least <= int(text) <= most
        elif attribute in _FLAGS:
            right = text in ("true", "false")
        elif attribute == "RedrivePolicy" and text:
            right = _is_redrive(text)
        if not right:
            yield limit(
                f"Attributes.{attribute}", f"Invalid value for the parameter {attribute}.", "InvalidAttributeValue"
            )


def _is_redrive(text: str) -> bool:
    try:
        policy = json.loads(text)
        count = int(policy["maxReceiveCount"])
        target = policy["deadLetterTargetArn"]
    except (ValueError, TypeError, KeyError):
        return False
    return 1 <= count <= 1000 and bool(_ARN.fullmatch(target)) and len(policy) == 2


def _message(call: Call) -> Iterator[Violation]:
    yield from _message_faults(call.values, "")


def _message_faults(message: dict[str, Any], path: str) -> Iterator[Violation]:
    body = message.get("MessageBody") or ""
    attributes = message.get("MessageAttributes") or {}
    if not body:
        yield limit(path, "The request must contain the parameter MessageBody.", "MissingParameter")
    if _FORBIDDEN.search(body):
        yield limit(
            path,
            "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to "
            "#xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF",
            "InvalidMessageContents",
        )
    if _message_size(message) > _LARGEST_MESSAGE:
        yield limit(
            path,
            f"One or more parameters are invalid. Reason: Message must be shorter than {_LARGEST_MESSAGE} bytes.",
            "InvalidParameterValue",
        )
    if len(attributes) > _MOST_ATTRIBUTES:
        yield limit(
            path,
            f"Number of message attributes [{len(attributes)}] exceeds the allowed maximum [{_MOST_ATTRIBUTES}].",
            "InvalidParameterValue",
        )
    for name, one in attributes.items():
        kind = str(one.get("DataType", "")).partition(".")[0]
        text = one.get("BinaryValue" if kind == "Binary" else "StringValue")
        if kind not in ("String", "Number", "Binary") or not text:
            yield limit(
                f"{path}.MessageAttributes.{name}",
                f"The message attribute '{name}' must contain non-empty message attribute value of a valid type.",
                "InvalidParameterValue",
            )
        if not re.fullmatch(r"(?!aws\.|amazon\.)[\w-]+(\.[\w-]+)*", name, re.IGNORECASE | re.ASCII) or len(name) > 256:
            yield limit(
                f"{path}.MessageAttributes.{name}",
                f"Message attribute name {name!r} is invalid.",
                "InvalidParameterValue",
            )
    if not 0 <= (message.get("DelaySeconds") or 0) <= 900:
        yield limit(
            f"{path}.DelaySeconds",
            "Value for parameter DelaySeconds is invalid. Reason: Must be between 0 and 900, if provided.",
            "InvalidParameterValue",
        )


def _message_size(message: dict[str, Any]) -> int:
    size = len((message.get("MessageBody") or "").encode())
    for name, one in (message.get("MessageAttributes") or {}).items():
        value = one.get("StringValue") or one.get("BinaryValue") or ""
        size += len(name.encode()) + len(str(one.get("DataType", ""))) + len(value)
    return size


def _batch(call: Call) -> Iterator[Violation]:
    entries = call.values.get("Entries") or []
    if not 1 <= len(entries) <= _MOST_IN_BATCH:
        code = "TooManyEntriesInBatchRequest" if entries else "EmptyBatchRequest"
        yield limit("Entries", "Maximum number of entries per request are 10.", code)
    names = [one["Id"] for one in entries]
    if len(set(names)) != len(names):
        yield limit("Entries", "Id repeated.", "BatchEntryIdsNotDistinct")
    if not all(re.fullmatch(r"[\w-]{1,80}", name, re.ASCII) for name in names):
        yield limit(
            "Entries",
            "A batch entry id can only contain alphanumeric characters, hyphens and "
            "underscores. It can be at most 80 letters long.",
            "InvalidBatchEntryId",
        )
    if str(call.operation) == "sqs:SendMessageBatch":
        if sum(map(_message_size, entries)) > _LARGEST_MESSAGE:
            yield limit("Entries", "Batch requests cannot be longer than 1048576 bytes.", "BatchRequestTooLong")
        for number, one in enumerate(entries):
            yield from _message_faults(one, f"Entries[{number}]")


def _receive(call: Call) -> Iterator[Violation]:
    for name, least, most in (
        ("MaxNumberOfMessages", 1, 10),
        ("WaitTimeSeconds", 0, 20),
        ("VisibilityTimeout", 0, 43_200),
    ):
        value = call.values.get(name)
        if value is not None and not least <= value <= most:
            yield limit(
                name,
                f"Value {value} for parameter {name} is invalid. Reason: Must be between "
                f"{least} and {most}, if provided.",
                "InvalidParameterValue",
            )


# SNS


def _topic(call: Call) -> Iterator[Violation]:
    if not re.fullmatch(r"[\w-]{1,256}|[\w-]{1,251}\.fifo", call.values.get("Name") or "", re.ASCII):
        yield limit("Name", "Invalid parameter: Topic Name", "InvalidParameter")


_PROTOCOLS = {"http", "https", "email", "email-json", "sms", "sqs", "application", "lambda", "firehose"}


def _subscription(call: Call) -> Iterator[Violation]:
    protocol, endpoint = call.values.get("Protocol"), call.values.get("Endpoint") or ""
    if protocol not in _PROTOCOLS:
        yield limit("Protocol", "Invalid parameter: Does not support this protocol", "InvalidParameter")
    wanted = {
        "email": r"[^@\s]+@[^@\s]+",
        "https": r"https://.+",
        "http": r"http://.+",
        "sqs": r"arn:.+",
        "lambda": r"arn:.+",
    }.get(protocol or "", ".*")
    if not re.fullmatch(wanted, endpoint):
        yield limit("Endpoint", "Invalid parameter: Endpoint", "InvalidParameter")


def _publish(call: Call) -> Iterator[Violation]:
    message, subject = call.values.get("Message") or "", call.values.get("Subject")
    if not message:
        yield limit("Message", "Invalid parameter: Empty message", "InvalidParameter")
    if len(message.encode()) > 256 * 1024:
        yield limit("Message", "Invalid parameter: Message too long", "InvalidParameter")
    if subject is not None and (not 1 <= len(subject) <= 100 or re.search(r"[\x00-\x1f]", subject)):
        yield limit("Subject", "Invalid parameter: Subject", "InvalidParameter")


RULES = [
    ("sqs:CreateQueue", _queue),
    ("sqs:SetQueueAttributes", _queue),
    ("sqs:SendMessage", _message),
    ("sqs:SendMessageBatch", _batch),
    ("sqs:DeleteMessageBatch", _batch),
    ("sqs:ChangeMessageVisibilityBatch", _batch),
    ("sqs:ReceiveMessage", _receive),
    ("sns:CreateTopic", _topic),
    ("sns:Subscribe", _subscription),
    ("sns:Publish", _publish),
]
