"""Runs every benchmark, or those that are named: `python -m benchmarks [authorizer]`. Exit status 1: a goal missed."""

import importlib
import pkgutil
import sys

import benchmarks


def main() -> int:
    known = sorted(
        module.name for module in pkgutil.iter_modules(benchmarks.__path__) if not module.name.startswith("_")
    )
    wanted = sys.argv[1:] or [
        name for name in known if not getattr(importlib.import_module(f"benchmarks.{name}"), "ONLY_BY_NAME", False)
    ]
    unknown = [name for name in wanted if name not in known]
    if unknown:
        print(f"There is no benchmark {', '.join(unknown)}. There are: {', '.join(known)}.", file=sys.stderr)
        return 2
    return max(importlib.import_module(f"benchmarks.{name}").main([]) for name in wanted)


if __name__ == "__main__":
    sys.exit(main())
