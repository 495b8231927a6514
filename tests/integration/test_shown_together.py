"""Deliveries of an organization that wait to be shown are shown in one turn, and end as if each had had a turn of its own."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from common.config import Settings
from common.errors import BadBill, Contention, CostError, NotFound, Retryable
from common.ingestion.requesting import new_request_id
from common.messages import ChargesNormalized, DeliveryMapped, SyncRequested
from common.normalization import finish
from common.ports import Replacement, Swap
from common.records.integrations import save_integration
from common.records.organizations import ensure_default
from common.records.runs import queue_run
from common.runtime import bootstrap
from costwire.worker import Outcome, deliver, subscribe_all
from tests.integration.shown_state import check_settled, pointers
from tests.support import Laptop, cur_line, cur_text

DAY = datetime(2026, 4, 1, tzinfo=UTC)
MONTHS = tuple(f"{year}-{month:02}" for year in (2024, 2025) for month in range(1, 13))
WRITES = ("set", "transact", "delete", "update", "replace_slice", "replace_slices", "publish")


class Killed(BaseException):
    """The worker died."""


@dataclass
class Fuse:
    """Kills the worker at some writes, counted from now: before it, or once it is made."""

    left: list[tuple[int, bool]] = field(default_factory=list)

    def around(self, write: Callable[[], Any]) -> Any:
        if not self.left:
            return write()
        (number, made), *others = self.left
        if number > 1:
            self.left[0] = number - 1, made
            return write()
        self.left = others
        if made:
            write()
        raise Killed


class Fused:
    """An adapter whose writes go through a fuse."""

    def __init__(self, behind: Any, fuse: Fuse) -> None:
        self._behind, self._fuse = behind, fuse

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._behind, name)
        if name not in WRITES:
            return found
        return lambda *args, **more: self._fuse.around(lambda: found(*args, **more))


class Noting:
    """A warehouse that notes its swaps, and refuses some slices.  refuse: by integration and month."""

    def __init__(self, behind: Any) -> None:
        self._behind = behind
        self.swaps: list[int] = []
        self.refuse: dict[str, CostError] = {}

    def replace_slice(self, piece: Any, *given: Any, **words: Any) -> Replacement:
        self.swaps.append(1)
        if str(piece) in self.refuse:
            raise self.refuse[str(piece)]
        return self._behind.replace_slice(piece, *given, **words)  # type: ignore[no-any-return]

    def replace_slices(self, swaps: Sequence[Swap]) -> list[Replacement]:
        self.swaps.append(len(swaps))
        for one in swaps:
            if str(one.piece) in self.refuse:
                raise self.refuse[str(one.piece)]
        return self._behind.replace_slices(swaps)  # type: ignore[no-any-return]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._behind, name)


class Watched(Laptop):
    """A laptop whose swaps are noted, and whose worker can be killed at any write."""

    @cached_property
    def fuse(self) -> Fuse:
        return Fuse()

    @cached_property
    def noted(self) -> Noting:
        return Noting(Laptop.warehouse.func(self))  # type: ignore[attr-defined]

    @cached_property
    def warehouse(self) -> Any:
        return Fused(self.noted, self.fuse)

    @cached_property
    def documents(self) -> Any:
        return Fused(Laptop.documents.func(self), self.fuse)  # type: ignore[attr-defined]

    @cached_property
    def bus(self) -> Any:
        return Fused(Laptop.bus.func(self), self.fuse)  # type: ignore[attr-defined]

    def ask_for(self, path: Path, integration: str, delivered_at: datetime = DAY) -> None:
        """Ask for an import, and do nothing of it yet."""
        ensure_default(self.documents, self.clock.now())
        uri, now = path.as_uri(), self.clock.now()
        save_integration(self.documents, now, "default", integration, "aws", uri, keep_location=True)
        subscribe_all(self)
        request = SyncRequested(new_request_id(), "import", "default", integration)
        run_id = f"{request.run_id}.{integration}"
        queue_run(self.documents, self.clock, "default", run_id, integration, "import", uri, delivered_at)
        self.bus.publish(request)

    def worked_off(self, *but: str) -> tuple[list[Outcome], list[dict[str, Any]]]:
        """Deliver all that there is; messages of some topics are only taken, and returned."""
        outcomes, taken = [], []
        while True:
            pulled = self.bus.pull()
            if pulled is None:
                if self.bus.next_due() is None:
                    return outcomes, taken
                self.clock.sleep(10)
            elif pulled.topic in but:
                self.bus.ack(pulled)
                taken.append(pulled.event["data"])
            else:
                outcomes.append(deliver(self, pulled))


@contextmanager
def world(home: Path) -> Iterator[Watched]:
    made = Watched(Settings(home=home, threads=1))
    bootstrap.use(made)
    try:
        yield made
    finally:
        bootstrap.use(None)


@pytest.fixture
def rt(tmp_path: Path) -> Iterator[Watched]:
    with world(tmp_path / "home") as made:
        yield made


def history(path: Path, months: Sequence[str], cost: str = "1.25", account: str = "111122223333") -> Path:
    """One line per month: a delivery for each."""
    lines = []
    for number, month in enumerate(months):
        start = f"{month}-01T00:00:00Z"
        year, of_year = int(month[:4]), int(month[5:])
        end = f"{year + of_year // 12}-{of_year % 12 + 1:02}-01T00:00:00Z"
        lines.append(
            cur_line(
                number,
                cost,
                PayerAccountId=account,
                BillingPeriodStartDate=start,
                BillingPeriodEndDate=end,
                UsageStartDate=start,
                UsageEndDate=f"{month}-01T01:00:00Z",
            )
        )
    path.write_text(cur_text(lines), encoding="utf-8")
    return path


def of_topic(outcomes: Sequence[Outcome], topic: str) -> list[Outcome]:
    return [one for one in outcomes if one.delivery.topic == topic]


def ids_of(outcomes: Sequence[Outcome]) -> list[str]:
    return sorted(one.delivery.event["data"]["delivery_id"] for one in outcomes)


def test_the_deliveries_that_wait_are_shown_in_one_swap_and_announced_once_each(rt: Watched, tmp_path: Path) -> None:
    rt.ask_for(history(tmp_path / "history.csv", MONTHS), "bill")
    outcomes, _ = rt.worked_off()
    assert rt.noted.swaps == [24]
    assert rt.billed() == {"USD": Decimal("30.00")}
    assert [one.error for one in outcomes if one.error] == []
    current = sorted(one["delivery_id"] for one in rt.deliveries(state="current"))
    assert ids_of(of_topic(outcomes, ChargesNormalized.topic)) == current
    assert ids_of(of_topic(outcomes, DeliveryMapped.topic)) == current
    assert {one["waits_since"] for one in rt.deliveries()} == {None}
    check_settled(rt)


def test_a_turn_takes_as_many_deliveries_rows_and_files_as_it_is_told(
    rt: Watched, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finish, "MAX_DELIVERIES", 5)
    rt.ask_for(history(tmp_path / "a.csv", MONTHS[:12]), "a")
    rt.worked_off()
    monkeypatch.setattr(finish, "MAX_DELIVERIES", 50)
    monkeypatch.setattr(finish, "MAX_ROWS", 3)
    rt.ask_for(history(tmp_path / "b.csv", MONTHS[:7], account="2"), "b")
    rt.worked_off()
    monkeypatch.setattr(finish, "MAX_FILES", 2)
    rt.ask_for(history(tmp_path / "c.csv", MONTHS[:5], account="3"), "c")
    rt.worked_off()
    assert rt.noted.swaps == [5, 5, 2, 3, 3, 1, 2, 2, 1]
    check_settled(rt)


def test_two_versions_of_a_month_have_two_turns(rt: Watched, tmp_path: Path) -> None:
    rt.ask_for(history(tmp_path / "old.csv", MONTHS[:3]), "bill")
    rt.ask_for(history(tmp_path / "new.csv", MONTHS[:3], cost="2"), "bill", DAY + timedelta(days=1))
    outcomes, _ = rt.worked_off()
    assert rt.noted.swaps == [3, 3] and rt.billed() == {"USD": Decimal(6)}
    assert len(of_topic(outcomes, ChargesNormalized.topic)) == 6
    check_settled(rt)


def test_of_two_integrations_that_wait_with_one_account_the_first_is_shown(rt: Watched, tmp_path: Path) -> None:
    rt.ask_for(history(tmp_path / "first.csv", MONTHS[:3]), "first")
    rt.ask_for(history(tmp_path / "second.csv", MONTHS[:4], cost="2"), "second")
    rt.worked_off()
    assert rt.billed() == {"USD": Decimal("5.75")}
    states = Counter((one["integration_id"], one["state"]) for one in rt.deliveries())
    assert states == {("first", "current"): 3, ("second", "held"): 3, ("second", "current"): 1}
    check_settled(rt)


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (BadBill("a difference is too large"), "rejected"),
        (NotFound("a file is gone"), "landed"),
        (Contention("others were in the way"), "landed"),
    ],
    ids=lambda one: type(one).__name__ if isinstance(one, CostError) else one,
)
def test_one_that_cannot_be_shown_leaves_the_others_to_their_own_turns(
    rt: Watched, tmp_path: Path, error: CostError, state: str
) -> None:
    rt.ask_for(history(tmp_path / "history.csv", MONTHS[:6]), "bill")
    rt.noted.refuse[f"bill {MONTHS[3]}"] = error
    outcomes, _ = rt.worked_off()
    states = {one["billing_period"]: one["state"] for one in rt.deliveries()}
    assert states == {month: "current" for month in MONTHS[:6]} | {MONTHS[3]: state}
    tries = 5 if isinstance(error, Retryable) else 1
    assert rt.noted.swaps == [6, *[1] * (5 + tries)]  # they are tried together once, not in each turn
    letters = [letter.reason for letter in rt.bus.dead_letters()]
    assert letters == ([] if state == "rejected" else [str(error)])
    assert len(of_topic(outcomes, ChargesNormalized.topic)) == 5
    # what was given up is in nobody's way
    rt.ask_for(history(tmp_path / "more.csv", MONTHS[8:12], account="2"), "more")
    rt.worked_off()
    assert rt.noted.swaps[-1] == 4


def mapped(home: Path, tmp_path: Path) -> list[DeliveryMapped]:
    """A home with deliveries of which none of the last ones is shown: restated months, two versions at once, an account under two names."""
    with world(home) as rt:
        rt.ask_for(history(tmp_path / "c0.csv", MONTHS[:2], cost="10", account="3"), "c", DAY - timedelta(days=9))
        rt.worked_off()
        rt.ask_for(history(tmp_path / "a.csv", MONTHS[:2], account="1"), "a")
        rt.ask_for(history(tmp_path / "c1.csv", MONTHS[:3], cost="12", account="3"), "c", DAY + timedelta(days=1))
        rt.ask_for(history(tmp_path / "b.csv", MONTHS[1:4], cost="7", account="1"), "b")
        rt.ask_for(history(tmp_path / "c2.csv", MONTHS[:2], cost="11", account="3"), "c", DAY)
        _, waiting = rt.worked_off(DeliveryMapped.topic)
        return [DeliveryMapped(**one) for one in waiting]


def end_of(
    home: Path, messages: Sequence[DeliveryMapped], repeats: Sequence[int], kills: list[tuple[int, bool]]
) -> Any:
    """What is there once each message was done, after as many kills.  repeats: places at which an earlier message comes once more."""
    with world(home) as rt:
        rt.clock.sleep(60)
        rt.fuse.left = list(kills)
        for place, message in enumerate(messages):
            again = [messages[one % (place + 1)] for one in repeats if one % len(messages) == place]
            for one in (*again, message):
                while True:
                    try:
                        finish.finish(one, rt)
                        break
                    except (Killed, Retryable):
                        rt.clock.sleep(60)
        rt.fuse.left = []
        _, announced = rt.worked_off(ChargesNormalized.topic)
        check_settled(rt)
        restated = rt.ask("select integration_id, billing_period, delivery_now, billed_cost_delta from restatements")
        return (
            rt.exported(),
            {one["delivery_id"]: (one["state"], one.get("replaced")) for one in rt.deliveries()},
            pointers(rt),
            sorted(map(str, restated)),
            claims_that_count(rt),
            {one["delivery_id"] for one in announced},
        )


def claims_that_count(rt: Watched) -> list[tuple[str, str, str, str]]:
    """Claims of what is shown.  One of what was shown before stays until somebody claims its account again, so a repeat may end it."""
    current = {one["delivery_id"] for one in rt.deliveries(state="current")}
    return [
        (name, entry["billing_account_id"], entry["integration_id"], one)
        for name, document in rt.documents.list("orgs/default/shown_accounts")
        for entry in document["shown"]
        for one in entry["deliveries"]
        if one in current
    ]


FEW = settings(
    max_examples=6,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def test_turns_repeats_and_kills_end_as_one_by_one(tmp_path: Path) -> None:
    messages = mapped(tmp_path / "before", tmp_path)
    shutil.copytree(tmp_path / "before", tmp_path / "alone")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(finish, "MAX_DELIVERIES", 1)
        alone = end_of(tmp_path / "alone", messages, [], [])

    @FEW
    @example(2, [34, 20, 83, 53], [(20, True), (13, False), (33, False), (34, True)])
    @given(
        st.sampled_from((2, 3, 50)),
        st.lists(st.integers(0, 99), max_size=4),
        st.lists(st.tuples(st.integers(1, 60), st.booleans()), max_size=4),
    )
    def run(most: int, repeats: list[int], kills: list[tuple[int, bool]]) -> None:
        with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
            shutil.copytree(tmp_path / "before", Path(folder) / "home")
            patch.setattr(finish, "MAX_DELIVERIES", most)
            assert end_of(Path(folder) / "home", messages, repeats, kills) == alone

    run()
