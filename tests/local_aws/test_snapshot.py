"""The saved state: what cannot be written down costs nothing else, and a failure is not the end of saving."""

import subprocess
import sys
import textwrap
from pathlib import Path

from bbws_access.local_aws.server import server_environment


def run(folder: Path, code: str, port: int = 1) -> str:
    """Run code in a process that has imported MiniStack, as the emulator's own has."""
    head = """
        import threading, time
        from pathlib import Path
        from bbws_access.local_aws.snapshot import Snapshots
        from ministack.app import _get_module
        from ministack.services import sqs, sns
        snapshots = Snapshots(Path("state"), interval=0.01)
    """
    environment = server_environment(folder, port, "eu-west-1")
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


def test_queues_are_at_the_port_that_they_are_restored_on(tmp_path: Path) -> None:
    """Event source mappings and rules look for a queue by its URL as it is now."""
    run(tmp_path, "sqs._act_create_queue({'QueueName': 'moves'}, ''); snapshots.save()")
    output = run(
        tmp_path,
        """
        snapshots.restore()
        url = sqs._queue_url("moves")
        sqs._act_send_message({"MessageBody": "x"}, "https://127.0.0.1:1/000000000000/moves")
        print(url, len(sqs._queues.get(url)["messages"]), sqs._act_list_queues({}, ''))
        """,
        port=2,
    )
    url = "https://127.0.0.1:2/000000000000/moves"
    assert output.splitlines()[-1] == f"{url} 1 {{'QueueUrls': ['{url}']}}"


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


TABLE = """
        from collections import defaultdict
        from bbws_access.local_aws import parts
        from ministack.services import cloudwatch, cloudwatch_logs, dynamodb
        def written():
            return {file.name: file.stat().st_mtime_ns for file in Path("state").rglob("*") if file.is_file()}
        key = ("0", "r", "t")
        def table():
            return dynamodb._tables._data[key]
        if not dynamodb._tables._data and not Path("state").exists():
            dynamodb._tables._data[key] = {"TableName": "t", "TableArn": "a", "items": defaultdict(dict)}
            for number in range(5000):
                dynamodb._set_item(table(), f"p{number % 50}", str(number), {"n": {"N": str(number)}})
            snapshots.save()
"""


def test_only_items_that_changed_are_written(tmp_path: Path) -> None:
    output = run(
        tmp_path,
        TABLE
        + """
        before = written()
        dynamodb._set_item(table(), "p1", "1", {"n": {"N": "changed"}})
        dynamodb._remove_item(table(), "p2", "2")
        snapshots.save()
        after = written()
        new = [Path("state/blobs", name).stat().st_size for name in after.keys() - before.keys()]
        print(len(new), sum(new) < 300, all(after[name] == before[name] for name in before if name != "state.pickle"))
        snapshots.save()
        print(written() == after)
        """,
    )
    assert output.splitlines()[-2:] == ["1 True True", "True"]
    restored = (
        TABLE
        + """
        snapshots.restore()
        print(sum(map(len, table()["items"].values())), table()["items"]["p1"]["1"], "2" in table()["items"]["p2"])
        before = written()
        snapshots.save()
        print(written().keys() == before.keys(), type(table()["items"]).__name__)
        dynamodb._set_item(table(), "new", "1", {"n": {"N": "new"}})
        snapshots.save()
        print(len(written()) - len(before))
        """
    )
    assert run(tmp_path, restored).splitlines()[-3:] == [
        "4999 {'n': {'N': 'changed'}} False",
        "True defaultdict",
        "1",
    ]


def test_logs_and_metrics_are_saved_with_the_rest_at_the_end(tmp_path: Path) -> None:
    run(
        tmp_path,
        TABLE
        + """
        events = [{"timestamp": 1, "message": "a line", "ingestionTime": 1}]
        stream = {"events": events, "lastIngestionTime": 1, "uploadSequenceToken": "1"}
        cloudwatch_logs._log_groups._data["0", "r", "group"] = {"arn": "x", "streams": {"s": stream}}
        cloudwatch.record_metric("space", "name", 3.0)
        dynamodb._stream_records._data[key] = [{"eventID": str(number)} for number in range(600)]
        dynamodb._txn_token_store("token", {"signature": 1, "response": {}, "sizes": {}})
        snapshots.start()
        snapshots.close()
        """,
    )
    restored = """
        from ministack.services import cloudwatch, cloudwatch_logs, dynamodb
        snapshots.restore()
        print(cloudwatch_logs._log_groups._data["0", "r", "group"]["streams"]["s"]["events"][0]["message"])
        print([one["Value"] for points in cloudwatch._metrics._data.values() for one in points])
        print([one["eventID"] for one in dynamodb._stream_records._data["0", "r", "t"]] == [str(n) for n in range(600)])
        print(dynamodb._txn_token_lookup("token")["signature"])
    """
    assert run(tmp_path, restored).splitlines()[-4:] == ["a line", "[3.0]", "True", "1"]


def test_a_state_of_the_version_before_is_read(tmp_path: Path) -> None:
    output = run(
        tmp_path,
        """
        import pickle
        from collections import defaultdict
        from ministack.services import cloudwatch, cloudwatch_logs, dynamodb
        key, name = ("0", "r", "t"), ("0", "r", ("space", "name", ""))
        stores = {
            "dynamodb": {
                "_tables": {key: {"TableName": "t", "items": defaultdict(dict, {"p": {"s": {"n": {"N": "1"}}}})}},
                "_stream_records": {key: [{"eventID": "1"}]},
            },
            "cloudwatch": {"_metrics": {name: [{"Value": 2.0, "Timestamp": 1, "Dimensions": {}}]}},
            "cloudwatch_logs": {"_log_groups": {key: {"streams": {"s": {"events": [{"message": "line"}]}}}}},
        }
        Path("state").mkdir()
        Path("state/state.pickle").write_bytes(pickle.dumps({"format": 1, "stores": stores, "own": {}}))
        snapshots.restore()
        print(dynamodb._tables._data[key]["items"]["p"]["s"], list(dynamodb._stream_records._data[key]))
        print(cloudwatch._metrics._data[name][0]["Value"])
        print(cloudwatch_logs._log_groups._data[key]["streams"]["s"]["events"])
        """,
    )
    assert output.splitlines()[-3:] == ["{'n': {'N': '1'}} [{'eventID': '1'}]", "2.0", "[{'message': 'line'}]"]


def test_what_goes_on_behind_the_last_request_is_saved_as_well(tmp_path: Path) -> None:
    output = run(
        tmp_path,
        """
        from bbws_access.local_aws import snapshot
        snapshot._BEHIND_SECONDS = 0.3
        snapshots.start()
        snapshots.mark_changed()
        deadline = time.monotonic() + 10
        while not Path("state/state.pickle").exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        sqs._queues["delivered-later"] = {}
        while b"delivered-later" not in Path("state/state.pickle").read_bytes() and time.monotonic() < deadline:
            time.sleep(0.01)
        print(b"delivered-later" in Path("state/state.pickle").read_bytes())
        """,
    )
    assert output.splitlines()[-1] == "True"
