"""How much the workers gain by running at once, and the cache by knowing: two ratios. Takes several minutes.

python -m benchmarks.verify [WORKER ...]
"""

import sys
import tempfile
from pathlib import Path

from bbws_access.cli.project import find_project
from bbws_access.verify.cache import processors
from bbws_access.verify.engine import Options, verify


def main(arguments: list[str]) -> int:
    """Exit status 1 when a goal is missed."""
    project = find_project()
    only = tuple(arguments)
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder)
        alone = verify(project, Options(only=only, output=output, fresh=True, one_after_another=True)).seconds
        together = verify(project, Options(only=only, output=output, fresh=True)).seconds
        known = verify(project, Options(only=only, output=output)).seconds
    print(f"processors                  {processors()}")
    print(f"one after another           {alone:7.1f} s")
    print(f"in parallel                 {together:7.1f} s")
    print(f"unchanged, from the cache   {known:7.1f} s")
    print(f"parallel / one after another  {together / alone:.2f}   (wanted: at most 0.50 on two processors)")
    print(f"cached / fresh                {known / together:.3f}   (wanted: less than 5 s)")
    return int(together / alone > 0.5 or known >= 5)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
