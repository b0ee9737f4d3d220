"""What a function costs and how long it takes, by its memory: the curve that its size is chosen on.

    python -m benchmarks.memory

A function has a processor's share that grows with its memory, one whole processor at 1,769 MB. So CPU that was measured
(src/bbws_access/cost/measured.json) takes longer with less, the wait for the database does not, and both are charged by
memory. Of a start the CPU is what importing a package and its first request cost. Goal: with the memory that
contract/services.json gives the services, the median request and the dearest keep the targets of reads and of all.
"""

from __future__ import annotations

import json
import statistics
import sys

from bbws_access.cli.project import find_project
from bbws_access.cost.bill import milliseconds, read_measured
from bbws_access.cost.facts import MEASURED, read_facts
from bbws_access.cost.prices import Prices
from bbws_access.cost.usage import read_usage
from bbws_access.kernel.contract import load_contract

SIZES = (128, 192, 256, 384, 512, 768, 1024, 1769)
START = 87.0  # milliseconds of CPU until a first answer, of which the import is two thirds
READ_GOAL, GOAL = 200.0, 500.0  # milliseconds at p95


def main(arguments: list[str] | None = None) -> int:
    """Exit status 1 when the memory of the contract misses a goal."""
    project = find_project()
    operations = list(load_contract().operations)
    measured, facts = read_measured(MEASURED, operations), read_facts(project, "dev")
    used = measured["operations"]
    cpu = [one["cpuMilliseconds"] for one in used.values()]
    usages = [read_usage(name, operations) for name in ("organisations-100", "organisations-10000")]
    wait, price = usages[0].values["wait"], Prices(None, facts.region)["lambda.arm"]
    chosen = {one["memoryMegabytes"] for name, one in json.loads((project.contract / "services.json").read_text())[
        "services"].items() if name in ("permission", "role", "team", "invitation")}  # fmt: skip
    print(f"Services: median {statistics.median(cpu):.2f} ms of CPU, most {max(cpu):.2f}, {wait:g} ms of waiting")
    print(f"{'MB':>6}{'median ms':>11}{'most ms':>9}{'a start ms':>12}{'USD at 100':>12}{'at 10,000':>11}")
    missed = False
    for size in SIZES:
        usual, dearest = (milliseconds(one, wait, size) for one in (statistics.median(cpu), max(cpu)))
        usd = []
        for usage in usages:
            each = sum(share * used[name]["cpuMilliseconds"] for name, share in usage.operations.items())
            seconds = usage.requests * milliseconds(each, wait, size) / 1000
            usd.append(price.of(seconds * size / 1024, "lambda.arm"))
        mark = ""
        if size in chosen:
            failed = usual > READ_GOAL or dearest > GOAL
            missed |= failed
            mark = "  chosen, MISSED" if failed else "  chosen"
        print(f"{size:>6}{usual:>11.1f}{dearest:>9.1f}{milliseconds(START, 0, size):>12.0f}{usd[0]:>12.2f}"
              f"{usd[1]:>11.2f}{mark}")  # fmt: skip
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
