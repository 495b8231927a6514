"""`costwire services`: what no table knows is listed with its cost, and an organization may class it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from common.errors import BadConfiguration, CostError
from costwire.cli import app
from tests.integration.api_world import checked, client
from tests.support import Laptop, cur_line, cur_text, laptop

HEADER = "provider,service,service_name,service_category,service_subcategory\n"
TOMORROW = "aws,AmazonTomorrow,Amazon Tomorrow,Compute,Serverless Compute\n"


@pytest.fixture
def rt(tmp_path: Path) -> Iterator[Laptop]:
    with laptop(tmp_path / "home") as made:
        yield made


def run(*words: str) -> Result:
    done = CliRunner().invoke(app, list(words))
    if isinstance(done.exception, CostError):
        raise done.exception
    return done


def bring(rt: Laptop, tmp_path: Path, *costs: str) -> None:
    lines = [
        cur_line(number, cost, ProductCode="AmazonTomorrow", ProductName="Amazon Tomorrow", regionCode="moon-east-1")
        for number, cost in enumerate(costs, start=1)
    ]
    bill = tmp_path / "bill.csv"
    bill.write_text(cur_text([*lines, cur_line(9, "1")]), encoding="utf-8")
    rt.bring(bill)


def set_classes(tmp_path: Path, rows: str) -> Result:
    file = tmp_path / "services.csv"
    file.write_text(HEADER + rows, encoding="utf-8")
    return run("services", "set", str(file))


def classes(rt: Laptop) -> list[dict[str, object]]:
    return rt.ask(
        "select ServiceName as name, ServiceCategory as category, sum(BilledCost) as cost from cost_data_standard_1_3 "
        "group by name, category order by name"
    )


def test_what_no_table_knows_is_listed_with_its_cost(rt: Laptop, tmp_path: Path) -> None:
    bring(rt, tmp_path, "10.5", "2")
    found = json.loads(run("services", "unknown", "--json").output)
    assert [(one["kind"], one["code"], one["billed_cost"], one["charges"]) for one in found] == [
        ("service", "Amazon Tomorrow", "12.5", 2),
        ("region", "moon-east-1", "12.5", 2),
    ]
    answered = checked(client(rt).get("/api/v1/organizations/default/services/unknown"))
    assert answered == {"codes": found} and {one["currency"] for one in found} == {"USD"}
    assert "in no table: 1 service, 1 region" in " ".join(run("doctor").output.split())


def test_a_bill_of_known_services_leaves_nothing_to_list(rt: Laptop, tmp_path: Path) -> None:
    bring(rt, tmp_path)
    assert "is known" in run("services", "unknown").output
    assert "in no table" not in run("doctor").output


def test_bills_of_long_ago_are_looked_at_from_their_newest_charge_back(rt: Laptop, tmp_path: Path) -> None:
    bring(rt, tmp_path, "1.25")
    rt.clock.sleep(400 * 86_400)
    assert json.loads(run("services", "unknown", "--json").output)


def test_without_charges_nothing_is_called_known(rt: Laptop) -> None:
    assert "No charges yet" in run("services", "unknown").output
    assert checked(client(rt).get("/api/v1/organizations/default/services/unknown")) == {"codes": []}


def test_own_classes_count_for_the_bills_delivered_after_them(rt: Laptop, tmp_path: Path) -> None:
    bring(rt, tmp_path, "10")
    assert "1 services are stored" in set_classes(tmp_path, TOMORROW).output
    bring(rt, tmp_path, "11")
    assert {"name": "Amazon Tomorrow", "category": "Compute", "cost": Decimal(11)} in classes(rt)
    assert [one["kind"] for one in json.loads(run("services", "unknown", "--json").output)] == ["region"]
    assert json.loads(run("services", "list", "--json").output)[0]["service"] == "AmazonTomorrow"


def test_own_classes_count_instead_of_a_tables_and_repeat_no_line(rt: Laptop, tmp_path: Path) -> None:
    set_classes(tmp_path, "aws,AmazonEC2,Our machines,Compute,Other (Compute)\n")
    bring(rt, tmp_path)
    assert classes(rt) == [{"name": "Our machines", "category": "Compute", "cost": Decimal(1)}]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("ibm,x,X,Compute,Containers\n", "line 2: provider is 'ibm', expected aws, azure, gcp, oci"),
        (TOMORROW + TOMORROW, "line 3: AmazonTomorrow stands twice"),
        ("azure,a.b,A,Compute,Cooking\n", "line 2: service_subcategory is 'Cooking'"),
        ("azure,a.b,A,Storage,Containers\n", "line 2: service_category is 'Storage', expected Compute"),
        ("azure,a.b,,Compute,Containers\n", "line 2: service_name has 0 characters"),
        ("aws,X,AWS Lambda,Storage,Object Storage\n", "line 2: AWS Lambda is already a service of Serverless Compute"),
    ],
)
def test_a_row_that_is_not_valid_is_named_and_changes_nothing(
    rt: Laptop, tmp_path: Path, rows: str, message: str
) -> None:
    set_classes(tmp_path, TOMORROW)
    with pytest.raises(BadConfiguration) as refused:
        set_classes(tmp_path, rows)
    assert message in str(refused.value)
    assert len(json.loads(run("services", "list", "--json").output)) == 1
