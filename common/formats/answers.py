"""Answers of APIs: pages of JSON, of which a bill's rows are the innermost entries.

A raw file of answers is JSON lines of envelopes, one per page:

    {"request": {"path": ..., "query": [[name, value], ...]} or null, "account": text or null, "answer": the body as it came, as text}

and `"currency": code` where answers name none,

so that it holds every byte of an answer and what was asked for.  Numbers are read as their own text, never through a float.  A page alone,
as a user may have saved it, is recognised too; `common/providers/answer_pages.py` makes a file of such pages.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from typing import Any

from common.domain.money import add, fits_cost, plain, read_cost, round_cost, subtract
from common.errors import BadBill
from common.formats.recognition import Answers, SourceFormat, formats
from common.formats.strict_json import Doubled, NotStrict, has_doubled, is_blank, parse_texts

ACCOUNT, CURRENCY = "account", "currency"
EACH = "*"
"""The step to the values of a map."""
SUM = "sum_of_parts"
"""The column of a cost that the answers state in parts only."""
_PLAIN_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)", re.ASCII)
_EXPONENT = re.compile(r"([+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))[eE]([+-]?[0-9]{1,4})", re.ASCII)
_ZERO = re.compile(r"[+-]?(?:0+(?:\.0*)?|\.0+)(?:[eE][+-]?[0-9]+)?", re.ASCII)
OR_ALONE = "?"
"""The end of a step to a list, instead of which its one entry may stand."""
_YEAR, _MONTH = re.compile(r"[0-9]{4}", re.ASCII), re.compile(r"[0-9]{1,2}", re.ASCII)
_SECONDS = re.compile(r"[0-9]{9,10}", re.ASCII)


@dataclass(frozen=True)
class Page:
    """One answer.  account: whose it is, and currency, where the envelope says so.  value: numbers are texts."""

    value: Mapping[str, Any]
    account: str | None = None
    currency: str | None = None


@dataclass(frozen=True)
class Row:
    """An innermost entry.  place: its number and those of what it stands in, from 1.  levels: from the inside out."""

    place: tuple[int, ...]
    levels: tuple[Mapping[str, Any], ...]

    def text(self, name: str) -> str | None:
        """A field by its name, dots between the steps; of the innermost level that has one."""
        for level in self.levels:
            found: Any = level
            for step in name.split("."):
                found = found.get(step) if isinstance(found, dict) else None
            if found is not None:
                return found if isinstance(found, str) else json.dumps(found, ensure_ascii=False)
        return None


def read_page(text: str, label: str) -> Page:
    """Raises BadBill for what is not strictly one JSON object, or has a key twice somewhere."""
    try:
        value = parse_texts(text)
    except NotStrict as error:
        why = f": {error}" if str(error) else ""
        raise BadBill(f"{label} holds an answer that is not JSON{why}; fetch it again") from None
    if not isinstance(value, dict):
        raise BadBill(f"{label} holds an answer that is not a JSON object; fetch it again")
    if has_doubled(value):
        raise BadBill(
            f"{label} holds an answer in which a key occurs twice, and which one applies is not known; fetch it again"
        )
    return Page(value)


def read_pages(lines: Iterable[bytes], label: str) -> Iterator[Page]:
    """The pages of a file of envelopes.  Raises BadBill for a line that is none."""
    for line in lines:
        if is_blank(line):
            continue
        found = _envelope(line)
        if found is None:
            raise BadBill(f"{label} has a line that is not an answer with its request; fetch the bill again")
        said = {name: found[name] for name in (ACCOUNT, CURRENCY) if isinstance(found.get(name), str)}
        yield replace(read_page(found["answer"], label), **said)


def is_envelope(line: str) -> bool:
    """Whether a line of text is an answer with its request."""
    return _envelope(line.encode(errors="replace")) is not None


def _envelope(line: bytes) -> dict[str, Any] | None:
    try:
        found = parse_texts(line.decode())
    except (UnicodeDecodeError, NotStrict):
        return None
    fits = isinstance(found, dict) and not isinstance(found, Doubled)
    return found if fits and "request" in found and isinstance(found.get("answer"), str) else None


def rows_of(page: Page, answers: Answers, number: int = 1) -> list[Row]:
    """The rows of a page in their order.  number: of the page in its file."""
    said = {ACCOUNT: page.account, CURRENCY: page.currency}
    outermost: Mapping[str, Any] = {name: text for name, text in said.items() if text}
    return list(_entries(page.value, answers.rows, (number,), (outermost,)))


def _entries(
    value: Any, steps: tuple[str, ...], place: tuple[int, ...], above: tuple[Mapping[str, Any], ...]
) -> Iterator[Row]:
    for number, entry in enumerate(entries_below(value, steps[0]), start=1):
        fields = entry if isinstance(entry, dict) else {}
        if len(steps) == 1:
            yield Row((*place, number), (fields, *above))
        else:
            own = _without(fields, steps[1].split(".")) if steps[1] != EACH else {}
            yield from _entries(fields, steps[1:], (*place, number), (own, *above))


def _without(fields: Mapping[str, Any], steps: Sequence[str]) -> dict[str, Any]:
    """An object without what stands at a path."""
    first, *rest = steps
    inner = fields.get(first)
    own = {name: one for name, one in fields.items() if name != first}
    return {**own, first: _without(inner, rest)} if rest and isinstance(inner, dict) else own


def entries_below(value: Any, step: str) -> list[Any]:
    """What stands in the list that a step leads to; nothing where there is none."""
    if not isinstance(value, dict):
        return []
    entries = list(value.values()) if step == EACH else _list_at(value, step)
    return entries if entries is not None else []


def _list_at(value: Mapping[str, Any], step: str) -> list[Any] | None:
    """The list that a step leads to; None where there is none."""
    found: Any = value
    for name in step.removesuffix(OR_ALONE).split("."):
        found = found.get(name) if isinstance(found, dict) else None
    if isinstance(found, list):
        return found
    return [value] if step.endswith(OR_ALONE) else None


def is_usage(rows: Iterable[Row], answers: Answers) -> bool:
    """Whether rows are of an answer about usage, which lies beside a bill and is none."""
    return any(name in row.levels[0] for row in rows for name in answers.usage)


def bill_rows(pages: Iterable[Page], answers: Answers) -> Iterator[Row]:
    """The rows of all pages but those about usage."""
    for number, page in enumerate(pages, start=1):
        rows = rows_of(page, answers, number)
        if not is_usage(rows, answers):
            yield from rows


def shape_of(value: Mapping[str, Any]) -> Answers | None:
    """How rows stand in a page, as one of the known formats has it; None where it is no page of any."""
    fitting = [one for one in _shapes() if _fits(value, one.rows)]
    return max(fitting, key=lambda one: len(one.rows), default=None)


def _fits(value: Any, steps: tuple[str, ...]) -> bool:
    is_there = isinstance(value, dict) and (steps[0] == EACH or _list_at(value, steps[0]) is not None)
    entries = entries_below(value, steps[0])
    if not is_there or not all(isinstance(entry, dict) for entry in entries):
        return False
    return len(steps) == 1 or any(_fits(entry, steps[1:]) for entry in entries)


@cache
def _shapes() -> tuple[Answers, ...]:
    """One for each way in which rows stand, with all that is about usage anywhere."""
    known = [one.answers for one in formats().values() if one.answers]
    usage = frozenset[str]().union(*(one.usage for one in known))
    return tuple({one.rows: replace(one, usage=usage, seconds=frozenset(), cents=False) for one in known}.values())


def column_names(pages: Iterable[Page]) -> tuple[tuple[str, ...], bool]:
    """The names of all fields of a bill's rows, dots for nested ones, and whether there is a page about costs with rows.

    Where all pages are about usage, the names are those of their rows.
    """
    bill: dict[str, None] = {}
    usage: dict[str, None] = {}
    for page in pages:
        answers = shape_of(page.value)
        rows = rows_of(page, answers) if answers else []
        names = usage if answers and is_usage(rows, answers) else bill
        for row in rows:
            for level in row.levels:
                names.update(dict.fromkeys(_leaves(level, answers.nested if answers else frozenset())))
        if rows and answers and answers.parts:
            names[SUM] = None
    return tuple(bill or usage), bool(bill)


def _leaves(record: Mapping[str, Any], nested: frozenset[str], prefix: str = "") -> Iterator[str]:
    for key, value in record.items():
        if isinstance(value, dict) and value and prefix + key not in nested:
            yield from _leaves(value, nested, f"{prefix}{key}.")
        else:
            yield prefix + key


def cell(row: Row, name: str, kind: SourceFormat, raw: str) -> str | None:
    """A canonical column of a row as text: what the second reader reads.  raw: what the column is called in the answers."""
    answers = kind.answers
    if answers is not None and answers.parts and name == kind.cost:
        return _sum_of_parts(row.levels[0], answers)
    text = row.text(raw)
    if text is None or answers is None:
        return text
    if name == kind.billing_period and answers.month:
        return _month(text, row.text(answers.month))
    if name in answers.seconds and _SECONDS.fullmatch(text):
        return datetime.fromtimestamp(int(text), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if name == kind.currency:
        return text.upper()
    return cost_text(text, answers.cents) if name == kind.cost else text


def _month(year: str, month: str | None) -> str | None:
    if month is None or not _YEAR.fullmatch(year) or not _MONTH.fullmatch(month):
        return None
    return f"{year}-{month.zfill(2)}"


def _sum_of_parts(fields: Mapping[str, Any], answers: Answers) -> str | None:
    """None where a part is no number, or the parts are not what the answer states."""
    parts = [read_cost(_number(fields[name])) for name in answers.parts if name in fields]
    stated = read_cost(_number(fields.get(answers.stated)))
    known = [round_cost(part) for part in parts if part is not None and fits_cost(part)]
    if stated is None or len(known) < len(parts):
        return None
    total = add(known)
    return plain(total) if subtract(total, stated).copy_abs() <= answers.tolerance else None


def _number(value: Any) -> str | None:
    return cost_text(value, cents=False) if isinstance(value, str) else None


def cost_text(text: str, cents: bool) -> str | None:
    """A cost as a number in whole units: any zero is 0, whatever its exponent; None where cents are no number."""
    bare = text.strip(" ")
    if _ZERO.fullmatch(bare):
        return "0"
    if not cents:
        return text
    if _PLAIN_NUMBER.fullmatch(bare):
        return f"{bare}E-2"
    found = _EXPONENT.fullmatch(bare)
    return f"{found[1]}E{int(found[2]) - 2}" if found else None
