"""From a sum to the line of the bill: each charge leads to the very line that it was made of, and says so where it has none."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from urllib.parse import quote

import duckdb
import pytest
from flask.testing import FlaskClient

from common.errors import NotFound
from common.normalization.source_line import read_source_line
from common.reporting.arguments import InvalidQuestion, read_filter
from common.reporting.charges import ChargesQuestion, ask_charges, charge_id, show_charge
from tests import commands
from tests.support import Laptop, cur_line, cur_text, laptop
from web.api.access import OpenDoor
from web.api.app import Service
from web.site import create_site

RESOURCE = "arn:aws:ec2:eu:1:instance/a b?c=d&e"
HOURS = [
    cur_line(
        number,
        f"{number}.{number}",
        LineItemId="same",
        UsageStartDate=f"2026-03-02T{number:02}:00:00Z",
        UsageEndDate=f"2026-03-02T{number + 1:02}:00:00Z",
    )
    | {"ResourceId": RESOURCE}
    for number in range(1, 13)
]
OTHERS = [
    cur_line(20, "-3.5", LineItemId="same1", LineItemType="Credit", LineItemDescription='a "credit",\nof two lines'),
    cur_line(21, "0.25", LineItemId="another", ProductCode="AmazonS3", ProductName="Amazon S3"),
]


@pytest.fixture(scope="module")
def rt(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laptop]:
    folder = tmp_path_factory.mktemp("charges")
    with laptop(folder / "home") as made:
        path = folder / "march.csv"
        path.write_text(cur_text([*OTHERS, *HOURS], extra=("lineItem/ResourceId",)), encoding="utf-8")
        made.bring(path, "aws-main")
        yield made


def ask(rt: Laptop) -> FlaskClient:
    return create_site(rt, Service(OpenDoor(), loopback=True)).test_client()


def test_charges_are_listed_by_size_whatever_their_sign(rt: Laptop) -> None:
    found = ask_charges(rt, "default", ChargesQuestion(most=10))
    costs = [one.cost for one in found.charges if one.cost is not None]
    assert costs[0] == Decimal("12.12") and Decimal("-3.5") in costs and Decimal("0.25") not in costs
    assert [abs(one) for one in costs] == sorted((abs(one) for one in costs), reverse=True)
    assert found.count == 14 and len(found.charges) == 10
    one = ask_charges(rt, "default", ChargesQuestion(filters=(read_filter("service=Amazon Simple Storage Service"),)))
    assert [each.cost for each in one.charges] == [Decimal("0.25")] and one.count == 1


def test_each_charge_leads_to_its_own_line(rt: Laptop) -> None:
    # twelve lines have one id, and a thirteenth's begins with it: only what the mapping makes of a line tells which one it is
    for one in ask_charges(rt, "default", ChargesQuestion()).charges:
        line = read_source_line(rt, "default", one.delivery_id, one.source_row_id)
        cells = dict(line.cells)
        assert Decimal(cells["lineItem/UnblendedCost"] or "") == one.cost
        assert (cells["lineItem/UsageStartDate"] or "")[:13] == f"{one.charge_start:%Y-%m-%dT%H}"
        assert (line.file, line.kind) == ("march.csv", "csv") and 1 <= int(line.number) <= 14


def test_a_line_keeps_every_cell_as_it_came(rt: Laptop) -> None:
    (credit,) = (one for one in ask_charges(rt, "default", ChargesQuestion()).charges if one.cost == Decimal("-3.5"))
    line = read_source_line(rt, "default", credit.delivery_id, credit.source_row_id)
    (record, *_) = csv.reader(
        io.StringIO(cur_text(OTHERS, extra=("lineItem/ResourceId",)).partition("\n")[2], newline="")
    )
    assert [text or "" for _, text in line.cells] == record


def test_a_row_that_balances_others_has_no_line_and_says_so(rt: Laptop) -> None:
    (delivery,) = rt.deliveries()
    with pytest.raises(NotFound, match="no line of its own"):
        read_source_line(rt, "default", delivery["delivery_id"], "adjustments:pairs@1")
    with pytest.raises(NotFound, match=r"no single line of march\.csv"):
        read_source_line(rt, "default", delivery["delivery_id"], "0:nobody@2026-03-02T01:00:00Z")


def test_a_charge_that_is_not_shown_is_named(rt: Laptop) -> None:
    (delivery,) = rt.deliveries()
    with pytest.raises(NotFound, match="shows no charges"):
        show_charge(rt, "default", "0123456789/0:1")
    with pytest.raises(NotFound, match="has no charge"):
        show_charge(rt, "default", f"{delivery['delivery_id']}/0:nobody")
    with pytest.raises(InvalidQuestion, match="not the id of a charge"):
        show_charge(rt, "default", "nothing")


def test_page_and_api_and_command_show_the_same_charge(rt: Laptop) -> None:
    first = ask_charges(rt, "default", ChargesQuestion(most=1)).charges[0]
    known = charge_id(first.delivery_id, first.source_row_id)
    api = ask(rt).get(f"/api/v1/organizations/default/charge?line=true&id={quote(known)}").get_json()
    env = {"COSTWIRE_HOME": str(rt.home), "PATH": ""}
    command = json.loads(commands.run("charges", known, "--json", env=env).stdout)
    assert command == api and api["columns"]["BilledCost"] == "12.12" and api["source_line_absent"] is None
    page = ask(rt).get(f"/default/analytics/charge?id={quote(known)}").get_data(as_text=True)
    assert 'value="12.12"' in page and f"Row {api['source_line']['number']} of" in page
    for cell in api["source_line"]["cells"]:
        assert cell["value"] is None or cell["value"].split("&")[0] in page
    listed = ask(rt).get("/api/v1/organizations/default/charges?top=3").get_json()
    assert json.loads(commands.run("charges", "--top", "3", "--json", env=env).stdout)["charges"] == listed["charges"]
    assert listed["charges"][0]["charge_id"] == known


def test_a_resource_is_reached_from_costs_and_adds_up(rt: Laptop) -> None:
    costs = ask(rt).get("/default/analytics?month=2026-03&group=resource&filter=service~Elastic").get_data(as_text=True)
    address = f"/default/analytics/resource?id={quote(RESOURCE, safe='').replace('%20', '+')}&amp;month=2026-03&amp;filter=service~Elastic"
    assert address.replace("~", "%7E") in costs or address in costs
    page = ask(rt).get(f"/default/analytics/resource?month=2026-03&id={quote(RESOURCE)}").get_data(as_text=True)
    assert 'value="82.83"' in page
    assert page.count("/default/analytics/charge?id=") == 12 and "eu:1:instance/a b?c=d&amp;e" in page
    away = ask(rt).get("/default/analytics/resource?month=2026-03&id=nobody").get_data(as_text=True)
    assert "No charges of this resource" in away


@pytest.mark.parametrize(
    "address", ["charge?id=x", "charge?id=0123456789/0:1", "charge", "resource", "charges?filter=nonsense"]
)
def test_what_cannot_be_shown_says_why(rt: Laptop, address: str) -> None:
    answer = ask(rt).get(f"/default/analytics/{address}")
    assert answer.status_code in (400, 404) and "Request id" in answer.get_data(as_text=True)


def test_a_large_file_is_looked_through_only_when_asked(rt: Laptop, monkeypatch: pytest.MonkeyPatch) -> None:
    first = ask_charges(rt, "default", ChargesQuestion(most=1)).charges[0]
    address = f"/default/analytics/charge?id={quote(charge_id(first.delivery_id, first.source_row_id))}"
    monkeypatch.setattr("web.pages.charges._READ_AT_ONCE", 10)
    page = ask(rt).get(address).get_data(as_text=True)
    assert "Show the line" in page and "lineItem/UnblendedCost" not in page
    assert "lineItem/UnblendedCost" in ask(rt).get(f"{address}&line=true").get_data(as_text=True)


FOCUS = "BilledCost,EffectiveCost,ListCost,ContractedCost,BillingCurrency,BillingAccountId,BillingPeriodStart,BillingPeriodEnd,ChargePeriodStart,ChargePeriodEnd,ChargeCategory,ChargeDescription,ServiceName,ServiceCategory,ProviderName,PublisherName,InvoiceIssuerName,Tags,x_Own"  # noqa: E501
"""Columns of FOCUS, and one of the generator's own."""


