"""Size of each function's package for AWS, and the time of packaging with nothing built and with nothing changed.

python -m benchmarks.packages
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from bbws_access.packaging.build import package

ROOT = Path(__file__).resolve().parents[1]
MEGABYTE = 1_000_000


def main(_: list[str]) -> int:
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        built = package("aws", root=ROOT, build=Path(folder))
        first = time.perf_counter() - began
        began = time.perf_counter()
        again = package("aws", root=ROOT, build=Path(folder))
        second = time.perf_counter() - began
        print("Packages for AWS (arm64, Python 3.12)")
        for one in built:
            print(
                f"  {one.function:14} {one.size / MEGABYTE:6.2f} MB zipped  {one.unzipped / MEGABYTE:6.2f} MB unzipped"
            )
        print(f"  built in {first:.1f} s; unchanged in {second:.2f} s, {second / first:.3f} of the first time")
        return int(any(one.built for one in again))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
