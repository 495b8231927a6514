"""A state folder in which every listing has something to list, and commands called as the command line calls them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from click.testing import Result
from typer.testing import CliRunner

from common.config import Settings
from common.runtime import bootstrap
from common.runtime.bootstrap import EmbeddedRuntime
from costwire.cli import app
from tests.support import cur_line, cur_text

Call = Callable[..., Result]
LARGE = "12345678901.123456789012345678901234"


@contextmanager
def filled_home(folder: Path) -> Iterator[Call]:
    """Yields call(*words, status=0): a bill that replaced another, quarantine, a broken budget, rates, a second organization."""
    bootstrap.use(EmbeddedRuntime(Settings(home=folder / "home", webhook_url="https://webhooks.example.com")))

    def call(*words: str, status: int = 0) -> Result:
        done = CliRunner().invoke(app, list(words), catch_exceptions=False)
        assert done.exit_code == status, f"{words}: {done.output}"
        return done

    try:
        _fill(folder, call)
        yield call
    finally:
        bootstrap.use(None)


def _fill(folder: Path, call: Call) -> None:
    unknown = {"ProductCode": "AmazonUnheardOf", "ProductName": "A service that no table of services has heard of"}
    lines = [
        cur_line(2, "3.5", CurrencyCode="EUR"),
        cur_line(3, "5", CurrencyCode="ZZZ"),
        cur_line(4, "1.25", **unknown),
    ]
    call("budgets", "add", "Everything in the cloud", "--amount", "10000000", "--currency", "USD")
    bill = folder / "bill.csv"
    for number, cost in ((1, "0.2"), (2, LARGE)):
        bill.write_text(cur_text([cur_line(1, cost), *lines]))
        call("import", str(bill), "--delivered-at", f"2026-04-0{number}")
    rates = folder / "rates.csv"
    rates.write_text("month,currency,usd_rate,source\n2026-03,EUR,1.0834567890,European Central Bank reference rate\n")
    call("rates", "set", str(rates))
    services = folder / "services.csv"
    services.write_text(
        "provider,service,service_name,service_category,service_subcategory\n"
        "aws,AmazonBraket,Amazon Braket for research,Compute,Quantum Compute\n"
    )
    call("services", "set", str(services))
    call("tenants", "add", "A customer with a long name", "--slug", "customer_with_a_long_name")
