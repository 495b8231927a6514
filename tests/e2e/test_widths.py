"""Every listing at 60, 80 and 120 columns and in a pipe: it fits, no number is cut, and a pipe gets whole rows whatever COLUMNS says."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

import pytest

from costwire import output
from costwire.tables import PIPE_WIDTH
from tests.e2e.filled import Call, filled_home

LISTINGS = [
    "deliveries",
    "runs",
    "quarantine",
    "restatements",
    "costs",
    "costs --by service,account,region --compare previous --month 2026-03",
    "tags",
    "tags team",
    "sql 'select x_IntegrationId, BillingCurrency, sum(BilledCost), count(*) as n from cost_data_standard_1_3 group by all'",
    "integrations list",
    "budgets list",
    "alerts list",
    "tenants list",
    "rates list",
    "services list",
    "services unknown",
    "schedule",
    "doctor",
]
_AMOUNT = re.compile(r"(?<![\w.,-])[+-]?\d[\d,]*\.\d+(?![\w-])|(?<![\w.,-])\d{1,3}(?:,\d{3})+(?![\w-])")


@pytest.fixture(scope="module")
def call(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Call]:
    with filled_home(tmp_path_factory.mktemp("widths")) as made:
        yield made


@pytest.mark.parametrize("listing", LISTINGS)
def test_a_listing_fits_and_cuts_no_number(call: Call, listing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    words = shlex.split(listing)
    whole = call(*words).stdout
    for width in (60, 80, 120):
        monkeypatch.setattr(output.console, "_width", width)
        narrow = call(*words).stdout
        assert set(_AMOUNT.findall(whole)) <= set(_AMOUNT.findall(narrow)), f"{width}: {narrow}"
        sentences = set(whole.splitlines())  # which the terminal wraps
        assert all(len(line.rstrip()) <= width for line in narrow.splitlines() if line not in sentences), narrow


@pytest.mark.parametrize("listing", LISTINGS)
def test_a_pipe_gets_each_row_on_one_line_whatever_columns_says(
    call: Call, listing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert output.console.width == PIPE_WIDTH
    whole = call(*shlex.split(listing)).stdout
    monkeypatch.setenv("COLUMNS", "40")
    assert call(*shlex.split(listing)).stdout == whole and whole.strip()


def test_a_question_about_an_invoice_names_its_billing_period(call: Call) -> None:
    asked = call("costs", "--where", "BillingPeriodStart=2026-03-01").stdout
    assert asked.startswith("billing period 2026-03, filling from 2026-03-31, as of ")
    several = call("costs", "--month", "2026-03", "--where", "BillingPeriodStart in (2026-03-01, 2026-02-01)").stdout
    assert several.startswith(
        "billing periods 2026-02, 2026-03; charges of 2026-03, 2026-03-01 to 2026-03-31, filling from 2026-03-31, as of "
    )
    assert call("costs").stdout.startswith("2026-03-02 to 2026-03-05, filling from 2026-03-31, as of ")
