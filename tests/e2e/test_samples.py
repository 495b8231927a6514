"""Every sample bill, whole: through the real functions, to totals that plain Python adds up from the file."""

import csv
import gzip
import io
import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from tests.support import laptop

ROOT = Path(__file__).parents[2]
BILLS = ROOT / "tests" / "fixtures" / "bills"
COSTS = {
    "aws": ("lineItem/UnblendedCost", "line_item_unblended_cost"),
    "azure": (
        "CostInBillingCurrency",
        "costInBillingCurrency",
        "Cost",
        "preTaxCost",
        "PreTaxCost",
        "PreTaxCost (PreTaxCost)",
    ),
    "gcp": ("cost",),
    "oci": ("cost/myCost",),
    "focus": ("BilledCost",),
}
UNSPREAD = {"CAU-EffectiveCost-C-005-C", "CAU-PricingCurrencyEffectiveCost-C-005-M"}
"""What an Azure actual export with a payment for a commitment breaks without its amortized twin (decision 16)."""
NO_BILLS = ("ea_no_rows", "usage_report", "cur2_mapcells")


def bills() -> list[tuple[str, Path]]:
    found = [(path.parent.name, path) for path in sorted(BILLS.glob("*/*.csv*"))]
    found += [(path.parent.name, path) for path in sorted((ROOT / "samples").glob("*/*.csv*"))]
    return [(provider, path) for provider, path in found if not path.name.startswith(NO_BILLS)]


def added_up(provider: str, path: Path) -> Decimal:
    """The sum of the cost column, and of Google's credits, by the csv module and nothing of ours."""
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    rows = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    column = next(name for name in COSTS[provider] if name in rows[0])
    total = sum((Decimal(row[column]) for row in rows), Decimal(0))
    for row in rows:
        credits = row.get("credits", "") if provider == "gcp" else ""
        for credit in json.loads(credits.replace("'", '"').replace("None", "null")) if credits else []:
            total += Decimal(str(credit["amount"]))
    return total


@pytest.mark.parametrize(
    ("provider", "path"), bills(), ids=lambda value: value.name if isinstance(value, Path) else value
)
def test_a_sample_comes_out_right_to_the_last_digit(provider: str, path: Path, tmp_path: Path) -> None:
    with laptop(tmp_path / "home") as rt:
        rt.bring(path, provider=provider)
        deliveries = rt.deliveries()
        assert {one["state"] for one in deliveries} == {"current"}, [one.get("reason") for one in deliveries]
        assert sum(one["quarantined_rows"] for one in deliveries) == 0
        amortized = {proof["column"] for one in deliveries for proof in one["proof"]} == {"EffectiveCost"}
        column = "EffectiveCost" if amortized else "BilledCost"
        (row,) = rt.ask(f"select sum({column}) as total from cost_data_standard_1_3")
        assert row["total"] == added_up(provider, path)
        must = {rule["rule"] for one in deliveries for rule in one["conformance"] if rule["keyword"] == "MUST"}
        assert must == (UNSPREAD if path.name == "ea_actualcost_a.csv" else set())


def test_the_demo_shows_five_sources_proved_a_budget_and_its_alerts(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "costwire", "demo"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("proved, difference 0") == 6
    for total in (
        "4,706.35686864",
        "21,697.075204157",
        "560.103727920095983632",
        "83,210.9628",
        "7.68872739051",
        "81.7 %",
    ):
        assert total in done.stdout
    assert len(list((tmp_path / ".costwire-demo" / "outbox").iterdir())) == 1
