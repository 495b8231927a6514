"""The specification's own SaaS examples, and bills of a ledger of subscriptions: every rule of FOCUS 1.3 kept, every unit of money kept.

All files of a format go through one connection, since preparing one takes longer than mapping a small file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb

from common.domain.saas.lines import Entry, bills
from common.domain.saas.subscription import AT_ONCE, PURCHASE, Invoiced, SeatChange, Subscription
from common.formats import container
from common.formats import recognition as formats
from common.formats.control import control_totals
from common.formats.engine import engine
from common.formats.source import source_sql
from common.normalization.mapping import focus_select, mapping_sql, own_columns, prepare
from common.providers.saas.ledger import bill_of
from common.validation import validate_relation
from tests.contract.mapped_bills import lines_of, one

EXAMPLES = sorted((Path(__file__).parents[1] / "fixtures" / "focus_saas_examples").glob("*.csv"))
CHAT = Subscription(
    "chat", "OpenAI", "ChatGPT Business", "ai", "monthly", Decimal(30), "USD", date(2026, 9, 1), seats=10,
    discount_percent=Decimal("7.5"), tax_percent=Decimal(19), seat_changes=(SeatChange(date(2026, 9, 10), 13),),
    invoices=(Invoiced(date(2026, 9, 10), Decimal("60.01"), "INV-7"),), tags={"team": "web"},
)  # fmt: skip
WIKI = Subscription(
    "wiki", "Atlassian", "Confluence", "productivity", "quarterly", Decimal(31775), "JPY", date(2026, 8, 31),
    cancelled_on=date(2026, 9, 20), cancels=AT_ONCE, account="site-7",
)  # fmt: skip
DESIGN = Subscription(
    "design", "Figma", "Organization", "design", "custom", Decimal("17.005"), "KWD", date(2026, 9, 3), seats=7, every="45 days",
    seat_changes=(SeatChange(date(2026, 9, 12), 5),), credits=True,
)  # fmt: skip
LEDGER = (CHAT, WIKI, DESIGN, replace(CHAT, subscription_id="alone", mode=PURCHASE))
DIGITS = {"USD": 2, "JPY": 0, "KWD": 3}
COSTS = ("BilledCost", "EffectiveCost", "ListCost", "ContractedCost")


@contextmanager
def mapped(source_format: str, paths: Sequence[Path]) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection with the table `mapped`: the rows of all files, each with its name as `file`."""
    mapping = mapping_sql(source_format)
    with engine() as connection:
        prepare(connection, only_for=mapping)
        for number, path in enumerate(paths):
            with container.opened(path, path.name) as opened:
                matched = formats.recognise(opened.names)
                assert matched.format.name == source_format
                connection.execute(f"create or replace temp view source as {source_sql(opened, matched)}")
                rows = focus_select(f"({mapping})", own=own_columns(matched.format))
                into = "insert into mapped" if number else "create table mapped as"
                connection.execute(f"{into} select *, '{path.stem}' as file from ({rows})")
        yield connection


def check_rules(connection: duckdb.DuckDBPyConnection) -> None:
    assert one(connection, "select count(*) from mapped where quarantine_reason is not null") == 0
    connection.execute("create view good as select * exclude (source_row_id, quarantine_reason, file) from mapped")
    report = validate_relation(connection, "good", "mapped")
    assert report.rows > 0
    assert report.errors == ()


def amount(text: str) -> Decimal:
    return Decimal(text.strip().replace("$", "").replace(",", ""))


def together(folder: Path) -> list[Path]:
    """The lines of all examples, a file for those with the same header."""
    for path in EXAMPLES:
        header, _, lines = path.read_text(encoding="utf-8-sig").partition("\n")
        target = folder / f"{len(header)}.csv"
        before = target.read_text() if target.exists() else f"{header}\n"
        target.write_text(before + lines.rstrip("\n") + "\n")
    return sorted(folder.glob("*.csv"))


def test_the_examples_of_the_specification_come_in_whole_and_keep_every_rule(tmp_path: Path) -> None:
    assert len(EXAMPLES) == 15
    lines = [line for path in EXAMPLES for line in lines_of(path)]
    with mapped("focus", together(tmp_path)) as connection:
        assert one(connection, "select count(*) from mapped") == len(lines) == 56
        sums = ", ".join(f"sum({cost})" for cost in COSTS)
        wanted = tuple(sum(amount(line[cost]) for line in lines) for cost in COSTS)
        assert connection.execute(f"select {sums} from mapped").fetchone() == wanted
        days = connection.execute("select strftime(ChargePeriodStart, '%-m/%-d/%y') from mapped").fetchall()
        assert sorted(day for (day,) in days) == sorted(line["ChargePeriodStart"] for line in lines)
        check_rules(connection)
        assert one(connection, "select count(*) from mapped where PricingCurrency = 'Token'") == 9


def test_the_second_reader_adds_up_the_examples_as_they_are_written() -> None:
    for path in EXAMPLES:
        with container.opened(path, path.name) as opened:
            control = control_totals(opened, formats.recognise(opened.names), path.name)
        wanted = sum(amount(line["BilledCost"]) for line in lines_of(path))
        assert sum(total.amount for total in control.totals.values()) == wanted
        assert {currency for _, currency in control.totals} == {"USD"}
        assert all(period and not total.unreadable for (period, _), total in control.totals.items())


def test_the_months_of_a_ledger_keep_every_rule_and_all_money_in_every_currency(tmp_path: Path) -> None:
    made = bills([Entry(each, DIGITS[each.currency]) for each in LEDGER], date(2026, 12, 1))
    for month, lines in made.items():
        (tmp_path / f"{month}.csv").write_bytes(bill_of(lines))
    all_lines = [line for lines in made.values() for line in lines]
    with mapped("saas_subscriptions", sorted(tmp_path.glob("*.csv"))) as connection:
        check_rules(connection)
        found = connection.execute(
            "select BillingCurrency, sum(BilledCost), sum(EffectiveCost) from mapped group by all order by all"
        ).fetchall()
        assert found == [
            (
                currency,
                sum(line.billed_cost for line in all_lines if line.subscription.currency == currency),
                sum(line.effective_cost for line in all_lines if line.subscription.currency == currency),
            )
            for currency in sorted(DIGITS)
        ]
        assert one(connection, "select count(*) from mapped where strftime(BillingPeriodStart, '%Y-%m') <> file") == 0
