"""A delivery whose totals differ is rejected and people are told; the next proved one takes the alert back."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from common.formats.totals import ControlTotals
from common.ingestion import reading
from tests.support import cur_line, cur_text, laptop


def lossy(totals: ControlTotals) -> ControlTotals:
    """What a second reader would say that saw one more cent than the mapping did."""
    for total in totals.totals.values():
        total.amount += Decimal("0.01")
        total.rounded += Decimal("0.01")
    return totals


def test_a_difference_rejects_the_delivery_keeps_the_earlier_one_and_raises_one_alert(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bill = tmp_path / "bill.csv"
    with laptop(tmp_path / "home") as rt:
        bill.write_text(cur_text([cur_line(1, "5")]))
        rt.bring(bill, delivered_at=datetime(2026, 4, 1, tzinfo=UTC))

        read = reading.control_totals
        monkeypatch.setattr(reading, "control_totals", lambda *words: lossy(read(*words)))  # a loss cannot be provoked
        bill.write_text(cur_text([cur_line(1, "7")]))
        rt.bring(bill, delivered_at=datetime(2026, 4, 2, tzinfo=UTC))
        rt.bring(bill, delivered_at=datetime(2026, 4, 2, tzinfo=UTC))
        assert rt.billed() == {"USD": Decimal(5)}
        (rejected,) = rt.deliveries(state="rejected")
        assert "totals differ by 0.01 USD" in rejected["reason"]
        (alert,) = [document for _, document in rt.documents.list("orgs/default/alerts")]
        assert (alert["state"], alert["type"]) == ("open", "proof_failed")
        assert len(list((rt.home / "outbox").iterdir())) == 1

        monkeypatch.setattr(reading, "control_totals", read)
        bill.write_text(cur_text([cur_line(1, "8")]))
        rt.bring(bill, delivered_at=datetime(2026, 4, 3, tzinfo=UTC))
        assert rt.billed() == {"USD": Decimal(8)}
        (alert,) = [document for _, document in rt.documents.list("orgs/default/alerts")]
        assert alert["state"] == "retracted"
        texts = [path.read_text() for path in sorted((rt.home / "outbox").iterdir())]
        assert len(texts) == 2
        assert "0.01" in texts[0] + texts[1]
