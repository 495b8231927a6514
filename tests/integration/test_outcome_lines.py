"""Real runs write the lines that the metrics are read from: each metric has its value, from the functions themselves."""

from __future__ import annotations

import json
import logging
import re
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from common.domain.budgets import Budget, as_document
from common.errors import Retryable
from common.formats.totals import ControlTotals
from common.ingestion import reading
from common.ports import ONE_PLACE, Notification
from common.records.deliveries import Delivery
from common.telemetry import logs
from common.telemetry.metrics import METRICS, Metric
from costwire.worker import work
from tests.integration.test_shown_together import history
from tests.support import Laptop, cur_line, cur_text, laptop

_TERM = re.compile(r'jsonPayload\.(\w+)(:\*|>=0|>0|="([^"]*)")')


class Lines(logging.Handler):
    """What Cloud Logging would get."""

    def __init__(self) -> None:
        super().__init__()
        self.entries: list[dict[str, Any]] = []
        self._formatter = logs.CloudFormatter("acme-costs")

    def emit(self, record: logging.LogRecord) -> None:
        self.entries.append(json.loads(self._formatter.format(record)))

    def values(self) -> dict[str, float]:
        """Every metric: how many lines a counter counts, what a distribution adds up to."""
        found: dict[str, float] = defaultdict(float)
        for metric in METRICS:
            for entry in self.entries:
                if _selected(metric, entry):
                    found[metric.name] += entry[metric.value_field] if metric.value_field else 1
        return found


def _selected(metric: Metric, entry: dict[str, Any]) -> bool:
    """Whether the metric's filter takes the line: the few forms that our filters have."""
    resource, *terms = metric.filter.split(" AND ")
    assert resource == 'resource.type="cloud_run_revision"'
    for term in terms:
        found = _TERM.fullmatch(term)
        assert found, term
        name, test, text = found.groups()
        value = entry.get(name)
        if value is None or (test == ">0" and value <= 0) or (text is not None and value != text):
            return False
    return True


@pytest.fixture
def lines() -> Iterator[Lines]:
    ours, handler = logging.getLogger(logs.LOGGER), Lines()
    level = ours.level
    ours.addHandler(handler)
    ours.setLevel(logging.INFO)
    yield handler
    ours.removeHandler(handler)
    ours.setLevel(level)


def bill(folder: Path, *costs: str) -> Path:
    target = folder / "bill.csv"
    target.write_text(cur_text([cur_line(number, cost) for number, cost in enumerate(costs)]), encoding="utf-8")
    return target


def with_budget(rt: Laptop) -> None:
    budget = Budget("cloud", "Cloud", Decimal(1), "USD", "monthly", thresholds=(Decimal(100),), forecast_thresholds=())
    rt.documents.set("orgs/default/budgets/cloud", as_document(budget))


def test_a_bill_that_breaks_a_budget(tmp_path: Path, lines: Lines) -> None:
    source = bill(tmp_path, "5", "6", "none of it a number")
    with laptop(tmp_path / "home") as rt:
        with_budget(rt)
        outcomes = rt.bring(source)
    found = lines.values()
    assert found["costwire_messages_handled"] == len(outcomes) == 6
    assert found["costwire_bytes_landed"] == source.stat().st_size
    assert (found["costwire_rows_normalized"], found["costwire_rows_quarantined"]) == (2, 1)
    assert (found["costwire_deliveries_shown"], found["costwire_deliveries_rejected"]) == (1, 0)
    assert (found["costwire_alerts_raised"], found["costwire_notifications_sent"]) == (1, 1)
    assert 0 < found["costwire_landed_to_shown_seconds"] < 60
    assert found["costwire_handler_milliseconds"] >= 5
    assert found["costwire_proofs_failed"] == found["costwire_messages_dead_lettered"] == 0
    for entry in lines.entries:
        assert entry["org_slug"] == "default" and entry["event_id"] and entry["attempt"] == 1
    (proved,) = [entry for entry in lines.entries if "totals" in entry]
    assert proved["totals"] == {"USD": "11"} and proved["provider"] == "aws"


def test_each_message_tells_of_its_own_delivery_also_where_one_turn_shows_several(tmp_path: Path, lines: Lines) -> None:
    with laptop(tmp_path / "home") as rt:
        rt.bring(history(tmp_path / "bill.csv", ("2026-01", "2026-02", "2026-03")))
    told = [entry for entry in lines.entries if "deliveries_shown" in entry]
    assert lines.values()["costwire_deliveries_shown"] == len(told) == len({one["delivery_id"] for one in told}) == 3
    assert all(0 < one["landed_to_shown_seconds"] < 60 and one["totals"] == {"USD": "1.25"} for one in told)
    assert [one["outcome"] for one in told] == ["done"] * 3


def test_a_proof_that_fails(tmp_path: Path, lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    read = reading.control_totals

    def lossy(*words: Any) -> ControlTotals:
        totals = read(*words)
        for total in totals.totals.values():
            total.amount += Decimal("0.01")
            total.rounded += Decimal("0.01")
        return totals

    monkeypatch.setattr(reading, "control_totals", lossy)  # a loss cannot be provoked
    with laptop(tmp_path / "home") as rt:
        rt.bring(bill(tmp_path, "5"))
    found = lines.values()
    assert (found["costwire_proofs_failed"], found["costwire_deliveries_rejected"]) == (1, 1)
    assert found["costwire_deliveries_shown"] == 0 and found["costwire_alerts_raised"] == 1


def test_a_bill_that_cannot_be_read(tmp_path: Path, lines: Lines) -> None:
    source = tmp_path / "bill.csv"
    source.write_text("what,is,this\n1,2,3\n", encoding="utf-8")
    with laptop(tmp_path / "home") as rt:
        rt.bring(source)
    assert lines.values()["costwire_deliveries_rejected"] == 1


def test_a_channel_that_is_away(tmp_path: Path, lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    class Away:
        channel = "email"
        recipients = ONE_PLACE

        def send(self, notification: Notification, recipient: str) -> str:
            raise Retryable("the mail server is away")

    with laptop(tmp_path / "home") as rt:
        monkeypatch.setitem(rt.__dict__, "notifiers", (Away(),))
        with_budget(rt)
        rt.bring(bill(tmp_path, "5"), delivered_at=datetime(2026, 4, 1, tzinfo=UTC))
    found = lines.values()
    assert (found["costwire_notifications_failed"], found["costwire_notifications_sent"]) == (5, 0)
    assert found["costwire_messages_dead_lettered"] == 1
    tries = [entry for entry in lines.entries if entry["function"] == "send_notifications"]
    assert [(one["attempt"], one["outcome"]) for one in tries] == [
        (1, "retried"), (2, "retried"), (3, "retried"), (4, "retried"), (5, "dead-lettered"),
    ]  # fmt: skip


def test_a_message_whose_work_is_done(tmp_path: Path, lines: Lines) -> None:
    with laptop(tmp_path / "home") as rt:
        rt.bring(bill(tmp_path, "5"))
        (delivery,) = rt.deliveries()
        for message in Delivery.from_document(delivery).messages():
            rt.bus.publish(message)
        list(work(rt, rt.clock.sleep))
    assert [entry["outcome"] for entry in lines.entries][-1] == "skipped as done"
    assert lines.values()["costwire_deliveries_shown"] == 1
