"""`costwire prices`: what a tenant has agreed on for models is the contracted price of its rows, on the days on which it holds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from common.errors import BadConfiguration, CostError
from common.records.contract_prices import COLUMNS, parse_prices
from common.records.organizations import ensure_default
from costwire.cli import app
from tests.contract.mapped_bills import mapped_as
from tests.integration.api_world import checked, client
from tests.support import Laptop, laptop

HEAD = ",".join(COLUMNS)
PRICES = f"""{HEAD}
openai,gpt-4o-mini,input,standard,TIER1,0.12,USD,2026-09-02,2026-09-03
openai,gpt-4o-mini,input,standard,TIER2,0.1,USD,2026-09-03,
openai,gpt-4o-mini,output,batch,TIER2,0.05,USD,2026-09-01,
"""
DAY = 1788220800


@pytest.fixture
def rt(tmp_path: Path) -> Iterator[Laptop]:
    with laptop(tmp_path / "home") as made:
        yield made


def run(*words: str) -> Result:
    done = CliRunner().invoke(app, list(words))
    if isinstance(done.exception, CostError):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done


def costs(path: Path) -> Path:
    """2.4 million tokens of input for 0.36 on each of three days."""
    result = (
        '{"amount":{"value":0.36,"currency":"usd"},"line_item":"gpt-4o-mini-2024-07-18, input","quantity":2400000,'
        '"quantity_unit":"tokens","project_id":null,"api_key_id":"key_a"}'
    )
    buckets = ",".join(
        f'{{"start_time":{DAY + 86400 * n},"end_time":{DAY + 86400 * (n + 1)},"results":[{result}]}}' for n in range(3)
    )
    path.write_text(f'{{"object":"page","data":[{buckets}],"has_more":false,"next_page":null}}')
    return path


def test_a_price_holds_from_its_first_day_until_before_its_last(rt: Laptop, tmp_path: Path) -> None:
    (tmp_path / "prices.csv").write_text(PRICES)
    assert "3 prices are stored" in run("prices", "set", str(tmp_path / "prices.csv")).output
    run("import", str(costs(tmp_path / "costs.json")))
    rows = rt.ask("select * from cost_data_standard_1_3 order by ChargePeriodStart")
    found = [
        [row[name] for name in ("ContractedUnitPrice", "ContractedCost", "ListUnitPrice", "BilledCost")] for row in rows
    ]
    assert found == [
        [Decimal("0.15"), Decimal("0.36"), Decimal("0.15"), Decimal("0.36")],  # nothing agreed: what was paid
        [Decimal("0.12"), Decimal("0.288"), Decimal("0.15"), Decimal("0.36")],
        [Decimal("0.1"), Decimal("0.24"), Decimal("0.15"), Decimal("0.36")],
    ]
    tiers = [json.loads(row["SkuPriceDetails"]).get("x_PriceTier") for row in rows]
    assert tiers == [None, "TIER1", "TIER2"]
    assert [row["SkuPriceId"].rpartition("/")[2] for row in rows][1:] == ["TIER1", "TIER2"]
    assert "TIER2" in run("prices", "list").output
    assert json.loads(run("prices", "list", "--json").output)[1]["valid_to"] is None


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("openai,gpt-4o,input,standard,TIER9,1,USD,2026-09-01,", "line 2: tier is 'TIER9', expected PAY_AS_YOU_GO"),
        ("openai,gpt-4o,input,standard,TIER1,much,USD,2026-09-01,", "line 2: price is 'much'"),
        ("openai,gpt-4o,input,standard,TIER1,1,USD,soon,", "line 2: 'soon' is not a date"),
        ("openai,gpt-4o,input,standard,TIER1,1,USD,2026-09-01,2026-09-01", "line 2: valid_to is 2026-09-01"),
        ("openai,,input,standard,TIER1,1,USD,2026-09-01,", "line 2: model is ''"),
        ("openai,gpt-4o,input,standard,TIER1,1,dollars,2026-09-01,", "line 2: currency is 'dollars'"),
    ],
)
def test_a_line_that_is_no_price_is_named(line: str, said: str) -> None:
    with pytest.raises(BadConfiguration, match=said):
        parse_prices(f"{HEAD}\n{line}\n")


def test_two_prices_for_one_day_are_refused() -> None:
    line = "openai,gpt-4o,input,standard,{},1,USD,{},"
    with pytest.raises(BadConfiguration, match="line 3: a second price of gpt-4o input for the same days"):
        parse_prices("\n".join([HEAD, line.format("TIER1", "2026-09-01"), line.format("TIER2", "2026-10-01")]))


def test_rows_of_the_api_and_a_file_are_the_same_prices_and_a_wrong_row_changes_nothing(
    rt: Laptop, tmp_path: Path
) -> None:
    ensure_default(rt.documents, rt.clock.now())
    path = "/api/v1/organizations/default/prices"
    ask = client(rt)
    (tmp_path / "prices.csv").write_text(PRICES)
    run("prices", "set", str(tmp_path / "prices.csv"))
    found = checked(ask.get(path))
    assert found["prices"] == json.loads(run("prices", "list", "--json").output) and len(found["prices"]) == 3
    assert checked(ask.delete(path)) == {"removed": 3}
    assert checked(ask.get(path)) == {"prices": []} == {"prices": json.loads(run("prices", "list", "--json").output)}
    assert checked(ask.delete(path)) == {"removed": 0}
    assert checked(ask.put(path, json=found)) == found
    wrong = {**found["prices"][0], "tier": "TIER9"}
    refused = checked(ask.put(path, json={"prices": [found["prices"][1], wrong]}), 422)
    assert "prices[1]: tier is 'TIER9'" in refused["detail"]
    twice = checked(ask.put(path, json={"prices": [found["prices"][0]] * 2}), 422)
    assert "prices[1]: a second price" in twice["detail"]
    assert checked(ask.get(path)) == found


CLOUDS = Path(__file__).parents[1] / "fixtures" / "mappings"
AGREED = f"""{HEAD}
aws,nova-lite,input,standard,TIER1,0.05,USD,2020-01-01,
gcp,gemini-2.5-flash,input,standard,TIER2,0.2,USD,2020-01-01,2026-03-11
gcp,gemini-2.5-flash,output,standard,TIER3,1.5,USD,2026-03-11,
gcp,claude-opus-4,cache_write,batch,TIER2,9,USD,2020-01-01,
azure,gpt-5-mini,cache_read,standard,TIER3,0.02,USD,2020-01-01,
"""


def agreed_rows(source_format: str, name: str, prices: str = AGREED) -> dict[tuple[str, str], tuple[Decimal, ...]]:
    """(family, kind) -> price, quantity, tokens, contracted cost and what was billed, of the rows with an agreed tier."""
    path = next(one for one in (CLOUDS / source_format).glob(f"{name}.*") if ".focus" not in one.name)
    with mapped_as(source_format, path, parse_prices(prices)) as connection:
        rows = connection.execute(
            "select x_ModelFamily, x_TokenKind, ContractedUnitPrice, PricingQuantity, x_Tokens, ContractedCost, BilledCost "
            "from mapped where json_extract_string(SkuPriceDetails, '$.x_PriceTier') is not null"
        ).fetchall()
    return {(family, kind): tuple(rest) for family, kind, *rest in rows}


@pytest.mark.parametrize(
    ("source_format", "name", "of", "price"),
    [
        ("aws_cur", "models", ("nova-lite", "input"), "0.05"),
        ("gcp_billing", "models", ("gemini-2.5-flash", "input"), "0.2"),
        ("gcp_billing", "partner_models", ("claude-opus-4", "cache_write"), "9"),
        ("azure_cost", "models", ("gpt-5-mini", "cache_read"), "0.02"),
    ],
)
def test_a_price_holds_for_models_in_bills_of_clouds_in_the_bills_own_units(
    source_format: str, name: str, of: tuple[str, str], price: str
) -> None:
    found = agreed_rows(source_format, name)
    assert set(found) == {of}, "a day, kind or variant without a price has none"
    unit_price, quantity, tokens, contracted, billed = found[of]
    assert contracted == unit_price * quantity == Decimal(price) * tokens / 10**6
    assert contracted != billed
    assert agreed_rows(source_format, name, HEAD + "\n") == {}
