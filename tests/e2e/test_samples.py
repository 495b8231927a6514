"""Every sample bill, whole: through the real functions, to totals that plain Python adds up from the file."""

import csv
import gzip
import html
import io
import json
import re
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
    "deepseek": ("cost",),
}
UNSPREAD = {"CAU-EffectiveCost-C-005-C", "CAU-PricingCurrencyEffectiveCost-C-005-M"}
"""What an Azure actual export with a payment for a commitment breaks without its amortized twin (decision 16)."""
NO_BILLS = ("ea_no_rows", "usage_report", "cur2_mapcells", "amount-")


def bills() -> list[tuple[str, Path]]:
    found = [(path.parent.name, path) for path in sorted(BILLS.glob("*/*.csv*"))]
    found += [(path.parent.name, path) for path in sorted((ROOT / "costwire" / "samples").glob("*/*.csv*"))]
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


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """What the demo prints, and the folder that it was started in, where a mail server and a webhook are configured."""
    folder = tmp_path_factory.mktemp("demo")
    environment = {
        "PYTHONPATH": str(ROOT),
        "PATH": "",
        "COSTWIRE_SMTP_HOST": "mail.invalid",
        "COSTWIRE_SMTP_SENDER": "costs@example.com",
        "COSTWIRE_SMTP_RECIPIENTS": "ada@example.com",
        "COSTWIRE_SLACK_WEBHOOK_URL": "https://hooks.invalid/none",
    }
    done = subprocess.run(
        [sys.executable, "-m", "costwire", "demo"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    return done.stdout, folder


def test_the_demo_proves_each_bill_to_the_last_digit(demo: tuple[str, Path]) -> None:
    printed, _ = demo
    assert printed.count("proved, difference 0") == 9
    for total in (
        "4,706.35686864",
        "21,697.075204157",
        "560.103727920095983632",
        "83,210.9628",
        "60.998530674999999475",
        "7.68872739051",
        "18.77011",
    ):
        assert f" {total} " in printed


def test_the_spend_of_the_demos_budget_is_the_sum_of_the_costs_above_it(demo: tuple[str, Path]) -> None:
    printed, _ = demo
    costs, budget = printed.split("provider  BilledCost")[1].split("\n4. ")
    lines = costs.split("deliveries proved")[0].splitlines()[1:-1]
    amounts = {line.split()[0]: Decimal(line.split()[1].replace(",", "")) for line in lines}
    assert amounts.pop("total") == sum(amounts.values())
    assert "Cloud spend counts provider aws or azure or gcp" in budget
    spend = f"{amounts['aws'] + amounts['azure'] + amounts['gcp']:,.2f}"
    assert (spend, budget.count(f"{spend} USD   81.7 %")) == ("26,963.54", 2)
    assert printed.count("budget       period") == 1, "one table, once it is filled"


def test_the_demo_sends_its_alerts_to_a_folder_and_nowhere_else(demo: tuple[str, Path]) -> None:
    printed, folder = demo
    sent = sorted((folder / ".costwire-demo" / "outbox").iterdir())
    assert [path.read_text().split("\n")[2] for path in sent] == [
        f'Budget "Cloud spend" has reached {percent} %' for percent in (50, 80)
    ]
    for path in sent:
        assert str(path.relative_to(folder)) in printed


def test_what_the_demo_suggests_to_type_works(demo: tuple[str, Path]) -> None:
    printed, folder = demo
    suggested = dict(re.findall(r"^(explore the demo|check a FOCUS file): +(.+)$", printed, re.MULTILINE))
    for what, statuses in (("explore the demo", {0}), ("check a FOCUS file", {0, 1})):  # 1: a file that breaks rules
        done = subprocess.run(
            ["/bin/sh", "-c", suggested[what]],
            cwd=folder,
            env={"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode in statuses, done.stderr
        assert done.stdout and "costwire:" not in done.stderr


def pictured() -> list[str]:
    """The lines of the README's picture of a terminal, without spaces: it has text in pieces."""
    svg = (ROOT / "docs" / "demo.svg").read_text(encoding="utf-8")
    lines: dict[str, str] = {}
    for number, text in re.findall(r"<text [^>]*line-(\d+)\)\">(.*?)</text>", svg, re.DOTALL):
        lines[number] = lines.get(number, "") + html.unescape(text)
    return ["".join(line.split()) for line in lines.values() if line.strip()]


def test_the_picture_in_the_readme_is_what_the_demo_prints(demo: tuple[str, Path]) -> None:
    def alike(line: str) -> str:
        """Without what differs from run to run: the times of the samples' files, the random part of a budget's id."""
        return re.sub(r"asof\d{4}-\d\d-\d\d\d\d:\d\dUTC.*|(?<=cloud-spend-)\w{4}", "...", line)

    printed = ["".join(line.split()) for line in demo[0].partition("\n6. ")[0].splitlines() if line]
    assert [alike(line) for line in pictured()] == [alike(line) for line in printed], "run make screenshot"
