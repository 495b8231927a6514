"""What messages say, and that Slack takes them."""

from datetime import UTC, datetime
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.alerts.blocks import to_blocks
from common.alerts.rendering import render
from common.domain.outbox import new_notification
from common.ports import DailyChart

FACTS: dict[str, Any] = {
    "type": "budget_threshold",
    "basis": "actual",
    "budget_name": "platform",
    "owner": "Ada <ada@example.com>",
    "amount": "10000",
    "currency": "USD",
    "metric": "BilledCost",
    "scope": "provider aws, tag team=platform",
    "counted_by": "billing period",
    "period": "2026-11",
    "period_start": "2026-11-01T00:00:00+00:00",
    "period_end": "2026-12-01T00:00:00+00:00",
    "period_open": True,
    "days_elapsed": 20,
    "days": 30,
    "current_spend": "8300.005",
    "percent": "83",
    "threshold_percent": 80,
    "threshold_amount": "8000",
    "projected": "12450.0075",
    "projected_percent": "124.5",
    "forecast": {"expected": "11980", "low": "11200", "high": "12700.5", "trained_on_days": 56},
    "filling_from": "2026-11-17",
    "filling": [
        {"provider": "aws", "delivered_on": "2026-11-20", "filling_from": "2026-11-18", "stopped": False},
        {"provider": "gcp", "delivered_on": "2026-11-20", "filling_from": "2026-11-17", "stopped": False},
        {"provider": "oci", "delivered_on": "2026-11-05", "filling_from": "2026-11-03", "stopped": True},
    ],
    "drivers": [
        {"service": "Amazon EC2", "spend": "5000", "previous": "3800", "change": "1200"},
        {"service": "R&D <lab>", "spend": "300", "previous": "330", "change": "-30"},
    ],
    "largest_increase": {"service": "Amazon EC2", "spend": "5000", "previous": "3800", "change": "1200"},
    "as_of": "2026-11-20T03:00:00+00:00",
    "delivered_at": "2026-11-20T06:12:00+00:00",
    "not_counted": [{"currency": "EUR", "spend": "12.5", "charges": 1234}],
}


def made(state: str = "open", **values: Any):  # type: ignore[no-untyped-def]
    facts = {**FACTS, **values}
    return render(new_notification("b-1", 1, state, facts, datetime(2026, 11, 20, tzinfo=UTC)), "default")


FORECAST = {"type": "forecast_threshold", "basis": "forecast", "threshold_percent": 100, "threshold_amount": "10000"}


@pytest.mark.parametrize(
    ("state", "values", "subject"),
    [
        ("open", {}, 'Cloud budget "platform" at 83 % (8,300.00 of 10,000.00 USD)'),
        ("open", {"percent": "99.9"}, 'Cloud budget "platform" at 99 % (8,300.00 of 10,000.00 USD)'),
        ("retracted", {}, 'Retracted: cloud budget "platform" is back under 80 % (8,300.00 of 10,000.00 USD)'),
        (
            "open",
            FORECAST,
            'Cloud budget "platform" is projected to reach 124 % (12,450.01 of 10,000.00 USD projected)',
        ),
        (
            "retracted",
            FORECAST,
            'Retracted: cloud budget "platform" is no longer projected to reach 100 % (12,450.01 of 10,000.00 USD projected)',
        ),
    ],
)
def test_subjects(state: str, values: dict[str, Any], subject: str) -> None:
    assert made(state, **values).subject == f"[Costwire] {subject}"


@pytest.mark.parametrize(
    "said",
    [
        'Budget "platform" has reached 80 %',
        "10,000.00 USD for 2026-11",
        "8,300.00 USD (83.0 %)",
        "80 % = 8,000.00 USD",
        "2026-11-01 to 2026-11-30, still open (day 20 of 30)",
        "12,450.01 USD (124.5 %), at the pace so far",
        "11,980.00 USD, 80 % likely between 11,200.00 and 12,700.50",
        "provider aws, tag team=platform; BilledCost, by billing period",
        "Amazon EC2: 5,000.00 USD (+1,200.00 against the same days of the period before)",
        "(-30.00 against",
        "Largest increase: Amazon EC2, +1,200.00 USD",
        "Not counted: 1,234 charges of 12.50 EUR in scope, since the budget is in USD.",
        "As of: latest charge 2026-11-20 03:00 UTC, delivered 2026-11-20 06:12 UTC.",
        "Days from 2026-11-17 on are still being reported and are forecast (aws from 2026-11-18, gcp from 2026-11-17).",
        "Not forecast: oci, last delivered on 2026-11-05.",
        "The period is still open: the spend will change.",
    ],
)
def test_every_channel_says_what_is_promised(said: str) -> None:
    notification = made()
    assert said in notification.text
    assert said in Text.of(notification.html)
    assert said in " ".join(slack_texts(notification.blocks))


