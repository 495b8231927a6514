"""`costwire tags`: keys, values, cost, and what is untagged."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from common.ports import Slice
from costwire import cli
from tests.contract.warehouse_cases import MARCH, ORG, charge, swap, write_parquet
from tests.support import Laptop, laptop


@pytest.fixture
def rt(tmp_path: Path) -> Iterator[Laptop]:
    rows = [
        charge(BilledCost="10", Tags='{"team": "a", "env": "prod"}'),
        charge(BilledCost="20", Tags='{"team": "b", "size": 1.50}'),
        charge(BilledCost="30", Tags='{"env": true, "team": null}'),
        charge(BilledCost="40", Tags=None),
        charge(BilledCost="5", Tags="{}", BillingCurrency="EUR"),
    ]
    with laptop(tmp_path / "home") as made:
        stored = made.objects.put_file("focus/d1.parquet", write_parquet(tmp_path / "rows.parquet", rows))
        swap(made.warehouse, Slice(ORG, "aws-main", MARCH), "d1", 1, [stored.uri])
        yield made


def run(*words: str, status: int = 0) -> Any:
    result = CliRunner().invoke(cli.app, list(words))
    assert result.exit_code == status, (result.output, result.exception)
    return result


def dollars(*words: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run("tags", *words, "--json").stdout)["currencies"][-1]
    return found


def test_each_key_has_what_it_covers_and_what_it_does_not(rt: Laptop) -> None:
    found = dollars()
    assert [
        (one["key"], one["values"], one["tagged"]["total"], one["untagged"]["total"], one["untagged"]["percent"])
        for one in found["keys"]
    ] == [("env", 2, "40", "60", "60.0"), ("team", 2, "30", "70", "70.0"), ("size", 1, "20", "80", "80.0")]
    assert (found["without_any"]["total"], found["without_any"]["percent"], found["total"]) == ("40", "40.0", "100")


@pytest.mark.parametrize("key", ["team", "env", "size"])
def test_keys_and_costs_by_a_tag_agree(rt: Laptop, key: str) -> None:
    (listed,) = (one for one in dollars()["keys"] if one["key"] == key)
    by_tag = json.loads(run("costs", "--by", f"tag:{key}", "--json").stdout)["currencies"][-1]["groups"]
    assert listed["values"] == sum(one["keys"] != [None] for one in by_tag)
    assert listed["untagged"]["total"] == next(one["total"] for one in by_tag if one["keys"] == [None])


def test_the_table_shows_each_currency_and_what_has_no_tag(rt: Laptop) -> None:
    said = run("tags").stdout
    assert "2026-03-10 to 2026-03-10, filling from 2026-03-29, as of 2026-04-01 00:00 UTC" in said
    assert "Without any tag: 40.00 USD (40.0 %), 1 charges" in said
    assert "Without any tag: 5.00 EUR (100.0 %), 1 charges" in said
    assert [line.split() for line in said.splitlines() if line.startswith("team")] == [
        ["team", "2", "30.00", "70.00", "70.0%"]
    ]


def test_the_values_of_a_key_are_costs_by_it(rt: Laptop) -> None:
    assert run("tags", "team").stdout == run("costs", "--by", "tag:team").stdout
    assert run("tags", "team", "--format", "csv").stdout == run("costs", "--by", "tag:team", "--format", "csv").stdout


def test_conditions_and_days_bound_the_charges(rt: Laptop) -> None:
    assert [one["key"] for one in dollars("--where", "tag:team=b")["keys"]] == ["size", "team"]
    assert "No charges in these days." in run("tags", "--month", "2026-05").stdout


def test_a_key_that_no_charge_has_is_named_with_the_nearest(rt: Laptop) -> None:
    assert "did you mean 'team'?" in str(run("tags", "teams", status=1).exception)
