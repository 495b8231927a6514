"""Once its chunks are mapped, a delivery is shown by a message of its own, in turn with the others of its organization."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from common.config import Settings
from common.errors import BadConfiguration, CostError, Retryable
from common.messages import BillLanded, DeliveryMapped, Message, SyncRequested
from common.ports import Slice, Swap
from common.records.integrations import save_integration
from common.records.organizations import ensure_default
from common.runtime import bootstrap
from costwire.worker import Outcome, deliver, subscribe_all, work
from deployment.cost_counting import CountingDocuments, Counts
from tests.support import Laptop, cur_line, cur_text, laptop


@pytest.fixture
def rt(tmp_path: Path) -> Iterator[Laptop]:
    with laptop(tmp_path / "home") as made:
        yield made


def bill(folder: Path, parts: int, account: str = "111122223333") -> Path:
    folder.mkdir(parents=True)
    for part in range(parts):
        lines = [cur_line(part, "1.25", PayerAccountId=account)]
        (folder / f"part-{part}.csv").write_text(cur_text(lines), encoding="utf-8")
    return folder


def reads_of_chunks(rt: Laptop, source: Path, integration: str) -> int:
    """Documents read by all messages of chunks together."""
    counts, documents = Counts(), rt.documents
    request = connected(rt, source, integration)
    rt.bus.publish(request)
    while delivery := rt.bus.pull():
        counts.at_work = delivery.topic
        rt.__dict__["documents"] = CountingDocuments(documents, counts)
        assert deliver(rt, delivery).error is None
        rt.__dict__["documents"] = documents
    return counts.documents[BillLanded.topic]["reads"]


def connected(rt: Laptop, source: Path, integration: str) -> SyncRequested:
    """An integration, and the request to fetch its bills."""
    ensure_default(rt.documents, rt.clock.now())
    save_integration(rt.documents, rt.clock.now(), "default", integration, "aws", source.as_uri())
    subscribe_all(rt)
    return SyncRequested(f"run-{integration}", "manual", "default", integration)


def test_a_chunk_reads_no_more_documents_where_there_are_more_chunks(rt: Laptop, tmp_path: Path) -> None:
    few = reads_of_chunks(rt, bill(tmp_path / "few", 2), "few")
    many = reads_of_chunks(rt, bill(tmp_path / "many", 12, account="999988887777"), "many")
    assert (few % 2, many) == (0, few // 2 * 12)


def test_a_delivery_that_is_announced_twice_is_shown_once(rt: Laptop, tmp_path: Path) -> None:
    rt.bring(bill(tmp_path / "bill", 2))
    (shown,) = rt.deliveries()
    rt.bus.publish(DeliveryMapped("default", "bill", "aws", "2026-03", shown["delivery_id"], shown["run_id"]))
    (again,) = work(rt, rt.clock.sleep)
    assert (again.delivery.topic, again.error) == ("delivery-mapped", None)
    assert rt.billed() == {"USD": Decimal("2.50")} and rt.deliveries() == [shown]


def test_a_delivery_that_lacks_a_chunk_waits_for_it(rt: Laptop, tmp_path: Path) -> None:
    """As after a replay that began between the announcement and its message."""
    rt.bus.publish(connected(rt, bill(tmp_path / "bill", 2), "bill"))
    announced = until(rt, DeliveryMapped.topic)
    landed = announced.event["data"]
    chunk = f"orgs/default/deliveries/{landed['delivery_id']}/chunks/00001"
    document = rt.documents.get(chunk)
    rt.documents.delete(chunk)
    assert deliver(rt, announced).error is None
    assert rt.billed() == {} and [one["state"] for one in rt.deliveries()] == ["landed"]
    rt.documents.set(chunk, document or {})
    rt.bus.publish(DeliveryMapped(**landed))
    list(work(rt, rt.clock.sleep))
    assert rt.billed() == {"USD": Decimal("2.50")}


def until(rt: Laptop, topic: str) -> Any:
    """Deliver until a message of the topic is pulled, which is returned."""
    while delivery := rt.bus.pull():
        if delivery.topic == topic:
            return delivery
        assert deliver(rt, delivery).error is None
    raise AssertionError(f"no message on {topic}")


class Deaf:
    """A bus that loses one announcement with its worker."""

    def __init__(self, behind: Any) -> None:
        self._behind, self._lost = behind, False

    def publish(self, message: Message) -> str:
        if isinstance(message, DeliveryMapped) and not self._lost:
            self._lost = True
            raise Retryable("the worker died")
        return str(self._behind.publish(message))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._behind, name)


def test_a_chunk_whose_worker_died_before_the_announcement_announces_when_its_message_comes_again(
    rt: Laptop, tmp_path: Path
) -> None:
    rt.__dict__["bus"] = Deaf(rt.bus)
    outcomes = rt.bring(bill(tmp_path / "bill", 1))
    assert [one.error for one in outcomes if one.error] == ["the worker died"]
    assert rt.billed() == {"USD": Decimal("1.25")}


class Failing(Laptop):
    """A laptop whose warehouse refuses the deliveries of one integration."""

    error: CostError

    @cached_property
    def warehouse(self) -> Any:
        behind = Laptop.warehouse.func(self)  # type: ignore[attr-defined]
        return _Refusing(behind, lambda: self.error)


class _Refusing:
    def __init__(self, behind: Any, error: Callable[[], CostError]) -> None:
        self._behind, self._error = behind, error

    def replace_slice(self, piece: Slice, *given: Any, **words: Any) -> Any:
        if piece.integration_id == "broken":
            raise self._error()
        return self._behind.replace_slice(piece, *given, **words)

    def replace_slices(self, swaps: Sequence[Swap]) -> Any:
        if any(one.piece.integration_id == "broken" for one in swaps):
            raise self._error()
        return self._behind.replace_slices(swaps)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._behind, name)


def in_turn(outcomes: Sequence[Outcome]) -> list[tuple[str, int, bool]]:
    """Integration, attempt and whether it failed, of each delivery that was to be shown."""
    return [
        (one.delivery.event["data"]["integration_id"], one.delivery.attempt, bool(one.error))
        for one in outcomes
        if one.delivery.topic == DeliveryMapped.topic
    ]


@pytest.mark.parametrize(
    ("error", "tries"), [(BadConfiguration("a role is missing"), 1), (Retryable("the warehouse is away"), 5)], ids=str
)
def test_a_delivery_that_cannot_be_shown_holds_up_the_others_only_until_it_is_given_up(
    tmp_path: Path, error: CostError, tries: int
) -> None:
    made = Failing(Settings(home=tmp_path / "home", threads=1))
    made.error = error
    bootstrap.use(made)
    try:
        for number, integration in enumerate(("broken", "sound")):
            source = bill(tmp_path / integration, 1, account=f"{number:012d}")
            made.bus.publish(connected(made, source, integration))
        began = made.clock.now()
        outcomes = list(work(made, made.clock.sleep))
        assert in_turn(outcomes) == [*(("broken", one, True) for one in range(1, tries + 1)), ("sound", 1, False)]
        assert (made.clock.now() - began).total_seconds() < 180
        assert [letter.reason for letter in made.bus.dead_letters()] == [str(error)]
        assert made.billed() == {"USD": Decimal("1.25")}
    finally:
        bootstrap.use(None)
