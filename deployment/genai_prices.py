"""List prices of models, `common/reference/genai_prices.csv`, from the data of genai-prices (MIT, Pydantic Services Inc.).

    python -m pip install --target FOLDER genai-prices==0.2.3
    python -m deployment.genai_prices FOLDER --checked-on 2026-11-21

A row is the price of one kind of token of the models that match a pattern (whole, in lower case; of several patterns the first by
match_order counts), by variant and length of context, in USD for `per` tokens, from valid_from until before valid_to.  What the data
cannot say of a day's total is left out, so that there is no list price: prices by the time of day, more than two lengths of context, and
matches of several conditions at once.
"""

from __future__ import annotations

import argparse
import csv
import re
import sys
from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from importlib import import_module
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

TARGET = Path(__file__).parent.parent / "common" / "reference" / "genai_prices.csv"
PROVIDERS = ("anthropic", "deepseek", "openai")
KINDS = {
    "input_mtok": "input",
    "output_mtok": "output",
    "cache_read_mtok": "cache_read",
    "cache_write_mtok": "cache_write",
    "cache_write_1h_mtok": "cache_write_1h",
}
COLUMNS = (
    "provider", "model", "match_order", "pattern", "kind", "variant", "context_from", "price", "per", "valid_from",
    "valid_to", "source", "checked_on",
)  # fmt: skip
ALWAYS, FOREVER = "0001-01-01", "9999-12-31"


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where genai-prices is installed")
    parser.add_argument(
        "--checked-on", type=date.fromisoformat, required=True, help="the day of the prices, YYYY-MM-DD"
    )
    asked = parser.parse_args(arguments)
    sys.path.insert(0, str(asked.folder))
    found = next(one for one in distributions(path=[str(asked.folder)]) if one.name == "genai-prices")
    providers = import_module("genai_prices.data").providers
    with TARGET.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(COLUMNS)
        known = (f"genai-prices {found.version}", asked.checked_on.isoformat())
        writer.writerows((*row, *known) for row in table(providers))


def table(providers: Sequence[Any]) -> Iterator[tuple[str, ...]]:
    """The rows, without their source."""
    for provider in sorted((one for one in providers if one.id in PROVIDERS), key=lambda one: str(one.id)):
        for number, model in enumerate(provider.models, start=1):
            pattern = pattern_of(model.match)
            for row in () if pattern is None else prices_of(model):
                yield (provider.id, model.id, str(number), str(pattern), *row)


def pattern_of(match: Any) -> str | None:
    """A regular expression for the whole name, as RE2 has it; None where it would take several at once."""
    kind = type(match).__name__
    if kind == "ClauseOr":
        parts = [pattern_of(one) for one in match.or_]
        return None if None in parts else "|".join(f"(?:{part})" for part in parts)
    if kind == "ClauseRegex":
        return f".*(?:{match.regex}).*"
    forms = {
        "ClauseEquals": ("equals", "{}"),
        "ClauseStartsWith": ("starts_with", "{}.*"),
        "ClauseEndsWith": ("ends_with", ".*{}"),
        "ClauseContains": ("contains", ".*{}.*"),
    }
    if kind not in forms:
        return None
    name, form = forms[kind]
    return form.format(re.escape(getattr(match, name).lower()))


def prices_of(model: Any) -> Iterator[tuple[str, ...]]:
    """kind, variant, context_from, price, per, valid_from, valid_to."""
    conditional = model.prices if isinstance(model.prices, list) else [_Always(model.prices)]
    if any(_starts(one.constraint) is None for one in conditional):
        return  # by the time of day
    dated = {_starts(one.constraint): one.prices for one in conditional}  # of two of one day the last counts
    starts = sorted(str(start) for start in dated)
    for start, end in zip(starts, [*starts[1:], FOREVER], strict=True):
        yield from _kinds(dated[start], "standard", start, end)
    for variant in model.price_variants or ():
        start_of = _starts(variant.constraint)
        name = variant.when.get("processing") or variant.when.get("service_tier")
        if start_of is not None and len(variant.when) == 1 and name and name != "default":
            yield from _kinds(variant.prices, name, start_of, FOREVER)


class _Always:
    def __init__(self, prices: Any) -> None:
        self.constraint, self.prices = None, prices


def _starts(constraint: Any) -> str | None:
    if constraint is None:
        return ALWAYS
    start = getattr(constraint, "start_date", None)
    return start.isoformat() if start else None


def _kinds(prices: Any, variant: str, start: str, end: str) -> Iterator[tuple[str, ...]]:
    for name, kind in KINDS.items():
        price = getattr(prices, name, None)
        if isinstance(price, Decimal):
            yield (kind, variant, "0", format(price, "f"), "1000000", start, end)
        elif price is not None and len(price.tiers) == 1:
            yield (kind, variant, "0", format(price.base, "f"), "1000000", start, end)
            yield (kind, variant, str(price.tiers[0].start), format(price.tiers[0].price, "f"), "1000000", start, end)


if __name__ == "__main__":
    main()
