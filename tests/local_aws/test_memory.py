"""The local AWS's process gives back what it has freed."""

import subprocess
import sys

import pytest

from bbws_access.local_aws import memory

# Every other thing stays, so that what is freed lies between. Smaller things are Python's own to give back.
PROGRAM = """
import threading
from pathlib import Path
from bbws_access.local_aws import memory

def resident():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))

memory.share_one_heap()
held = []
both = threading.Barrier(2)
def work():
    made = [b"x" * 20_000 for _ in range(2000)]
    both.wait()  # or what one has freed is what the other gets
    held.append(made[::2])
threads = [threading.Thread(target=work) for _ in range(2)]
for one in threads: one.start()
for one in threads: one.join()
before = resident()
memory.give_back()
print(before - resident())
"""


@pytest.mark.skipif(memory._glibc() is None, reason="another C library decides by itself")
def test_what_is_freed_is_given_back() -> None:
    """Half of what was made, in both threads: eighty megabytes were, in things of five pages."""
    found = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert int(found.stdout) > 20_000


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_glibc", lambda: None)
    memory.share_one_heap()
    memory.give_back()
