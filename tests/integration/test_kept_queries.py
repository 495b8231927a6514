"""What is kept of the warehouse's answers is as new as the charges: never older than a swap, never another organization's."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from api_world import client, on, show

from common.errors import Retryable
from common.records.charges_version import current_version, note_change
from common.records.organizations import add, ensure_default
from common.reporting import kept_queries
from common.reporting.costs import CostsQuestion, ask_costs
from common.reporting.kept_queries import KeptQueries
from common.tenancy.rates import set_rates
from common.warehouse.dimensions import SHORT
from tests.support import Laptop, laptop

ORG = "default"


class Asked:
    """The warehouse, with its questions counted."""

    def __init__(self, rt: Laptop) -> None:
        self._query = rt.warehouse.query
        self.questions: list[str] = []

    def query(self, org_slug: str, sql: str, parameters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        self.questions.append(sql)
        return self._query(org_slug, sql, parameters)

    def since(self) -> int:
        """How many since the last look."""
        found, self.questions = len(self.questions), []
        return found


@pytest.fixture
def rt(tmp_path: Path) -> Iterator[Laptop]:
    with laptop(tmp_path / "home") as made:
        ensure_default(made.documents, made.clock.now())
        show(made, tmp_path, "2026-04", on("2026-04-01", "10"), on("2026-04-02", "5", "Storage"), on="2026-04-03")
        yield made


@pytest.fixture
def asked(rt: Laptop, monkeypatch: pytest.MonkeyPatch) -> Asked:
    found = Asked(rt)
    monkeypatch.setattr(rt.warehouse, "query", found.query)
    return found


def total(rt: Laptop, org_slug: str = ORG, **more: Any) -> dict[str, Decimal | None]:
    answer = ask_costs(rt, org_slug, CostsQuestion(group=(SHORT["service"],), **more))
    return {one.currency: one.amounts.total for one in answer.currencies}


def test_the_same_question_is_asked_once_until_a_swap(rt: Laptop, asked: Asked, tmp_path: Path) -> None:
    assert total(rt) == {"USD": 15} and asked.since() > 0
    assert total(rt) == {"USD": 15} and asked.since() == 0
    show(rt, tmp_path, "2026-04", on("2026-04-01", "12"), on="2026-04-04", delivery="d2", instead_of="d1")
    assert total(rt) == {"USD": 12} and asked.since() > 0


def test_another_question_is_another_answer(rt: Laptop, asked: Asked) -> None:
    assert total(rt) == {"USD": 15}
    answer = ask_costs(rt, ORG, CostsQuestion(group=(SHORT["service"],), top=1))
    assert [len(one.groups) for one in answer.currencies] == [1] and answer.currencies[0].others.total == 5
    by_day = ask_costs(rt, ORG, CostsQuestion(group=(SHORT["day"],)))
    assert [one.keys for one in by_day.currencies[0].groups] == [("2026-04-01",), ("2026-04-02",)]


def test_an_answer_is_of_one_organization_and_one_home(rt: Laptop, tmp_path: Path) -> None:
    assert total(rt) == {"USD": 15}
    add(rt.documents, rt.clock.now(), "Other", "other_1")
    rt.documents.set("orgs/other_1/versions/charges", {"version": current_version(rt.documents, ORG)})
    assert total(rt, "other_1") == {}
    with laptop(tmp_path / "elsewhere") as other:
        ensure_default(other.documents, other.clock.now())
        other.documents.set(f"orgs/{ORG}/versions/charges", {"version": current_version(rt.documents, ORG)})
        assert total(other) == {}


def test_what_is_converted_changes_with_the_rates(rt: Laptop, tmp_path: Path) -> None:
    show(
        rt,
        tmp_path,
        "2026-04",
        on("2026-04-01", "10", BillingCurrency="EUR"),
        integration="azure-main",
        on="2026-04-03",
    )
    for rate in ("1.1", "1.2"):
        set_rates(rt, ORG, f"month,currency,usd_rate,source\n2026-04,EUR,{rate},test\n")
        assert total(rt, currency="USD") == {"USD": 15 + 10 * Decimal(rate)}


def test_nothing_is_kept_before_the_first_delivery_and_of_what_others_change(rt: Laptop, asked: Asked) -> None:
    queries = KeptQueries(rt, ORG, "")
    for _ in range(2):
        queries.ask("select 1 as one", {})
    assert asked.since() == 2
    kept = KeptQueries(rt, ORG, current_version(rt.documents, ORG))
    for sql in (
        "select count(*) as n from pipeline_runs",
        "select current_date() as day",
        "select * from cost_summary",
    ):
        kept.ask(sql, {})
        kept.ask(sql, {})
        assert asked.since() == 2, sql
    kept.ask("select 1 as one", {})
    kept.ask("select 1 as one", {})
    assert asked.since() == 1


def test_rows_are_the_callers_own(rt: Laptop) -> None:
    queries = KeptQueries(rt, ORG, current_version(rt.documents, ORG))
    first = queries.ask("select 7 as seven", {})
    first[0]["seven"] = 8
    first.append({})
    assert queries.ask("select 7 as seven", {}) == [{"seven": 7}]


def test_an_error_is_not_kept(rt: Laptop, asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        raise Retryable("away")

    queries = KeptQueries(rt, ORG, current_version(rt.documents, ORG))
    with monkeypatch.context() as patch:
        patch.setattr(rt.warehouse, "query", away)
        with pytest.raises(Retryable):
            queries.ask("select 2 as two", {})
    assert queries.ask("select 2 as two", {}) == [{"two": 2}]


def test_of_several_at_once_one_asks(rt: Laptop) -> None:
    queries = KeptQueries(rt, ORG, current_version(rt.documents, ORG))
    made, gate = [], threading.Barrier(6)

    def make() -> str:
        made.append(1)
        threading.Event().wait(0.05)
        return "made"

    def ask(_: int) -> str:
        gate.wait()
        return queries.keep("once", make, len)

    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(ask, range(6))) == {"made"}
    assert len(made) == 1


def test_what_is_too_large_is_not_kept_and_the_oldest_goes_first(rt: Laptop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_queries, "_KEPT", kept_queries._Kept())
    monkeypatch.setattr(kept_queries, "LARGEST", 10)
    monkeypatch.setattr(kept_queries, "MOST", 20)
    queries, made = KeptQueries(rt, ORG, "v"), []

    def keep(name: str, size: int) -> None:
        queries.keep(name, lambda: made.append(name) or name, lambda _: size)  # type: ignore[func-returns-value]

    for name, size in (("large", 10), ("large", 10), ("a", 9), ("b", 8), ("a", 9), ("c", 8), ("a", 9), ("b", 8)):
        keep(name, size)
    assert made == ["large", "large", "a", "b", "c", "b"]


def test_a_swap_during_a_question_is_in_the_next_answer(
    rt: Laptop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer that was asked for under the old version may be new; it is not found under the new one's name either way."""
    query, swapped = rt.warehouse.query, []

    def swapping(*asked: Any) -> list[dict[str, Any]]:
        found = query(*asked)
        if not swapped:
            swapped.append(True)
            show(rt, tmp_path, "2026-04", on("2026-04-01", "12"), on="2026-04-04", delivery="d2", instead_of="d1")
        return found

    monkeypatch.setattr(rt.warehouse, "query", swapping)
    total(rt)
    assert swapped and total(rt) == {"USD": 12}


def test_an_answer_with_an_etag_is_new_after_a_swap(rt: Laptop, tmp_path: Path) -> None:
    ask = client(rt)
    first = ask.get("/api/costs/summary")
    again = ask.get("/api/costs/summary", headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304
    show(rt, tmp_path, "2026-04", on("2026-04-01", "12"), on="2026-04-04", delivery="d2", instead_of="d1")
    after = ask.get("/api/costs/summary", headers={"If-None-Match": first.headers["ETag"]})
    assert after.status_code == 200 and after.get_json()["currencies"][0]["total"] == "12"


def test_a_version_that_is_noted_again_asks_again(rt: Laptop, asked: Asked) -> None:
    total(rt)
    note_change(rt.documents, ORG)
    asked.since()
    assert total(rt) == {"USD": 15} and asked.since() > 0
