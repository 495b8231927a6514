"""What every warehouse must do when a tenant is removed: nothing of it is left, and it can be shown again."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from common.errors import BadConfiguration
from common.ports import Replacement
from tests.contract.backends import chosen
from tests.contract.warehouse_cases import Opened, charge


@pytest.fixture(params=chosen("WAREHOUSES", "duckdb"))
def opened(tmp_path: Path, request: pytest.FixtureRequest) -> Opened:
    return Opened(tmp_path, request.param)


def test_a_removed_tenant_has_nothing_and_its_neighbour_everything(opened: Opened) -> None:
    for org in ("first_org", "second_org"):
        opened.show("d1", charge(BilledCost="1"), org=org)
        opened.show("d2", charge(BilledCost="2"), day=2, org=org)
    assert opened.warehouse.remove("first_org") is True
    assert opened.billed("first_org") is None
    assert opened.ask("select * from restatements", "first_org") == []
    assert opened.billed("second_org") == Decimal(2)
    assert len(opened.ask("select * from restatements", "second_org")) == 1


def test_removing_again_or_what_never_was_changes_nothing(opened: Opened) -> None:
    opened.show("d1", charge(BilledCost="1"), org="first_org")
    assert [opened.warehouse.remove("first_org") for _ in range(2)] == [True, False]
    assert opened.warehouse.remove("never_there") is False


def test_a_delivery_is_shown_again_after_a_removal(opened: Opened) -> None:
    opened.show("d2", charge(BilledCost="2"), day=2)
    opened.warehouse.remove("default")
    assert opened.show("d2", charge(BilledCost="2"), day=2) == Replacement(shown=True)
    assert opened.billed() == Decimal(2)


@pytest.mark.parametrize("slug", ["", "a-b", "a/b", "../other", "default\n"])
def test_what_is_no_slug_removes_nothing(opened: Opened, slug: str) -> None:
    opened.show("d1", charge(BilledCost="1"))
    with pytest.raises(BadConfiguration):
        opened.warehouse.remove(slug)
    assert opened.billed() == Decimal(1)
