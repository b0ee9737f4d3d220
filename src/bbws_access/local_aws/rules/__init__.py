"""What AWS refuses beside what its models say: grammars, sizes, and members that go together.

Each module names the operations that it knows and yields violations of one call. They look at the call alone; what
depends on what there is already belongs to the shims.
"""

from collections.abc import Callable, Iterable
from functools import cache

from bbws_access.local_aws.judge import Violation
from bbws_access.local_aws.wire import Call

Rule = Callable[[Call], Iterable[Violation]]


def by_the_rules(call: Call) -> list[Violation]:
    """What the rules say against a request whose members are of the model's types."""
    return [found for rule in _rules().get(str(call.operation), ()) for found in rule(call)]


@cache
def _rules() -> dict[str, list[Rule]]:
    from bbws_access.local_aws.rules import dynamodb, events, functions, monitoring, policies, queues

    rules: dict[str, list[Rule]] = {}
    for module in (dynamodb, events, functions, monitoring, policies, queues):
        for operation, rule in module.RULES:
            rules.setdefault(operation, []).append(rule)
    return rules
