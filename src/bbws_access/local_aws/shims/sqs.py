"""SQS.

| AWS | MiniStack | test |
|---|---|---|
| a queue publishes how many messages it holds, and how old the oldest is | no metrics | `test_metrics_of_a_queue` |
| whoever may do one thing may do a batch of it | asks for another action | `test_a_batch_needs_the_right_to_one` |
"""

import logging
import threading
import time
from typing import Any

from ministack.core import iam_actions
from ministack.core.responses import request_scope
from ministack.services import sqs

from bbws_access.local_aws.shims.cloudwatch import publish

logger = logging.getLogger("local-aws.sqs")

# IAM knows no others: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsqs.html
_OF_BATCHES = {
    f"sqs:{name}Batch": f"sqs:{name}" for name in ("SendMessage", "DeleteMessage", "ChangeMessageVisibility")
}

# AWS does it every minute; here nobody wants to wait.
_SECONDS = 2.0


def install() -> None:
    """Begin to publish metrics of queues, and ask for the actions that there are."""
    action_of = iam_actions.extract_iam_action

    def without_batches(service: str, *rest: Any, **more: Any) -> str | None:
        action = action_of(service, *rest, **more)
        return _OF_BATCHES.get(action, action)

    iam_actions.extract_iam_action = without_batches
    threading.Thread(target=_publish_for_ever, name="local-aws-queues", daemon=True).start()


def _publish_for_ever() -> None:
    held: set[tuple[str, str, str]] = set()
    while True:
        time.sleep(_SECONDS)
        for (account, region, _), queue in list(sqs._queues.all_items()):
            key = (account, region, queue["name"])
            # A queue that is empty says so once; as on AWS, an unused one then falls silent.
            if not queue["messages"] and key not in held:
                continue
            (held.add if queue["messages"] else held.discard)(key)
            try:
                with request_scope(account, region):
                    _publish(queue)
            except Exception:
                logger.exception("the metrics of %s could not be published", queue["name"])


def _publish(queue: dict[str, Any]) -> None:
    now = time.time()
    messages = list(queue["messages"])
    visible = sum(1 for message in messages if message["visible_at"] <= now)
    in_flight = sum(1 for message in messages if message["visible_at"] > now and message["receive_count"] > 0)
    age = max((now - message["sent_at"] for message in messages), default=0.0)
    dimensions = {"QueueName": queue["name"]}
    publish("AWS/SQS", "ApproximateNumberOfMessagesVisible", float(visible), "Count", dimensions)
    publish("AWS/SQS", "ApproximateNumberOfMessagesNotVisible", float(in_flight), "Count", dimensions)
    publish("AWS/SQS", "ApproximateAgeOfOldestMessage", age, "Seconds", dimensions)
