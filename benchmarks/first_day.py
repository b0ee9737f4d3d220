"""How long a company needs to be invited and to accept, everybody behind one address: which limit takes the longest.

    python -m benchmarks first_day [--people 1000 10000 100000] [--json]

On paper: what each person takes of each limit, ours (bbws_access.invitation.rules) and AWS's
(benchmarks/first_day_limits.json, with where they are published); a count of a minute lets its number through in each
minute, the first at once. `before` is five uses of tokens a minute of an address and ten invitations a minute. Goal: a
thousand accept within ten minutes.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from bbws_access.invitation import rules

LIMITS = {
    name: entry["value"]
    for name, entry in json.loads((Path(__file__).parent / "first_day_limits.json").read_text(encoding="utf-8")).items()
    if isinstance(entry, dict)
}
GOAL_SECONDS = 600.0
ONLY_BY_NAME = True
_USES = 2  # of a token: looking at the invitation, and accepting it
_REQUESTS = 5  # of each person: those two, and three to look around after signing in
_UNITS_OF_INVITING, _UNITS_OF_ACCEPTING = 4, 4  # in the organisation's partition of invitations: 2 KB, in a transaction


class Limit(NamedTuple):
    """`number` in each `seconds`. whole: counted by the clock, so that what is full waits for the next stretch"""

    what: str
    number: float
    seconds: float
    whole: bool = False

    def takes(self, amount: float) -> float:
        """Seconds until so much has gone through."""
        if not self.whole:
            return amount / self.number * self.seconds
        return max(0, math.ceil(amount / self.number) - 1) * self.seconds


class Took(NamedTuple):
    """seconds: of the slowest limit, which is `what`"""

    seconds: float
    what: str


def accepting(people: int, *, before: bool = False) -> Took:
    """Everybody accepts, from one address."""
    # Whoever shares an address shares its count no more: one person's uses are all that one count sees.
    uses = _USES * (people if before else 1)
    return _slowest(
        [
            (Limit("uses of tokens", rules.USES_A_MINUTE, 60, whole=True), uses),
            (Limit("requests to the gateway", LIMITS["gateway_requests_a_second"], 1), people * _REQUESTS),
            (
                Limit("the address's requests", LIMITS["web_acl_requests_in_five_minutes"], 300, True),
                people * _REQUESTS,
            ),
            (Limit("new accounts", LIMITS["cognito_creations_a_second"], 1), people),
            (Limit("accounts looked for", LIMITS["cognito_reads_a_second"], 1), people),
            (Limit("mails with passwords", LIMITS["ses_mails_a_second"], 1), people),
            (Limit("the organisation's invitations", _partition(), 1), people * _UNITS_OF_ACCEPTING),
        ]
    )


def inviting(people: int, *, before: bool = False) -> Took:
    """Everybody is invited, and their mails are sent."""
    a_minute, a_day = (10, math.inf) if before else (rules.CREATIONS_A_MINUTE, rules.CREATIONS_A_DAY)
    return _slowest(
        [
            (Limit("invitations a minute", a_minute, 60, whole=True), min(people, a_day)),
            (Limit("invitations a day", a_day, 86400, whole=True), people),
            (Limit("mails a second", LIMITS["ses_mails_a_second"], 1), people),
            (Limit("mails a day", LIMITS["ses_mails_a_day"], 86400, whole=True), people),
            (Limit("accounts looked for", LIMITS["cognito_reads_a_second"], 1), people),
            (Limit("the organisation's invitations", _partition(), 1), people * _UNITS_OF_INVITING),
        ]
    )


def _partition() -> int:
    return LIMITS["partition_write_units_a_second"]


def _slowest(loads: list[tuple[Limit, float]]) -> Took:
    return max(Took(limit.takes(amount), limit.what) for limit, amount in loads)


def _rows(numbers: list[int]) -> Iterator[dict[str, object]]:
    for people in numbers:
        for name, function in (("invited", inviting), ("accepted", accepting)):
            for before in (True, False):
                took = function(people, before=before)
                yield {
                    "people": people,
                    "what": name,
                    "when": "before" if before else "now",
                    "minutes": round(took.seconds / 60, 1),
                    "slowest": took.what,
                }


def main(given: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="How long a company needs on its first day.")
    parser.add_argument("--people", type=int, nargs="+", default=[1000, 10_000, 100_000])
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args(given)
    rows = list(_rows(arguments.people))
    if arguments.json:
        print(json.dumps(rows, indent=2))
    else:
        for row in rows:
            print(
                f"{row['people']:>8,} {row['what']:<9} {row['when']:<7} {row['minutes']:>10,.1f} min  {row['slowest']}"
            )
    return int(accepting(1000).seconds > GOAL_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
