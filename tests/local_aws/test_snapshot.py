"""The saved state: what cannot be written down costs nothing else, and a failure is not the end of saving."""

import subprocess
import sys
import textwrap
from pathlib import Path

from bbws_access.local_aws.server import server_environment


def run(folder: Path, code: str) -> str:
    """Run code in a process that has imported MiniStack, as the emulator's own has."""
    head = """
        import threading, time
        from pathlib import Path
        from bbws_access.local_aws.snapshot import Snapshots
        from ministack.app import _get_module
        from ministack.services import sqs, sns
        snapshots = Snapshots(Path("state"), interval=0.01)
    """
    environment = server_environment(folder, 1, "eu-west-1")
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(head) + textwrap.dedent(code)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout + result.stderr


def test_a_service_that_cannot_be_saved_costs_the_others_nothing(tmp_path: Path) -> None:
    output = run(
        tmp_path,
        """
        sqs._queues["kept"] = {"a": b"x" * 200_000}
        sns._topics["lost"] = {"lock": threading.Lock()}
        snapshots.save()
        """,
    )
    assert "The state of sns cannot be saved" in output
    restored = "snapshots.restore(); print(sqs._queues.get('kept') == {'a': b'x' * 200_000}, sns._topics.get('lost'))"
    assert run(tmp_path, restored).splitlines()[-1] == "True None"


def test_saving_goes_on_after_a_failure(tmp_path: Path) -> None:
    output = run(
        tmp_path,
        """
        (Path("state")).write_text("in the way")
        sqs._queues["late"] = {}
        snapshots.start()
        snapshots.mark_changed()
        time.sleep(0.5)
        Path("state").unlink()
        deadline = time.monotonic() + 10
        while not Path("state/state.pickle").exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        print(b"late" in Path("state/state.pickle").read_bytes())
        """,
    )
    assert "could not be saved" in output
    assert "True" in output


def test_an_unchanged_state_is_not_written_again_and_old_blobs_go(tmp_path: Path) -> None:
    output = run(
        tmp_path,
        """
        sqs._queues["q"] = {"a": b"x" * 200_000}
        snapshots.save()
        before = Path("state/state.pickle").stat().st_mtime_ns
        snapshots.save()
        print(Path("state/state.pickle").stat().st_mtime_ns == before, len(list(Path("state/blobs").iterdir())))
        sqs._queues["q"] = {"a": b"y" * 200_000}
        snapshots.save()
        print(len(list(Path("state/blobs").iterdir())))
        """,
    )
    assert output.splitlines()[-2:] == ["True 1", "1"]