def test_a_closed_period_and_an_early_one_say_so() -> None:
    closed = made(period_open=False, projected=None, forecast=None)
    assert "2026-11-30, closed" in closed.text and "none, the period has ended" in closed.text
    assert "The period is closed: only a late or corrected bill can change the spend." in closed.text
    assert "none yet, needs five full days with charges" in made(projected=None, forecast=None).text
    early = made(projected=None).text
    assert "none yet" in early and "11,980.00 USD, 80 % likely" in early


def test_days_still_filling_are_named_as_what_they_are() -> None:
    one = FACTS["filling"][:1]
    assert (
        "Days from 2026-11-18 on are still being reported and are forecast."
        in made(filling=one, filling_from="2026-11-18").text
    )
    assert "on are still being reported." in made(filling=one, projected=None, forecast=None).text
    closed = made(period_open=False, projected=None, forecast=None).text
    assert "Days from 2026-11-17 on were still being reported at the last delivery" in closed
    assert "Not forecast" not in closed
    assert "reported" not in made(filling_from=None, filling=[]).text


def test_many_other_currencies_do_not_push_the_days_still_filling_out_of_slack() -> None:
    others = [{"currency": f"X{letter}X", "spend": "1", "charges": 1} for letter in "ABCDEFGHIJKL"]
    assert "are still being reported" in " ".join(slack_texts(made(not_counted=others).blocks))


def test_the_days_of_the_period_are_drawn_with_those_that_are_still_filling_told_apart() -> None:
    daily = {"2026-11-14": "10", "2026-11-16": "300.50", "2026-11-17": "-2", "2026-11-18": "5"}
    found = made(daily=daily)
    assert found.chart == DailyChart(
        "Spend by day, 2026-11-14 to 2026-11-18; the highest is 300.50 USD on 2026-11-16",
        (Decimal(10), Decimal(0), Decimal("300.50"), Decimal(-2), Decimal(5)),
        filling=2,
    )
    assert found.html is not None and 'src="cid:daily"' in found.html and 'alt="Spend by day' in found.html
    for too_few in ({}, {"2026-11-14": "10"}):
        assert made(daily=too_few).chart is None
        assert "cid:" not in str(made(daily=too_few).html)


def test_a_message_links_to_the_page_of_its_alert_where_users_can_open_it() -> None:
    document = new_notification("b/1?<x>", 1, "open", FACTS, datetime(2026, 11, 20, tzinfo=UTC))
    address = "https://costs.example.com/acme_1/alerts/b%2F1%3F%3Cx%3E"
    linked = render(document, "acme_1", "https://costs.example.com/")
    assert f"Open in Costwire: {address}\n" in linked.text
    assert f'<a href="{address}">Open in Costwire</a>' in str(linked.html)
    assert f"<{address}|Open in Costwire>" in slack_texts(linked.blocks)
    plain = render(document, "acme_1")
    assert "Open in" not in plain.text + str(plain.html) + str(plain.blocks)


def test_a_message_that_an_earlier_version_left_behind_is_sent_as_it_was() -> None:
    facts = {name: value for name, value in FACTS.items() if name not in ("filling_from", "filling")}
    sent = render(new_notification("b-1", 1, "open", facts, datetime(2026, 11, 20, tzinfo=UTC)), "default")
    assert "still being reported" not in sent.text


def test_names_are_shown_and_never_followed() -> None:
    notification = made(budget_name="<b>x</b> & <!channel>", scope="a\nb")
    assert "<b>x</b>" not in notification.html and "&lt;b&gt;x&lt;/b&gt; &amp; &lt;!channel&gt;" in notification.html
    section = notification.blocks[2]["text"]["text"]
    assert "R&amp;D &lt;lab&gt;" in section
    assert "a b; BilledCost" in notification.text


def test_the_same_document_gives_the_same_bytes() -> None:
    assert made() == made()


class Text(HTMLParser):
    """The text of a page, and its tags, each closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.text: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag not in {"meta"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    @classmethod
    def of(cls, page: str) -> str:
        reader = cls()
        reader.feed(page)
        reader.close()
        assert reader.open == []
        return "".join(reader.text)


def slack_texts(blocks: tuple[dict[str, Any], ...]) -> list[str]:
    found = []
    for block in blocks:
        for part in [block.get("text"), *block.get("fields", ()), *block.get("elements", ())]:
            if part:
                found.append(part["text"].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))
    return found


WORDS = st.text(max_size=20) | st.integers(140, 4000).map(lambda size: "<" * size)


@given(
    WORDS, st.lists(st.tuples(WORDS, WORDS), max_size=25), st.lists(WORDS, max_size=40), st.lists(WORDS, max_size=40)
)
def test_blocks_keep_slack_s_limits(headline: str, rows: Any, drivers: Any, notes: Any) -> None:
    blocks = to_blocks(headline, rows, drivers, notes)
    assert len(blocks) <= 50
    for block in blocks:
        if block["type"] == "header":
            assert len(block["text"]["text"]) <= 150
        elif "text" in block:
            assert 0 < len(block["text"]["text"]) <= 3000
        else:
            parts = block.get("fields") or block["elements"]
            assert 0 < len(parts) <= 10
            assert all(len(part["text"]) <= 2000 for part in parts)
