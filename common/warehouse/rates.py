"""Exchange rates: fixed per month, supplied by the tenant, never guessed.

`exchange_rates.csv` has the columns month (YYYY-MM), currency (ISO 4217), usd_rate (US dollars for one unit of the
currency, at most 9 fractional digits) and source (where the rate was published, as in "ECB euro reference rates,
2026-03-31").  US dollars need no rate.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

from common.domain.money import read_cost
from common.domain.period import BillingPeriod
from common.errors import BadConfiguration
from common.ports import DocumentStore
from common.records.organizations import below

FILE_NAME = "exchange_rates.csv"
COLUMNS = ("month", "currency", "usd_rate", "source")
RATE_SCALE = 9


@dataclass(frozen=True)
class ExchangeRate:
    """What one unit of `currency` was worth in US dollars, for charges billed in the month that starts on `month`."""

    month: date
    currency: str
    usd_rate: Decimal
    source: str


def read_rates(path: Path) -> list[ExchangeRate]:
    """The rates of a file; none where there is no file.  Raises BadConfiguration naming the line."""
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8-sig") as handle:
        return parse_rates(handle, path.name)


def rates_path(org_slug: str) -> str:
    """The document that holds a tenant's rates in the cloud: the text of such a file, under `csv`."""
    return below(org_slug, "settings", "exchange_rates")


def save_rates(documents: DocumentStore, org_slug: str, text: str) -> int:
    """Keep a tenant's rates, given as the text of a file; returns how many.  Raises BadConfiguration naming the line."""
    count = len(parse_rates(io.StringIO(text, newline=""), FILE_NAME))
    documents.set(rates_path(org_slug), {"csv": text})
    return count


def saved_rates(documents: DocumentStore, org_slug: str) -> list[ExchangeRate]:
    """The rates that were saved; none where there are none."""
    document = documents.get(rates_path(org_slug))
    return parse_rates(io.StringIO(document["csv"], newline=""), FILE_NAME) if document else []


def parse_rates(text: Iterable[str], name: str) -> list[ExchangeRate]:
    """The rates in lines of CSV.  name: what an error calls the text.  Raises BadConfiguration naming the line."""
    lines = csv.DictReader(text)
    if tuple(lines.fieldnames or ()) != COLUMNS:
        raise BadConfiguration(f"{name}: the first line must be {','.join(COLUMNS)}")
    rates: dict[tuple[date, str], ExchangeRate] = {}
    for line in lines:
        rate = _rate(line, f"{name} line {lines.line_num}")
        if (rate.month, rate.currency) in rates:
            again = f"a second rate for {rate.currency} in {rate.month:%Y-%m}; keep one"
            raise BadConfiguration(f"{name} line {lines.line_num}: {again}")
        rates[rate.month, rate.currency] = rate
    return list(rates.values())


def missing_rate(message: str) -> str | None:
    """What to tell a person where a view's error says that a rate is missing; None for any other error."""
    found = re.search(r"no exchange rate from \S+ to USD for \d{4}-\d{2}", message)
    return (
        f"{found[0]}; add a line {','.join(COLUMNS)} for it to {FILE_NAME}, then costwire rates set {FILE_NAME}"
        if found
        else None
    )


def _rate(line: Mapping[str, str | None], where: str) -> ExchangeRate:
    month, currency, number, source = ((line.get(name) or "").strip() for name in COLUMNS)
    try:
        start = BillingPeriod.parse(month).start.date()
    except ValueError:
        raise BadConfiguration(f"{where}: month is '{month}', expected YYYY-MM") from None
    if not re.fullmatch(r"[A-Z]{3}", currency):
        raise BadConfiguration(f"{where}: currency is '{currency}', expected an ISO 4217 code, as in EUR")
    usd_rate = read_cost(number)
    if usd_rate is None or usd_rate <= 0 or usd_rate != round(usd_rate, RATE_SCALE):
        raise BadConfiguration(
            f"{where}: usd_rate is '{number}', expected a positive number of at most {RATE_SCALE} fractional digits"
        )
    if not source:
        raise BadConfiguration(f"{where}: source is empty, expected where the rate was published")
    return ExchangeRate(start, currency, usd_rate, source)
