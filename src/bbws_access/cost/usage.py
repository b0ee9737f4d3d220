"""How much an environment is used: a preset, or a file of the user's with what differs from one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from bbws_access.cli.errors import UsageError
from bbws_access.cost.facts import read_json
from bbws_access.cost.prices import is_number

USAGE = Path(__file__).with_name("usage.json")
_SHARES = {"coldStarts", "logCompression", "faults"}
_COUNTED = {"organisations", "people"}


class Usage(NamedTuple):
    """name: of the preset or file; values: the numbers by their names; operations: shares that add up to 1"""

    name: str
    values: Mapping[str, float]
    operations: Mapping[str, float]

    @property
    def people(self) -> float:
        return self.values["organisations"] * self.values["people"]

    @property
    def requests(self) -> float:
        return self.people * self.values["requests"]


def read_usage(name: str, operations: list[str]) -> Usage:
    """operations: those of the contract. Raises UsageError that says all that is wrong."""
    content = read_json(USAGE, "usage")
    presets, base = content["presets"], content["presets"]["organisations-100"]
    if name in presets:
        given = presets[name]
    else:
        path = Path(name)
        if not path.is_file():
            raise UsageError(
                f"{name!r} is neither a preset nor a file.",
                f"Presets: {', '.join(presets)}. A file is JSON like those.",
            )
        given = read_json(path, "usage")
    if not isinstance(given, dict):
        raise UsageError(f"{name} is no object of usage.")
    problems = [f"{key} is nothing that is known; there are {', '.join(base)}" for key in given if key not in base]
    values: dict[str, float] = {}
    for key in base.keys() - {"operations"}:
        value = given.get(key, base[key])
        if problem := _problem(key, value):
            problems.append(problem)
        else:
            values[key] = value
    mix = given.get("operations", base["operations"])
    problems += _problems_of_mix(mix, operations)
    if problems:
        raise UsageError(f"{name} is no usage: {'; '.join(sorted(problems))}.")
    rest = [one for one in operations if one not in mix]
    left = 1000 - sum(mix.values())
    shares = {one: mix.get(one, left / len(rest) if rest else 0) / 1000 for one in operations}
    return Usage(name, values, shares)


def _problem(key: str, value: Any) -> str | None:
    if not is_number(value) or value < 0:
        return f"{key} is {value!r} and no number from 0 on"
    if key in _SHARES and value > 1:
        return f"{key} is {value!r}, and a share is at most 1"
    if key == "requestsForEachDecision" and value < 1:
        return f"{key} is {value!r}, and each decision answers at least one request"
    if key in _COUNTED and value != int(value):
        return f"{key} is {value!r} and no whole number"
    return None


def _problems_of_mix(mix: Any, operations: list[str]) -> list[str]:
    if not isinstance(mix, dict):
        return ["operations is no object"]
    problems = [f"the contract has no operation {name}" for name in mix if name not in operations]
    problems += [
        f"operations: {name} is {value!r} and no number from 0 on"
        for name, value in mix.items()
        if not is_number(value) or value < 0
    ]
    if not problems:
        total = sum(mix.values())
        if total > 1000 or (total < 1000 and not set(operations) - mix.keys()):
            problems.append(f"operations add up to {total:g} of a thousand")
    return problems
