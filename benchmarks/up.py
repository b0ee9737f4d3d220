"""Time of `bbws-access up` from nothing, and again with nothing changed; goal: three minutes from nothing.

    python -m benchmarks.up

It uses a folder of its own, so a local AWS that is up stays untouched.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

GOAL_SECONDS = 180.0


def main(_: list[str]) -> int:
    with tempfile.TemporaryDirectory() as parent:
        where = ["--folder", str(Path(parent) / "local-aws")]
        try:
            first, second = _timed("up", *where), _timed("up", *where)
        finally:
            _timed("down", *where)
    verdict = "met" if first <= GOAL_SECONDS else "missed"
    print("bbws-access up, dev")
    print(f"  from nothing {first:.0f} s (goal {GOAL_SECONDS:.0f} s: {verdict})")
    print(f"  unchanged    {second:.1f} s, {second / first:.3f} of the first time")
    return int(first > GOAL_SECONDS)


def _timed(*arguments: str) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-m", "bbws_access.commands", *arguments], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