def focus_line(number: int) -> str:
    month = "2026-03-01T00:00:00Z,2026-04-01T00:00:00Z"
    day = "2026-03-02T00:00:00Z,2026-03-03T00:00:00Z"
    own = f'"row {number}, with ""quotes"""'
    return (
        f"{number}.5,{number}.5,{number}.5,{number}.5,USD,1,{month},{day},Usage,what,Compute,Compute,A,A,A,{{}},{own}"
    )


@pytest.mark.parametrize("kind", ["csv", "parquet", "csv in ranges"])
def test_a_line_without_an_id_is_found_by_its_number_in_every_container(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "focus.csv"
    path.write_text("\n".join([FOCUS, *(focus_line(number) for number in range(1, 121))]) + "\n", encoding="utf-8")
    if kind == "parquet":
        duckdb.sql(f"copy (select * from read_csv('{path}', all_varchar = true)) to '{tmp_path}/focus.parquet'")
        path = tmp_path / "focus.parquet"
    with laptop(tmp_path / "home", **({"chunk_bytes": 4000} if kind == "csv in ranges" else {})) as rt:
        rt.bring(path, "focus", provider="focus")
        (delivery,) = rt.deliveries(state="current")
        assert bool(delivery["parts"][0].get("ranges")) is (kind == "csv in ranges")
        # 1, 11 and 111 begin alike, and lie in different ranges
        wanted = [
            one
            for one in ask_charges(rt, "default", ChargesQuestion()).charges
            if int(one.cost or 0) in (1, 11, 111, 120)
        ]
        assert len(wanted) == 4
        for one in wanted:
            line = read_source_line(rt, "default", one.delivery_id, one.source_row_id)
            number = int(one.cost or 0)
            assert Decimal(dict(line.cells)["BilledCost"] or "") == one.cost and line.number == str(number)
            assert dict(line.cells)["x_Own"] == f'row {number}, with "quotes"'
