"""SQS.

| AWS | MiniStack | test |
|---|---|---|
| a queue publishes how many messages it holds, and how old the oldest is | no metrics | `test_metrics_of_a_queue` |
"""

import logging
import threading
import time
from typing import Any

from ministack.core.responses import request_scope
from ministack.services import sqs

from bbws_access.local_aws.shims.cloudwatch import publish

logger = logging.getLogger("local-aws.sqs")

# AWS does it every minute; here nobody wants to wait.
_SECONDS = 2.0


def install() -> None:
    """Begin to publish metrics of queues."""
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
