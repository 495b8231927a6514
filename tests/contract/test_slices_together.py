"""Slices that are replaced in one call end as if each had been replaced alone, in every warehouse."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from common.errors import NotFound
from common.focus import TABLE
from common.ports import Replacement, Slice, Swap
from common.warehouse.daily import DAILY_TABLE
from tests.contract.backends import chosen
from tests.contract.warehouse_cases import ORG, Opened, charge

BACKENDS = chosen("WAREHOUSES", "duckdb")
EXAMPLES = {"duckdb": 15, "bigquery": 3}
PIECES = [Slice(ORG, integration, month) for integration in ("aws-a", "aws-b") for month in ("2026-02", "2026-03")]
MOMENT = datetime(2026, 4, 1, tzinfo=UTC)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "BilledCost": st.sampled_from(("0", "-3.10", "0.000000000000000000000001", "7")),
            "ServiceName": st.sampled_from(("Compute", "Storage")),
            "day": st.sampled_from((1, 2, 28)),
        }
    ),
    max_size=3,
)
MEANT = st.sampled_from(("for what is shown", "for what is shown", "for nothing", "for another"))
# of each slice: nothing, or rows and what they are meant to replace; or what is shown already, once more
STEPS = st.lists(
    st.lists(st.none() | st.just("again") | st.tuples(ROWS, MEANT), min_size=len(PIECES), max_size=len(PIECES)),
    min_size=1,
    max_size=3,
)


SOME = [{"BilledCost": "7", "ServiceName": "Compute", "day": day} for day in (1, 28)]
MEANT_WELL = "for what is shown"
REPLACED = [[(SOME, MEANT_WELL)] * 4, [(SOME[:1], MEANT_WELL), None, None, (SOME[1:], MEANT_WELL)]]
"""Two slices are replaced whose integrations have another slice each, within the same days."""


def wanted(opened: Opened, step: int, place: int, rows: list[dict[str, Any]], instead_of: str | None) -> Swap:
    """A new delivery of a slice, whose files are stored."""
    piece, delivery_id = PIECES[place], f"d{step}-{place}"
    own = {"x_IntegrationId": piece.integration_id, "x_DeliveryId": delivery_id}
    made = [
        charge(
            **{"BilledCost": row["BilledCost"], "ServiceName": row["ServiceName"]},
            ChargePeriodStart=f"{piece.billing_period}-{row['day']:02}T05:00:00Z",
        )
        | own
        for row in rows
    ]
    files = [opened.put(f"focus/{ORG}/{delivery_id}/0.parquet", *made)] if rows else []
    return Swap(piece, delivery_id, MOMENT, files, instead_of)


def content(opened: Opened) -> list[list[str]]:
    """All that readers can see, but for when it was."""
    found = [opened.ask(f"select * from {table}") for table in (TABLE, DAILY_TABLE, "restatements", "slices")]
    moments = {"replaced_at", "shown_at"}
    return [sorted(str({k: v for k, v in row.items() if k not in moments}) for row in rows) for rows in found]


@pytest.mark.parametrize("backend", BACKENDS)
def test_slices_together_end_as_one_by_one(backend: str) -> None:
    @settings(max_examples=EXAMPLES[backend], deadline=None, suppress_health_check=list(HealthCheck))
    @given(STEPS)
    @example(REPLACED)
    def run(steps: list[list[Any]]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            worlds = []
            for name in ("together", "alone"):
                (Path(folder) / name).mkdir()
                worlds.append(Opened(Path(folder) / name, backend))
            together, alone = worlds
            current: dict[int, str] = {}
            last: dict[int, tuple[int, list[dict[str, Any]], str | None]] = {}
            for step, given_of in enumerate(steps):
                asked = []
                for place, one in enumerate(given_of):
                    if one == "again" and place in last:
                        asked.append((place, *last[place]))
                    elif one not in (None, "again"):
                        rows, meant = one
                        instead_of = {"for nothing": None, "for another": "other"}.get(meant, current.get(place))
                        asked.append((place, step, rows, instead_of))
                if not asked:
                    continue
                answers = []
                for world in worlds:
                    swaps = [wanted(world, number, place, rows, before) for place, number, rows, before in asked]
                    if world is together:
                        answers.append(world.warehouse.replace_slices(swaps))
                    else:
                        answers.append([world.warehouse.replace_slices([one])[0] for one in swaps])
                assert answers[0] == answers[1]
                for (place, number, rows, before), answer in zip(asked, answers[0], strict=True):
                    if answer.shown:
                        current[place], last[place] = f"d{number}-{place}", (number, rows, before)
                assert content(together) == content(alone)
            for world in worlds:
                world.close()

    run()


@pytest.fixture(params=BACKENDS)
def opened(tmp_path: Path, request: pytest.FixtureRequest) -> Any:
    made = Opened(tmp_path, request.param)
    yield made
    made.close()


ROW = {"BilledCost": "1", "ServiceName": "Compute", "day": 1}


def test_the_same_slices_again_change_no_more_than_their_times(opened: Opened) -> None:
    swaps = [wanted(opened, 1, place, [ROW], None) for place in range(3)]
    assert opened.warehouse.replace_slices(swaps) == [Replacement(shown=True)] * 3
    before = content(opened)
    assert opened.warehouse.replace_slices(swaps) == [Replacement(shown=True)] * 3
    assert content(opened) == before
    later = replace(swaps[1], delivered_at=datetime(2026, 4, 5, tzinfo=UTC))
    # beside one that is new
    more = wanted(opened, 1, 3, [ROW], None)
    assert opened.warehouse.replace_slices([later, more]) == [Replacement(shown=True)] * 2
    rows = opened.ask("select delivery_id, delivered_at from slices")
    assert {row["delivery_id"]: row["delivered_at"].day for row in rows} == {
        "d1-0": 1,
        "d1-1": 5,
        "d1-2": 1,
        "d1-3": 1,
    }


def test_a_slice_whose_file_is_gone_leaves_the_others_to_be_shown_one_by_one(opened: Opened) -> None:
    sound, broken, other = (wanted(opened, 1, place, [ROW], None) for place in range(3))
    broken = replace(broken, files=[opened.objects.uri("focus/none.parquet")])
    with pytest.raises(NotFound):
        opened.warehouse.replace_slices([sound, broken, other])
    for one in (sound, other):
        assert opened.warehouse.replace_slices([one]) == [Replacement(shown=True)]
    with pytest.raises(NotFound):
        opened.warehouse.replace_slices([broken])
    assert opened.billed() == 2
    assert {row["delivery_id"] for row in opened.ask("select delivery_id from slices")} == {"d1-0", "d1-2"}
