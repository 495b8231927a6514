"""A ledger of subscriptions, as its commands write it: proved rows, versions of the months that a change touches, alerts of renewals."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from common.alerts.renewals import check_renewals
from common.domain.saas.subscription import InvalidSubscription, Invoiced, Subscription
from common.errors import AlreadyExists, BadConfiguration, NotFound
from common.ingestion.connecting import Connection, connect
from common.ingestion.syncing import sync
from common.ports import Source
from common.records.organizations import ensure_default
from common.runtime import bootstrap
from common.saas import manage
from common.saas.manage import Changes, Written
from common.saas.reading import read_subscriptions
from common.saas.shown import show_subscription
from costwire import cli
from costwire.waiting import wait
from costwire.worker import subscribe_all
from tests.support import Laptop, laptop

CHAT = Subscription(
    "chat", "OpenAI", "ChatGPT Business", "ai", "monthly", Decimal(30), "USD", date(2026, 3, 1), seats=10
)
DESIGN = Subscription(
    "design", "Figma", "Organization", "design", "quarterly", Decimal(135), "EUR", date(2026, 2, 1), seats=4, notice_days=30
)  # fmt: skip


@pytest.fixture
def rt(tmp_path: Path) -> Iterator[Laptop]:
    with laptop(tmp_path / "home") as made:
        ensure_default(made.documents, made.clock.now())
        subscribe_all(made)
        yield made


def fetched(rt: Laptop, written: Written) -> Any:
    assert written.requested is not None
    outcome = wait(rt, written.requested)
    assert (outcome.reasons, outcome.waiting) == ((), ())
    return outcome


def added(rt: Laptop, *ledger: Subscription) -> None:
    for one in ledger:
        fetched(rt, manage.add_subscription(rt, "default", one, "ada"))


def current(rt: Laptop) -> dict[str, str]:
    """Billing period -> the delivery that is shown."""
    return {one["billing_period"]: one["delivery_id"] for one in rt.deliveries(state="current")}


def sums(rt: Laptop, *by: str) -> list[tuple[Any, ...]]:
    keys = ", ".join(by)
    found = rt.ask(
        f"select {keys}, sum(BilledCost) as billed, sum(EffectiveCost) as effective from cost_data_standard_1_3 "
        f"group by {keys} order by {keys}"
    )
    return [tuple(row.values()) for row in found]


def alerts(rt: Laptop) -> dict[str, str]:
    return {name: one["state"] for name, one in rt.documents.list("orgs/default/alerts")}


def test_a_subscription_becomes_proved_months_up_to_today(rt: Laptop) -> None:
    added(rt, CHAT)
    assert sorted(current(rt)) == ["2026-03", "2026-04"]
    assert all(one["proof"][0]["difference"] == "0" for one in rt.deliveries(state="current"))
    assert sums(rt, "date_trunc(date(ChargePeriodStart), month)") == [
        (date(2026, 3, 1), 300, 300),
        (date(2026, 4, 1), 300, 100),
    ]
    assert sums(rt, "x_Provider", "x_SubscriptionCategory", "ServiceName") == [
        ("saas", "ai", "ChatGPT Business", 600, 400)
    ]


def test_a_change_gives_a_new_version_of_the_months_that_it_changes_and_of_no_other(rt: Laptop) -> None:
    added(rt, CHAT)
    before = current(rt)
    fetched(rt, manage.change_subscription(rt, "default", "chat", Changes(seats=15, on=date(2026, 4, 6)), "ada"))
    after = current(rt)
    assert {period for period in after if after[period] != before[period]} == {"2026-04"}
    assert sums(rt, "BillingPeriodStart")[1][1:] == (425, Decimal("125"))  # 300 + 5 x 30 x 25 / 30
    again = manage.change_subscription(rt, "default", "chat", Changes(seats=15, on=date(2026, 4, 6)), "ada")
    assert not again.changed
    fetched(rt, again)
    assert current(rt) == after


def test_a_change_back_is_shown_again(rt: Laptop) -> None:
    added(rt, CHAT)
    before = current(rt)
    for price in (Decimal(40), Decimal(30)):
        fetched(rt, manage.change_subscription(rt, "default", "chat", Changes(price=price, on=date(2026, 3, 1)), "ada"))
    assert current(rt) == before
    assert len(show_subscription(rt, "default", "chat").recorded.versions) == 3


def test_a_synchronization_adds_the_days_that_have_passed(rt: Laptop) -> None:
    added(rt, CHAT)
    before = current(rt)
    assert all(run["unchanged"] for run in wait(rt, sync(rt, "default")).runs)
    rt.clock.moment = datetime(2026, 4, 12, 6, tzinfo=UTC)
    wait(rt, sync(rt, "default"))
    assert {period for period, name in current(rt).items() if before[period] != name} == {"2026-04"}
    assert sums(rt, "BillingPeriodStart")[-1][1:] == (300, 120)


def test_a_month_that_loses_its_charges_is_shown_without_money(rt: Laptop) -> None:
    added(rt, CHAT)
    manage.put_subscription(rt, "default", replace(CHAT, start=date(2026, 4, 1)), "ada")
    requested = manage.fetch_ledger(rt, "default")
    assert requested is not None and not wait(rt, requested).reasons
    assert sums(rt, "BillingPeriodStart", "ChargeCategory")[0][1:] == ("Adjustment", 0, 0)
    assert sums(rt, "x_Provider") == [("saas", 300, 100)]


def test_an_invoice_takes_the_place_of_the_formula_in_the_rows(rt: Laptop) -> None:
    added(rt, CHAT)
    with pytest.raises(InvalidSubscription, match="no charge begins on 2026-03-02; the latest begin on: 2026-03-01"):
        manage.note_invoice(rt, "default", "chat", Invoiced(date(2026, 3, 2), Decimal(1)), "ada")
    told = Invoiced(date(2026, 3, 1), Decimal("310.01"), "INV-7", tax=Decimal("58.9"))
    fetched(rt, manage.note_invoice(rt, "default", "chat", told, "ada"))
    assert ("INV-7", Decimal("368.91"), Decimal("58.9")) in sums(rt, "InvoiceId")
    assert sums(rt, "BillingPeriodStart")[0][1:] == (Decimal("368.91"), Decimal("368.91"))
    assert show_subscription(rt, "default", "chat").invoiced_difference == Decimal("10.01")


def test_a_renewal_is_told_once_and_taken_back_when_it_is_cancelled(rt: Laptop) -> None:
    added(rt, DESIGN)
    name = "renewal-design-2026-05-01"
    assert alerts(rt) == {name: "open"}
    for _ in range(2):
        check_renewals("default", rt.documents, rt.bus, rt.clock.now())
    assert rt.documents.get(f"orgs/default/alerts/{name}")["notifications"] == 1  # type: ignore[index]
    fetched(rt, manage.cancel_subscription(rt, "default", "design", None, False, "ada"))
    assert alerts(rt) == {name: "retracted"}
    fetched(rt, manage.enable_subscription(rt, "default", "design", None, "ada"))
    assert alerts(rt) == {name: "open"}
    check_renewals("default", rt.documents, rt.bus, datetime(2026, 5, 1, tzinfo=UTC))
    assert alerts(rt) == {name: "resolved"}
    check_renewals("default", rt.documents, rt.bus, datetime(2027, 4, 1, tzinfo=UTC))
    assert alerts(rt) == {name: "resolved", "renewal-design-2027-05-01": "open"}


def test_what_begins_later_is_recorded_and_fetches_nothing(rt: Laptop) -> None:
    later = Subscription("later", "Zoom", "Pro", "communication", "monthly", Decimal(15), "USD", date(2026, 6, 1))
    written = manage.add_subscription(rt, "default", later, "ada")
    assert written.changed and written.requested is None
    assert rt.documents.list("orgs/default/integrations") == []
    with pytest.raises(AlreadyExists, match="subscription later exists already"):
        manage.add_subscription(rt, "default", later, "ada")


def test_what_cannot_be_recorded_is_refused(rt: Laptop) -> None:
    with pytest.raises(BadConfiguration, match="currency is 'XXY'"):
        manage.add_subscription(rt, "default", replace(CHAT, currency="XXY"), "ada")
    with pytest.raises(BadConfiguration, match="category is 'fun', expected ai, analytics"):
        manage.add_subscription(rt, "default", replace(CHAT, category="fun"), "ada")
    with pytest.raises(NotFound, match="no subscription 'chat-2'"):
        manage.cancel_subscription(rt, "default", "chat-2", None, False, "ada")


def test_a_ledger_is_read_by_one_integration_of_its_own_organization(rt: Laptop) -> None:
    added(rt, CHAT)
    with pytest.raises(BadConfiguration, match="read by integration subscriptions already"):
        connect(rt, Connection("default", "saas", None, "another"))
    with pytest.raises(BadConfiguration, match="expected none"):
        connect(rt, Connection("default", "saas", "saas://other_org/subscriptions", "subscriptions"))
    foreign = rt.source(Source("saas://default/subscriptions", "other_org", "subscriptions", "saas"))
    assert foreign.list() == []


def test_the_files_of_a_ledger_are_its_months(rt: Laptop) -> None:
    manage.put_subscription(rt, "default", CHAT, "ada")
    place = rt.source(Source("saas://default/subscriptions", "default", "subscriptions", "saas"))
    found = {one.name: one.version for one in place.list()}
    assert sorted(found) == ["2026-03.csv", "2026-04.csv"]
    with place.open("2026-03.csv", found["2026-03.csv"]) as stream:
        assert stream.read().count(b"\n") == 33  # the header, the purchase and 31 days
    with pytest.raises(NotFound):
        place.open("2026-05.csv")
    assert [probe.run() for probe in place.probes()] == ["the organization's own ledger", "1 subscriptions can be read"]


TOML = """
[[subscriptions]]
id = "chat"
vendor = "openai"
plan = "ChatGPT Business"
cycle = "monthly"
price = 30.10
currency = "usd"
start = 2026-02-01
seats = 10
seat_changes = [{ day = "2026-03-17", seats = 15 }]
tags = { team = "web" }
"""
CSV = """id,vendor,plan,cycle,price,currency,start,seats,seat_changes,tags
chat,openai,ChatGPT Business,monthly,30.10,usd,2026-02-01,10,2026-03-17=15,team=web
"""
JSON = json.dumps(
    {
        "plans": [
            {
                "id": "chat", "provider": "openai", "plan": "ChatGPT Business", "billing_cycle": "monthly", "unit_price": "30.10",
                "currency": "USD", "seats": 10, "start": "2026-02-01", "anchor_day": None,
                "seat_changes": [{"date": "2026-03-17", "seats": 15}], "auto_renew": True, "source": "made up", "tags": {"team": "web"},
            }
        ]
    }
)  # fmt: skip


@pytest.mark.parametrize(("name", "text"), [("a.toml", TOML), ("a.csv", CSV), ("a.json", JSON)])
def test_every_kind_of_file_says_the_same(name: str, text: str) -> None:
    (one,) = read_subscriptions(Path(name), text)
    assert (one.vendor, one.category, one.price, one.currency) == ("openai", "ai", Decimal("30.10"), "USD")
    assert (one.start, one.seats_on(date(2026, 3, 17)), one.tags) == (date(2026, 2, 1), 15, {"team": "web"})


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.toml", TOML.replace("price", "prize"), "subscription 1: 'prize' is not known; did you mean 'price'?"),
        ("a.toml", TOML.replace("30.10", '"much"'), "price is 'much'"),
        ("a.toml", TOML.replace("30.10", "nan"), "price is 'NaN'"),
        ("a.toml", TOML + TOML, "id chat is there twice"),
        ("a.toml", "[[subscriptions", "is not valid TOML"),
        ("a.json", "[]", "has no list of subscriptions"),
        ("a.json", "{", "is not valid JSON"),
        ("a.csv", CSV.replace("2026-02-01", "soon"), "start is 'soon'"),
        ("a.csv", CSV.replace("2026-03-17=15", "more"), "not a list of pairs"),
        ("a.csv", CSV.replace(",10,", ",ten,"), "seats is 'ten'"),
        ("a.csv", "", "the file is empty"),
    ],
)
def test_a_file_that_says_something_else_is_refused_with_the_entry(name: str, text: str, said: str) -> None:
    with pytest.raises(BadConfiguration) as refused:
        read_subscriptions(Path(name), text)
    assert said in str(refused.value)


def test_a_file_leaves_what_only_commands_write_and_what_it_does_not_name(rt: Laptop) -> None:
    assert manage.put_subscription(rt, "default", CHAT, "ada") and manage.put_subscription(rt, "default", DESIGN, "ada")
    fetched(rt, manage.cancel_subscription(rt, "default", "chat", date(2026, 4, 5), False, "ada"))
    (wanted,) = read_subscriptions(Path("a.toml"), TOML)
    assert manage.put_subscription(rt, "default", wanted, "a.toml")
    assert not manage.put_subscription(rt, "default", wanted, "a.toml")
    shown = show_subscription(rt, "default", "chat").subscription
    assert (shown.price, shown.cancelled_on) == (Decimal("30.1"), date(2026, 4, 5))
    assert show_subscription(rt, "default", "design").subscription == DESIGN


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr("sys.argv", ["costwire", "subscriptions", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


def test_the_commands_say_what_they_did_and_what_it_costs(
    rt: Laptop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bootstrap.use(rt)
    asked = [
        "OpenAI",
        "ChatGPT Business",
        "--price",
        "30",
        "--currency",
        "USD",
        "--seats",
        "10",
        "--start",
        "2026-04-01",
    ]
    assert run(monkeypatch, "add", *asked, "--id", "chat") == 0
    out = capsys.readouterr().out
    assert "chat is added" in out and "2026-04" in out and "proved, difference 0" in out
    assert run(monkeypatch, "change", "chat", "--seats", "12", "--on", "2026-04-16", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["seat_changes"], told["renews_on"]) == ([{"day": "2026-04-16", "seats": 12}], "2026-05-01")
    assert run(monkeypatch, "list") == 0
    assert "ChatGPT Business" in capsys.readouterr().out
    assert run(monkeypatch, "show", "chat") == 0
    assert "renews on 2026-05-01 for 360 USD" in capsys.readouterr().out
    assert run(monkeypatch, "disable", "chat") == 0
    assert run(monkeypatch, "vendors") == 0
    assert "Figma" in capsys.readouterr().out
    assert run(monkeypatch, "change", "chat") == 2
    assert run(monkeypatch, "add", *asked[:-1], "soon") == 2
    assert run(monkeypatch, "show", "none") == 1
