"""What `bbws-access cost` reckons, and how it refuses wrong input."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bbws_access.cli.errors import UsageError
from bbws_access.cli.project import find_project
from bbws_access.commands.main import app
from bbws_access.cost.bill import Bill, Reckoner, access_log_bytes, milliseconds, read_measured
from bbws_access.cost.facts import MEASURED, Facts, changed, read_facts
from bbws_access.cost.items import entry, item_bytes, read_units, write_units
from bbws_access.cost.prices import PRICES, Prices
from bbws_access.cost.usage import read_usage
from bbws_access.kernel.contract import load_contract

OPERATIONS = list(load_contract().operations)


def facts_of(environment: str = "dev", *changes: str) -> Facts:
    return changed(read_facts(find_project(), environment), list(changes))


def bill_of(environment: str = "dev", usage: str = "organisations-100", *changes: str) -> Bill:
    facts = facts_of(environment, *changes)
    used, measured = read_usage(usage, OPERATIONS), read_measured(MEASURED, OPERATIONS)
    return Reckoner(facts, used, Prices(None, facts.region), measured).bill()


def usd(bill: Bill, service: str, what: str = "") -> float:
    return sum(line.usd for line in bill.lines if line.service == service and what in line.what)


@pytest.mark.parametrize("environment", ["dev", "sit", "prod"])
@pytest.mark.parametrize("usage", ["organisations-100", "organisations-10000"])
def test_every_environment_has_a_bill(environment: str, usage: str) -> None:
    bill = bill_of(environment, usage)
    assert bill.total == pytest.approx(sum(line.usd for line in bill.lines))
    assert {"Cognito", "API Gateway", "DynamoDB", "CloudWatch logs", "Lambda", "KMS"} <= bill.services().keys()
    assert all(line.quantity > 0 and line.usd >= 0 for line in bill.lines)
    # What prod has and dev has not: replicas, a web ACL, warm authorizers; and no price of Cape Town's own.
    assert ("WAF" in bill.services()) == (environment != "dev")
    assert (usd(bill, "DynamoDB", "replicas") > 0) == (environment == "prod")
    assert (usd(bill, "Lambda", "warm") > 0) == (environment == "prod")
    assert all(line.stand_in for line in bill.lines) == (environment == "prod")


def test_the_parts_that_can_be_reckoned_by_hand() -> None:
    """With the prices of the file: people beyond Cognito's 10,000, requests by the gateway's tiers, metrics, keys."""
    bill = bill_of("dev", "organisations-10000", "user_pool_tier=ESSENTIALS", "detailed_metrics=true")
    assert usd(bill, "Cognito") == pytest.approx(490_000 * 0.015)
    assert usd(bill, "API Gateway", "requests") == pytest.approx(333 * 3.5 + 667 * 2.8 + 700 * 2.38)
    paths = json.loads((find_project().contract / "openapi.json").read_text())["paths"].values()
    methods = sum(method in ("get", "put", "post", "delete") for path in paths for method in path)
    assert usd(bill, "API Gateway", "metrics") == pytest.approx(methods * 5 * 0.3)
    assert usd(bill_of("dev", "organisations-10000", "user_pool_tier=LITE"), "Cognito") == pytest.approx(
        90_000 * 0.0055 + 400_000 * 0.0046
    )
    assert usd(bill_of("dev"), "KMS") == 5


def test_what_if() -> None:
    for change, service in (
        ("detailed_metrics", "API Gateway"),
        ("system_log_level", "CloudWatch logs"),
        ("user_pool_tier", "Cognito"),
    ):
        dear, cheap = {"detailed_metrics": ("true", "false"), "system_log_level": ("INFO", "WARN"),
                       "user_pool_tier": ("PLUS", "LITE")}[change]  # fmt: skip
        before = bill_of("dev", "organisations-10000", f"{change}={dear}")
        after = bill_of("dev", "organisations-10000", f"{change}={cheap}")
        assert usd(after, service) < usd(before, service), change
        assert before.total - after.total == pytest.approx(usd(before, service) - usd(after, service)), change


@pytest.mark.parametrize(
    ("usage", "tier", "before", "share"),
    [
        ("organisations-100", "ESSENTIALS", 262, 0.59),
        ("organisations-10000", "ESSENTIALS", 20_315, 0.851),
        ("organisations-10000", "LITE", 20_315, 0.604),
    ],
)
def test_prod_stays_as_cheap_as_it_became(usage: str, tier: str, before: float, share: float) -> None:
    """Against what it was before anything was done about it. Whoever makes it dearer says so here, and why."""
    assert bill_of("prod", usage, f"user_pool_tier={tier}").total <= share * before


def test_replicas_are_charged_for_what_changed() -> None:
    """Not for what only a condition asked: that changes nothing that could be copied."""
    measured = json.loads(MEASURED.read_text())["operations"]
    assert all(one["replicatedUnits"] <= one["writeUnits"] for one in measured.values())
    # Beside the team, its count and its name, that the caller has not left.
    assert measured["updateTeam"]["writeUnits"] - measured["updateTeam"]["replicatedUnits"] == 2
    bill = bill_of("prod", "organisations-10000")
    assert 0 < usd(bill, "DynamoDB", "replicas") < usd(bill, "DynamoDB", "writing")


def test_a_longer_line_of_the_gateways_costs_more() -> None:
    assert access_log_bytes('{"status":"$context.status"}') == len('{"status":"200"}\n')
    assert access_log_bytes('{"e":"$context.error.message","i":"$context.integration.status"}') == len(
        '{"e":"-","i":"200"}\n'
    )


def test_a_function_with_less_memory_takes_longer_and_never_waits_less() -> None:
    assert milliseconds(10, 8, 1769) == pytest.approx(18)
    assert milliseconds(10, 8, 3538) == pytest.approx(18)
    assert milliseconds(10, 8, 884) == pytest.approx(8 + 10 * 1769 / 884)


def test_items_are_counted_as_dynamodb_counts_them() -> None:
    item = {"PK": {"S": "é"}, "SK": {"S": "ab"}, "n": {"N": "1234"}, "t": {"BOOL": True}, "l": {"L": [{"S": "abc"}]}}
    assert item_bytes(item) == (2 + 2) + (2 + 2) + (1 + 3) + (1 + 1) + (1 + 3 + 1 + 3)
    assert [read_units(size, consistent=True) for size in (0, 4096, 4097)] == [1, 1, 2]
    assert read_units(4097, consistent=False) == 1
    index = {"partitionKey": "GSI1PK", "sortKey": "GSI1SK", "projection": "ALL"}
    table = {"indexes": {"one": index}}
    small = {"PK": {"S": "p"}, "SK": {"S": "s"}, "GSI1PK": {"S": "x"}, "GSI1SK": {"S": "y"}}
    big = {**small, "text": {"S": "a" * 1024}}
    elsewhere = {**big, "GSI1SK": {"S": "z"}}
    assert write_units(table, None, small) == 2
    assert write_units(table, None, small, 2) == 3
    assert write_units(table, small, big, 2) == 2 * 2 + 2
    assert write_units(table, big, elsewhere) == 2 + 2 + 2
    assert write_units(table, big, None) == 4
    assert write_units(table, big, big) == 2
    keys_only = {**index, "projection": "KEYS_ONLY"}
    assert entry(keys_only, big) == small
    assert write_units({"indexes": {"one": keys_only}}, small, big) == 2
    without = {"PK": {"S": "p"}, "SK": {"S": "s"}}
    assert write_units(table, without, without) == 1


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"organisations": -1}, "no number from 0 on"),
        ({"organisations": "many"}, "no number from 0 on"),
        ({"organisations": True}, "no number from 0 on"),
        ({"organisations": 1.5}, "no whole number"),
        ({"orgs": 5}, "orgs is nothing that is known"),
        ({"coldStarts": 2}, "a share is at most 1"),
        ({"requestsForEachDecision": 0}, "each decision answers at least one request"),
        ({"operations": {"listEverything": 5}}, "the contract has no operation listEverything"),
        ({"operations": {"listRoles": -5}}, "listRoles is -5"),
        ({"operations": {"listRoles": 1001}}, "add up to 1001"),
        ({"operations": []}, "operations is no object"),
        ([], "no object of usage"),
    ],
)
def test_wrong_usage_is_refused(tmp_path: Path, given: object, said: str) -> None:
    path = tmp_path / "usage.json"
    path.write_text(json.dumps(given))
    with pytest.raises(UsageError, match=said):
        read_usage(str(path), OPERATIONS)


def test_usage_of_a_file_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "usage.json"
    path.write_text(json.dumps({"organisations": 7, "people": 3, "requests": 10, "operations": {"listRoles": 500}}))
    usage = read_usage(str(path), OPERATIONS)
    assert (usage.people, usage.requests) == (21, 210)
    assert sum(usage.operations.values()) == pytest.approx(1)
    assert usage.operations["getRole"] == pytest.approx(0.5 / (len(OPERATIONS) - 1))
    nobody = json.dumps({"organisations": 0})
    path.write_text(nobody)
    facts = facts_of()
    bill = Reckoner(facts, read_usage(str(path), OPERATIONS), Prices(None, facts.region),
                    read_measured(MEASURED, OPERATIONS)).bill()  # fmt: skip
    assert 0 < bill.total < 120, "what stands there without anybody: alarms, keys, metrics"


def _wrong_prices(change: str) -> dict:
    content = json.loads(PRICES.read_text())
    entry = content["regions"]["eu-west-1"]["dynamodb.read"]
    if change == "no source":
        entry["source"] = "hearsay"
    elif change == "no day":
        entry["read"] = "lately"
    elif change == "negative":
        entry["usd"] = -1
    elif change == "text":
        entry["usd"] = "0.1"
    elif change == "tiers":
        entry["usd"] = [[10, 1], [5, 2]]
    elif change == "gone":
        del content["regions"]["eu-west-1"]["dynamodb.read"]
    elif change == "no region":
        del content["regions"]["eu-west-1"]
    elif change == "round":
        entry["usd"] = None
        entry["standIn"] = "eu-west-1"
    return content


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("no source", "dynamodb.read of eu-west-1 names no source"),
        ("no day", "needs the day"),
        ("negative", "-1 is no price"),
        ("text", "'0.1' is no price"),
        ("tiers", "tiers end further on"),
        ("gone", "no price dynamodb.read of eu-west-1"),
        ("no region", "no prices of eu-west-1"),
        ("round", "no price dynamodb.read"),
    ],
)
def test_wrong_prices_are_refused(tmp_path: Path, change: str, said: str) -> None:
    path = tmp_path / "prices.json"
    path.write_text(json.dumps(_wrong_prices(change)))
    with pytest.raises(UsageError, match=said):
        Prices(path, "eu-west-1")["dynamodb.read"]


def test_every_price_has_a_source_and_a_day_or_says_whose_stands_in() -> None:
    content = json.loads(PRICES.read_text())
    for region, prices in content["regions"].items():
        for name, one in prices.items():
            if one["usd"] is None:
                assert content["regions"][one["standIn"]][name]["usd"] is not None, (region, name)
            else:
                assert one["source"] in content["sources"], (region, name)


def test_usage_beyond_the_last_tier_that_is_known_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "usage.json"
    path.write_text(json.dumps({"organisations": 30_000}))
    with pytest.raises(UsageError, match=r"No price of cognito\.lite is known beyond 1,000,000"):
        bill_of("dev", str(path), "user_pool_tier=LITE")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], "no environment 'nowhere'"),
        (["dev", "--usage", "huge"], "neither a preset nor a file"),
        (["dev", "--with", "tier=LITE"], "changes nothing that a bill knows"),
        (["dev", "--with", "user_pool_tier=FREE"], "takes LITE, ESSENTIALS or PLUS"),
        (["dev", "--with", "service_memory=64"], "takes megabytes"),
        (["dev", "--with", "detailed_metrics"], "changes nothing"),
        (["dev", "--prices", "/nowhere.json"], "There is no file /nowhere.json"),
    ],
)
def test_wrong_arguments_end_with_a_sentence(arguments: list[str], said: str) -> None:
    result = CliRunner().invoke(app, ["cost", *arguments])
    assert isinstance(result.exception, UsageError)
    assert said in str(result.exception)
    assert result.exception.exit_code == 2


def test_the_command_writes_json_and_a_table() -> None:
    result = CliRunner().invoke(app, ["cost", "prod", "--json"])
    assert result.exit_code == 0, result.output
    told = json.loads(result.output)
    assert told["total"] == pytest.approx(sum(told["services"].values()), abs=0.1)
    assert told["estimated"] == ["eu-west-1", "us-east-1"]
    for options in ([], ["--lines"]):
        shown = CliRunner().invoke(app, ["cost", "prod", *options])
        assert shown.exit_code == 0
        assert f"{told['total']:,.2f}" in shown.output
        assert "No price of af-south-1 was found" in shown.output


def test_all_that_the_contract_has_is_measured() -> None:
    measured = json.loads(MEASURED.read_text())
    assert measured["operations"].keys() == set(OPERATIONS)
    with pytest.raises(UsageError, match="Nobody has measured fly"):
        read_measured(MEASURED, [*OPERATIONS, "fly"])
