"""`costwire rates` and `costs --dry-run`: what a tenant says of currencies, and what a question would cost."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from common.errors import BadConfiguration, CostError, NotFound
from common.runtime import bootstrap
from costwire.cli import app
from tests.support import Laptop, cur_line, cur_text, laptop

RATES = "month,currency,usd_rate,source\n2026-03,EUR,1.0812,ECB 2026-03-31\n"


@pytest.fixture
def rt(tmp_path: Path):
    with laptop(tmp_path / "home") as made:
        yield made


def run(*words: str) -> Result:
    done = CliRunner().invoke(app, list(words))
    if isinstance(done.exception, CostError):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done


def in_usd(rt: Laptop) -> Decimal:
    return rt.ask("select sum(cost_usd) as total from cost_daily")[0]["total"]


def test_rates_that_a_tenant_sets_are_those_of_its_views(rt: Laptop, tmp_path: Path) -> None:
    bill, file = tmp_path / "bill.csv", tmp_path / "rates.csv"
    bill.write_text(cur_text([cur_line(1, "10", CurrencyCode="EUR")]), encoding="utf-8")
    rt.bring(bill)
    with pytest.raises(BadConfiguration, match=r"no exchange rate from EUR to USD for 2026-03.*costwire rates set"):
        in_usd(rt)
    file.write_text(RATES, encoding="utf-8")
    assert "1 rates are stored" in run("rates", "set", str(file)).output
    assert in_usd(rt) == Decimal("10.812")
    assert "1.0812" in run("rates", "list").output


def test_a_rate_that_is_none_is_named_by_its_line_and_changes_nothing(rt: Laptop, tmp_path: Path) -> None:
    file = tmp_path / "rates.csv"
    file.write_text(RATES, encoding="utf-8")
    run("rates", "set", str(file))
    file.write_text(RATES.replace("1.0812", "a lot"), encoding="utf-8")
    with pytest.raises(BadConfiguration, match="line 2: usd_rate is 'a lot'"):
        run("rates", "set", str(file))
    assert "1.0812" in run("rates", "list").output
    with pytest.raises(NotFound, match="there is no organization nobody"):
        run("rates", "list", "--org", "nobody")


class Dear:
    """A warehouse that only tells what it would scan."""

    def scanned_bytes(self, org_slug: str, sql: str, parameters: object) -> int:
        assert "cost_data_standard_1_3" in sql
        return 1 << 39


def test_a_dry_run_says_what_a_question_would_cost_and_asks_nothing(rt: Laptop) -> None:
    assert "at no charge" in run("costs", "--dry-run").output
    rt.__dict__["warehouse"] = Dear()
    bootstrap.use(rt)
    assert "549,755,813,888 bytes: 3.125000 USD" in run("costs", "--dry-run").output
