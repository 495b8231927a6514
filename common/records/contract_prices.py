"""A tenant's own prices of models, effective-dated: they count instead of list prices as what was agreed.

`prices.csv` has the columns provider (one of PROVIDERS), model (as billed, or its family, as in gpt-4o-mini), token_kind, variant
(standard, batch, flex, priority), tier (PAY_AS_YOU_GO, TIER1, TIER2 or TIER3), price (of a million tokens), currency, valid_from and
valid_to (YYYY-MM-DD, the day after the last; empty: until further notice).  Of one model, kind and variant one price is valid on a day.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from common.domain.money import plain, read_cost
from common.errors import BadConfiguration
from common.ports import DocumentStore
from common.records.organizations import below

FILE_NAME = "prices.csv"
COLUMNS = ("provider", "model", "token_kind", "variant", "tier", "price", "currency", "valid_from", "valid_to")
PROVIDERS = ("anthropic", "aws", "azure", "claude", "gcp", "openai", "xai")
"""Those whose charges have a model and a kind of token."""
KINDS = ("input", "cache_read", "cache_write", "cache_write_1h", "output", "reasoning")
VARIANTS = ("standard", "batch", "flex", "priority")
PAY_AS_YOU_GO = "PAY_AS_YOU_GO"
TIERS = (PAY_AS_YOU_GO, "TIER1", "TIER2", "TIER3")
PRICE_SCALE = 12
MOST_ROWS = 2_000
_MODEL = re.compile(r"[a-z0-9][a-z0-9._:@/-]{0,99}")


@dataclass(frozen=True)
class ContractPrice:
    """What was agreed for a million tokens, on the days from valid_from until before valid_to; date.max: until further notice."""

    provider: str
    model: str
    token_kind: str
    variant: str
    tier: str
    price: Decimal
    currency: str
    valid_from: date
    valid_to: date

    def as_text(self) -> Mapping[str, str]:
        """Every field as a table of the mapping has it."""
        days = {"valid_from": self.valid_from.isoformat(), "valid_to": self.valid_to.isoformat()}
        return {**vars(self), **days, "price": plain(self.price)}


def save_prices(documents: DocumentStore, org_slug: str, text: str) -> int:
    """Store the prices of a file's text instead of the earlier ones; returns how many.  Raises BadConfiguration naming the line."""
    count = len(parse_prices(text))
    documents.set(_path(org_slug), {"csv": text})
    return count


def save_rows(documents: DocumentStore, org_slug: str, rows: Sequence[Mapping[str, str | None]]) -> int:
    """The same from rows that have the columns of the file, None for an empty cell.  Raises BadConfiguration naming the row, from 0."""
    lines = [{name: (row.get(name) or "").strip() for name in COLUMNS} for row in rows]
    _checked((f"prices[{number}]", line) for number, line in enumerate(lines))
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return save_prices(documents, org_slug, out.getvalue())


def remove_prices(documents: DocumentStore, org_slug: str) -> int:
    """Remove the prices; returns how many there were."""
    count = len(saved_prices(documents, org_slug))
    documents.delete(_path(org_slug))
    return count


def saved_prices(documents: DocumentStore, org_slug: str) -> list[ContractPrice]:
    """The prices that were saved, none where there are none."""
    document = documents.get(_path(org_slug))
    return parse_prices(document["csv"]) if document else []


def parse_prices(text: str) -> list[ContractPrice]:
    """The prices in a file's text.  Raises BadConfiguration naming the line, also for two prices that are valid on one day."""
    return _checked(_lines(text))


def _checked(lines: Iterable[tuple[str, Mapping[str, str]]]) -> list[ContractPrice]:
    """The prices of (where, cells by column)."""
    made: dict[tuple[str, ...], list[ContractPrice]] = {}
    count = 0
    for where, line in lines:
        row = _price(line, where)
        same = made.setdefault((row.provider, row.model, row.token_kind, row.variant, row.currency), [])
        if any(row.valid_from < one.valid_to and one.valid_from < row.valid_to for one in same):
            raise BadConfiguration(
                f"{where}: a second price of {row.model} {row.token_kind} for the same days; keep one"
            )
        same.append(row)
        count += 1
    if count > MOST_ROWS:
        raise BadConfiguration(f"{FILE_NAME}: {count} lines, expected at most {MOST_ROWS}")
    return [row for rows in made.values() for row in rows]


def _lines(text: str) -> Iterator[tuple[str, Mapping[str, str]]]:
    lines = csv.DictReader(io.StringIO(text, newline=""))
    if tuple(lines.fieldnames or ()) != COLUMNS:
        raise BadConfiguration(f"{FILE_NAME}: the first line must be {','.join(COLUMNS)}")
    for line in lines:
        yield f"{FILE_NAME} line {lines.line_num}", {name: (line.get(name) or "").strip() for name in COLUMNS}


def _price(line: Mapping[str, str], where: str) -> ContractPrice:
    for name, known in (("provider", PROVIDERS), ("token_kind", KINDS), ("variant", VARIANTS), ("tier", TIERS)):
        if line[name] not in known:
            raise BadConfiguration(f"{where}: {name} is '{line[name]}', expected {', '.join(known)}")
    if not _MODEL.fullmatch(line["model"].lower()):
        raise BadConfiguration(f"{where}: model is '{line['model']}', expected a model's name, as in gpt-4o-mini")
    if not re.fullmatch(r"[A-Z]{3}", line["currency"]):
        raise BadConfiguration(f"{where}: currency is '{line['currency']}', expected an ISO 4217 code, as in USD")
    price = read_cost(line["price"])
    if price is None or price < 0 or price != round(price, PRICE_SCALE):
        raise BadConfiguration(
            f"{where}: price is '{line['price']}', expected a number of at most {PRICE_SCALE} fractional digits"
        )
    first, end = _day(line["valid_from"], where), _day(line["valid_to"], where) if line["valid_to"] else date.max
    if end <= first:
        raise BadConfiguration(f"{where}: valid_to is {end}, expected a day after {first}")
    return ContractPrice(
        line["provider"], line["model"].lower(), line["token_kind"], line["variant"], line["tier"], price, line["currency"], first, end
    )  # fmt: skip


def _day(text: str, where: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadConfiguration(f"{where}: '{text}' is not a date, expected YYYY-MM-DD") from None


def _path(org_slug: str) -> str:
    return below(org_slug, "settings", "contract_prices")
