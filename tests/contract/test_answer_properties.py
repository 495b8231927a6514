"""Any amounts, in any form, on any pages, in any order and repeated: both readers find the exact sum."""

from __future__ import annotations

import json
import random
import tempfile
from decimal import Decimal
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from common.domain.money import add
from common.formats import container
from common.formats.control import control_totals
from common.formats.engine import engine
from common.formats.recognition import recognise
from common.formats.source import quoted, source_sql
from common.normalization.mapping import prepare
from common.providers.answer_pages import gathered

DAY, FIRST = 86_400, 1_788_220_800
DIGITS = st.integers(-(10**20), 10**20)


def as_number(value: Decimal) -> str:
    return format(value, "f")


def as_text(value: Decimal) -> str:
    return json.dumps(format(value, "f"))


def in_e_notation(value: Decimal) -> str:
    sign, digits, exponent = value.as_tuple()
    return f"{'-' if sign else ''}{''.join(map(str, digits))}E{exponent}"


def quoted_e_notation(value: Decimal) -> str:
    return f'"{in_e_notation(value).lower()}"'


amounts = st.tuples(
    st.builds(lambda digits, scale: Decimal(digits).scaleb(-scale), DIGITS, st.integers(8, 24)),
    st.sampled_from([as_number, as_text, in_e_notation, quoted_e_notation]),
)
texts = st.text(max_size=12)


def page(first: int, days: list[list[str]], has_more: bool, spread: bool) -> bytes:
    buckets = [
        f'{{"start_time":{first + number * DAY},"end_time":{first + (number + 1) * DAY},"results":[{",".join(results)}]}}'
        for number, results in enumerate(days)
    ]
    text = f'{{"data":[{",".join(buckets)}],"has_more":{str(has_more).lower()},"next_page":null}}'
    return (json.dumps(json.loads(text), indent=1) if spread and "." not in text and "E" not in text else text).encode()


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.lists(st.tuples(amounts, texts), max_size=3), min_size=1, max_size=8), st.integers(1, 4), st.randoms()
)
def test_both_readers_find_the_exact_sum(
    days: list[list[tuple[tuple[Decimal, object], str]]], per_page: int, chance: random.Random
) -> None:
    results = [
        [
            f'{{"amount":{{"value":{form(value)},"currency":"usd"}},"line_item":{json.dumps(said)}}}'  # type: ignore[operator]
            for (value, form), said in day
        ]
        for day in days
    ]
    firsts = range(0, len(results), per_page)
    pages = [
        page(
            FIRST + first * DAY,
            results[first : first + per_page],
            first + per_page < len(results),
            chance.random() < 0.5,
        )
        for first in firsts
    ]
    chance.shuffle(pages)
    pages += pages[:1]
    whole = add(value for day in days for (value, _), _ in day)
    if not any(days):
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "answers.jsonl"
        path.write_bytes(gathered({str(number): body for number, body in enumerate(pages)}))
        with container.opened(path, path.name) as opened, engine() as connection:
            matched = recognise(opened.names)
            control = control_totals(opened, matched, path.name)
            prepare(connection)
            found = connection.execute(
                f"select to_cost({quoted(matched.format.cost)}), line_item from ({source_sql(opened, matched)})"
            ).fetchall()
    assert add(total.amount for total in control.totals.values()) == whole
    assert add(cost for cost, _ in found) == whole
    assert sorted(said or "" for _, said in found) == sorted(said for day in days for _, said in day)
