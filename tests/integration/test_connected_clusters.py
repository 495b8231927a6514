"""A cluster connected by the address of its OpenCost: days add up to a month, a restated day replaces its own, a forgotten one stays."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from common.ingestion.connecting import Connection, connect
from common.ingestion.importing import BillOnDisk, import_bills
from common.ingestion.requesting import Outcome
from common.ingestion.syncing import sync
from common.records.organizations import ensure_default
from costwire.waiting import wait
from costwire.worker import subscribe_all
from tests.cluster_peer import Cluster, clustered
from tests.support import Laptop, laptop

TWO_DAYS = (
    Path(__file__).parents[1] / "fixtures" / "bills" / "opencost" / "opencost_allocation_2026-09-01_02_controller.json"
)


@pytest.fixture
def rt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Laptop]:
    monkeypatch.setattr("tests.support._SHIFT", timedelta(0))  # answers are of the test's clock already
    with laptop(tmp_path / "home") as made:
        ensure_default(made.documents, made.clock.now())
        subscribe_all(made)
        yield made


@pytest.fixture
def cluster(rt: Laptop) -> Iterator[Cluster]:
    with clustered() as made:
        made.days = {"2026-04-01": {"shop": "1.25"}, "2026-04-02": {"shop": "2", "batch": "0.5"}}
        asked = Connection("default", "opencost", made.address, scheduled=False)
        connect(rt, asked)
        yield made


def fetch(rt: Laptop, periods: tuple[str, ...] = ("2026-04",)) -> Outcome:
    return wait(rt, sync(rt, "default", billing_periods=periods))


def by_day(rt: Laptop) -> dict[str, Decimal]:
    rows = rt.ask(
        "select cast(date(ChargePeriodStart) as string) as day, sum(x_EstimatedCost) as cost from cost_data_standard_1_3 group by 1"
    )
    return {row["day"]: row["cost"] for row in rows}


def test_days_add_up_and_each_is_replaced_by_its_own_restatement(rt: Laptop, cluster: Cluster) -> None:
    assert fetch(rt).reasons == ()
    assert by_day(rt) == {"2026-04-01": Decimal("1.25"), "2026-04-02": Decimal("2.5")}
    assert fetch(rt).reasons == ()
    assert by_day(rt) == {"2026-04-01": Decimal("1.25"), "2026-04-02": Decimal("2.5")}

    rt.clock.sleep(86400)
    cluster.days = {"2026-04-02": {"shop": "3"}, "2026-04-03": {"shop": "4"}}  # the server has forgotten the first day
    assert fetch(rt).reasons == ()
    assert by_day(rt) == {"2026-04-01": Decimal("1.25"), "2026-04-02": Decimal(3), "2026-04-03": Decimal(4)}


def test_saved_answers_restate_the_month_and_never_stand_beside_its_days(
    rt: Laptop, cluster: Cluster, tmp_path: Path
) -> None:
    fetch(rt)
    saved = tmp_path / "april.json"
    saved.write_text(TWO_DAYS.read_text().replace("2026-09", "2026-04"))
    rt.clock.sleep(86400)
    requested, _ = import_bills(
        rt, [BillOnDisk(saved, "default", integration_id="opencost", delivered_at=rt.clock.now())]
    )
    assert wait(rt, requested).reasons == ()
    assert by_day(rt) == {"2026-04-01": Decimal("10.33956"), "2026-04-02": Decimal("8.43055")}
    rt.clock.sleep(86400)
    cluster.days["2026-04-02"] = {"shop": "7"}
    fetch(rt)
    assert by_day(rt) == {"2026-04-01": Decimal("1.25"), "2026-04-02": Decimal(7)}


def test_a_cluster_without_allocations_waits_and_is_no_error(rt: Laptop, cluster: Cluster) -> None:
    cluster.days = {}
    outcome = fetch(rt)
    assert outcome.reasons == () and "no allocations yet" in outcome.waiting[0]
