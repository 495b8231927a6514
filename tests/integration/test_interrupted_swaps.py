"""Writes of an import fail, one at a time: after the messages came again the end is the same."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from common.config import Settings
from common.runtime import bootstrap
from tests.integration.shown_state import check_settled
from tests.integration.test_which_delivery_is_shown import TWINS, cur, reports
from tests.support import Laptop, laptop

DAY = datetime(2026, 4, 1, tzinfo=UTC)


class Interrupted(Exception):
    """Stands for a process that died at a write."""


class Fuse:
    """Fails at one write, and never again."""

    def __init__(self) -> None:
        self.left: int | None = None
        self.count = 0

    def around(self, write: Callable[[], Any]) -> Any:
        self.count += 1
        if self.left is None:
            return write()
        self.left -= 1
        if self.left == 0:
            raise Interrupted
        return write()


class Breakable:
    """An adapter whose writes go through a fuse."""

    def __init__(self, behind: Any, fuse: Fuse, writes: tuple[str, ...]) -> None:
        self._behind, self._fuse, self._writes = behind, fuse, writes

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._behind, name)
        if name not in self._writes:
            return found
        return lambda *args, **more: self._fuse.around(lambda: found(*args, **more))


class FusedLaptop(Laptop):
    """A laptop whose document and warehouse writes can be made to fail."""

    @cached_property
    def fuse(self) -> Fuse:
        return Fuse()

    @cached_property
    def documents(self) -> Any:
        return Breakable(Laptop.documents.func(self), self.fuse, ("set", "transact", "delete"))  # type: ignore[attr-defined]

    @cached_property
    def warehouse(self) -> Any:
        return Breakable(Laptop.warehouse.func(self), self.fuse, ("replace_slice", "replace_slices"))  # type: ignore[attr-defined]


Step = tuple[Path, dict[str, Any]]


def correction(folder: Path) -> tuple[list[Step], Decimal]:
    """A wrong time is put right: the earlier delivery is shown again."""
    right, wrong = cur(folder / "right.csv", "10"), cur(folder / "wrong.csv", "99", account="999988887777")
    return [
        (right, {"delivered_at": DAY}),
        (wrong, {"delivered_at": DAY + timedelta(days=1)}),
        (wrong, {"delivered_at": DAY - timedelta(days=9), "corrects": True}),
    ], Decimal(10)


def parting(folder: Path) -> tuple[list[Step], Decimal]:
    """A half of a pair moves away."""
    azure = {"provider": "azure", "delivered_at": DAY}
    actual, amortized = TWINS / "part_0_actual.csv", TWINS / "part_0_amortized.csv"
    moved = {**azure, "delivered_at": DAY + timedelta(days=3), "corrects": True}
    return [(actual, azure), (amortized, azure), (actual, moved)], Decimal("133.21")


def adding_up(folder: Path) -> tuple[list[Step], Decimal | None]:
    """Reports of one month, one after the other."""
    return [(path, {"provider": "oci", "delivered_at": DAY}) for path in reports(folder)], None


SCENARIOS = {"correction": correction, "parting": parting, "adding up": adding_up}


STRIDE = 4


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_end_is_the_same_whichever_write_of_the_last_import_failed(tmp_path: Path, name: str) -> None:
    steps, expected = SCENARIOS[name](tmp_path)
    *before, last = steps
    with laptop(tmp_path / "before") as made:
        for path, how in before:
            made.bring(path, **how)
    place, writes, calm = 0, 1, None
    while place <= writes:
        home = tmp_path / f"home{place}"
        shutil.copytree(tmp_path / "before", home)
        made = FusedLaptop(Settings(home=home, threads=1))
        bootstrap.use(made)
        try:
            made.clock.sleep(60)
            made.fuse.left = place or None
            try:
                made.bring(last[0], **last[1])
            except Interrupted:  # the command itself, before anything was asked for
                made.bring(last[0], **last[1])
            writes = writes if place else made.fuse.count
            made.fuse.left = None
            check_settled(made)
            billed = made.billed()
            parts = [[part["name"] for part in one["parts"]] for one in made.deliveries(state="current")]
            calm = calm or (billed, parts)
            assert (billed, parts) == calm, place
        finally:
            bootstrap.use(None)
        # every fourth write, in each scenario other ones
        place += STRIDE if place else 1 + list(SCENARIOS).index(name)
        shutil.rmtree(home)
    assert writes > 15
    assert calm is not None and expected in (None, *calm[0].values())
