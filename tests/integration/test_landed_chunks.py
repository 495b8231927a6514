"""What was landed is what is mapped: message, delivery and stored bytes must agree, and a replay succeeds once they do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from common.errors import CostError
from common.messages import BillLanded, IngestBill, Message, as_data
from common.records.deliveries import Delivery
from common.records.integrations import save_integration
from common.records.organizations import ensure_default
from common.records.runs import fail_run, queue_run
from costwire.replay import replay
from costwire.worker import subscribe_all, work
from functions.ingest_aws.main import ingest_aws
from tests.support import Laptop, cur_line, cur_text, laptop

GOOD = cur_text([cur_line(number, "1.25") for number in range(20)])
RUN = "run1.bill"


@pytest.fixture
def rt(tmp_path: Path) -> Iterator[Laptop]:
    with laptop(tmp_path / "home") as made:
        yield made


class Held:
    """A bus that keeps what is published."""

    def __init__(self) -> None:
        self.messages: list[Any] = []

    def publish(self, message: Message) -> str:
        self.messages.append(message)
        return "held"

    def publish_all(self, messages: Sequence[Message]) -> None:
        self.messages.extend(messages)


@pytest.fixture
def landed(rt: Laptop, tmp_path: Path) -> BillLanded:
    """A bill that is landed; its message is kept back."""
    path = tmp_path / "bill.csv"
    path.write_text(GOOD, encoding="utf-8")
    ensure_default(rt.documents, rt.clock.now())
    save_integration(rt.documents, rt.clock.now(), "default", "bill", "aws", path.as_uri())
    queue_run(rt.documents, rt.clock, "default", RUN, "bill", "manual")
    bus, held = rt.bus, Held()
    rt.__dict__["bus"] = held
    ingest_aws(IngestBill("aws", "default", "bill", RUN))
    rt.__dict__["bus"] = bus
    subscribe_all(rt)
    (message,) = held.messages
    assert isinstance(message, BillLanded)
    return message


def stored(rt: Laptop, landed: BillLanded) -> Path:
    path = rt.objects.readable(landed.uri).path
    assert path is not None
    return path


def run(rt: Laptop) -> tuple[str, str | None]:
    document = rt.documents.get(f"orgs/default/runs/{RUN}") or {}
    return document["status"], document["error"]


def refused(rt: Laptop, message: BillLanded) -> str:
    """The reason, told alike by the dead letter and the run; nothing is written."""
    rt.bus.publish(message)
    list(work(rt, rt.clock.sleep))
    (letter,) = rt.bus.dead_letters()
    assert run(rt) == ("failed", letter.reason)
    assert rt.objects.list("focus/") == [] and rt.billed() == {}
    assert [one["state"] for one in rt.deliveries()] == ["landed"]
    return letter.reason


def ends_well(rt: Laptop) -> None:
    assert run(rt) == ("succeeded", None)
    assert rt.billed() == {"USD": Decimal("25")} and rt.bus.dead_letters() == []


@pytest.mark.parametrize("content", [None, cur_text([cur_line(1, "9")]), GOOD.replace("1.25", "1.26", 1)])
def test_bytes_that_are_gone_or_others_are_named_and_mapped_once_they_are_back(
    rt: Laptop, landed: BillLanded, content: str | None
) -> None:
    path = stored(rt, landed)
    path.chmod(0o600)
    path.unlink()
    if content is not None:
        path.write_text(content, encoding="utf-8")
    reason = refused(rt, landed)
    words = "is missing: restore" if content is None else "has different content than was landed (sha256:"
    assert f"object {landed.uri}, chunk 0 of the delivery, {words}" in reason
    path.unlink(missing_ok=True)
    path.write_text(GOOD, encoding="utf-8")
    replay(topic=None, delivery=None)
    ends_well(rt)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("digest", "sha256:0"), ("uri", "file:///elsewhere"), ("size_bytes", 1), ("chunk", 7), ("chunk", -1), ("chunks", 2),
        ("billing_period", "2026-04"), ("integration_id", "other"),
    ],
)  # fmt: skip
def test_a_message_that_contradicts_its_delivery_is_refused(
    rt: Laptop, landed: BillLanded, name: str, value: Any
) -> None:
    reason = refused(rt, BillLanded(**(as_data(landed) | {name: value})))
    assert name.removesuffix("s") in reason and landed.delivery_id in reason
    with pytest.raises(CostError, match=name.removesuffix("s")):
        replay(topic=None, delivery=None)
    rt.bus.publish(landed)
    list(work(rt, rt.clock.sleep))
    assert run(rt) == ("succeeded", None) and rt.billed() == {"USD": Decimal("25")}


def test_a_run_that_has_done_its_work_stays_so(rt: Laptop, landed: BillLanded) -> None:
    rt.bus.publish(landed)
    list(work(rt, rt.clock.sleep))
    fail_run(rt.documents, rt.clock, "default", RUN, "a message came late")
    ends_well(rt)
    assert [Delivery.from_document(one).run_id for one in rt.deliveries()] == [RUN]


@pytest.mark.parametrize("org_slug", ["../../etc", "a/b", "no", "default/x/y"])
def test_a_tenant_that_is_no_name_is_told_as_such(rt: Laptop, landed: BillLanded, org_slug: str) -> None:
    rt.bus.publish(BillLanded(**(as_data(landed) | {"org_slug": org_slug})))
    list(work(rt, rt.clock.sleep))
    (letter,) = rt.bus.dead_letters()
    assert "\n" not in letter.reason and run(rt) == ("running", None)
