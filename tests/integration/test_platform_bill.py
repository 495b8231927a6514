"""The platform's own bill: what each organization took, noted once a day is over, as proved rows of the operator's organization."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from common.ingestion.connecting import Connection, connect
from common.ingestion.syncing import sync
from common.messages import CleanUpRequested
from common.records import organizations
from common.records.platform_usage import days_of
from common.running_costs.noting import on_clean_up
from costwire.waiting import wait
from costwire.worker import subscribe_all
from tests.support import Laptop, cur_line, cur_text, laptop

OPERATOR, TENANT = "operator_1", "default"
HOUR = 3_600


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with an operator and a tenant that has had a bill of three lines."""
    folder = tmp_path_factory.mktemp("platform")
    with laptop(folder / "home") as rt:
        organizations.add(rt.documents, rt.clock.now(), "Operator", OPERATOR)
        path = folder / "bill.csv"
        path.write_text(cur_text([cur_line(number, "1.25") for number in range(3)]), encoding="utf-8")
        rt.bring(path, "aws-main")
    return folder


@pytest.fixture
def rt(filled: Path, tmp_path: Path) -> Iterator[Laptop]:
    shutil.copytree(filled, tmp_path, dirs_exist_ok=True)
    with laptop(tmp_path / "home", operator_org=OPERATOR) as made:
        subscribe_all(made)
        yield made


def test_x(rt: Laptop) -> None:
    rt.clock.sleep(24 * HOUR)
    on_clean_up(CleanUpRequested("a", TENANT), rt)
    on_clean_up(CleanUpRequested("a", OPERATOR), rt)
    print(days_of(rt.documents, OPERATOR, "2026-04"))
    connect(rt, Connection(OPERATOR, "focus", f"costwire://{OPERATOR}/costwire", "costwire"))
    found = wait(rt, sync(rt, OPERATOR))
    print(found)
    print(rt.warehouse.query(OPERATOR, "select SubAccountId, ServiceName, x_Provider, x_EstimatedCost, BilledCost from cost_data_standard_1_3"))
    assert 0
