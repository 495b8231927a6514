"""Whatever is delivered, corrected and delivered again, in whatever order: what is shown is a pure function of it."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.integration.shown_state import check_settled
from tests.integration.test_which_delivery_is_shown import REPORT, TWINS, cur
from tests.support import laptop

DAY = datetime(2026, 4, 1, tzinfo=UTC)
FEW = settings(
    max_examples=3, phases=[Phase.explicit, Phase.reuse, Phase.generate], suppress_health_check=[HealthCheck.too_slow]
)
hours = st.sampled_from([0, 1, 10, 24, 60, -30])
seeds = st.one_of(st.none(), st.integers(0, 99))


def at(hour: int) -> datetime:
    return DAY + timedelta(hours=hour)


@FEW
@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(["10", "12", "15"]), hours), min_size=2, max_size=5),
    seeds,
)
def test_of_restatements_the_newest_is_shown_and_of_an_account_one(
    steps: list[tuple[str, str, int]], seed: int | None
) -> None:
    """Two integrations bring versions of one account's bill; each time that is given is the user's word, the last one counts."""
    with tempfile.TemporaryDirectory() as folder, laptop(Path(folder) / "home", fault_seed=seed) as rt:
        known: dict[str, dict[str, int]] = {"a": {}, "b": {}}
        for name, cost, hour in steps:
            rt.bring(cur(Path(folder) / f"{cost}.csv", cost), integration=name, delivered_at=at(hour), corrects=True)
            known[name][cost] = hour
        first = steps[0][0]  # it showed the account first, and goes on
        newest = max(known[first].values())
        assert rt.billed()["USD"] in {Decimal(cost) for cost, hour in known[first].items() if hour == newest}
        check_settled(rt)


@FEW
@given(st.lists(st.tuples(st.sets(st.integers(0, 3), min_size=1), hours, st.booleans()), min_size=2, max_size=5), seeds)
def test_files_that_add_up_are_all_shown(steps: list[tuple[set[int], int, bool]], seed: int | None) -> None:
    """Files alone and in folders, some of them seen before, with times that are put right."""
    header, *lines = REPORT.read_text().splitlines()
    with tempfile.TemporaryDirectory() as folder, laptop(Path(folder) / "home", fault_seed=seed) as rt:
        seen: set[int] = set()
        for place, (numbers, hour, corrects) in enumerate(steps):
            bills = Path(folder) / f"bills{place}"
            bills.mkdir()
            for number in numbers:
                (bills / f"report{number}-{place}.csv").write_text("\n".join([header, *lines[number::4], ""]))
            rt.bring(bills, provider="oci", delivered_at=at(hour), corrects=corrects)
            seen |= numbers
        assert len(rt.exported()) == sum(len(lines[number::4]) for number in seen)
        check_settled(rt)


halves = st.tuples(st.sampled_from(["actual", "amortized", "other"]), hours)


@FEW
@given(st.lists(halves, min_size=2, max_size=5), seeds)
def test_halves_are_shown_as_the_newest_pair_or_half(steps: list[tuple[str, int]], seed: int | None) -> None:
    """Two actual exports and an amortized one of a month, each brought at times that the user puts right."""
    with tempfile.TemporaryDirectory() as folder, laptop(Path(folder) / "home", fault_seed=seed) as rt:
        paths = {one: TWINS / f"part_0_{one}.csv" for one in ("actual", "amortized")}
        paths["other"] = Path(folder) / "other.csv"
        paths["other"].write_text(paths["actual"].read_text().replace("133.21", "133.22"))
        known: dict[str, int] = {}
        for name, hour in steps:
            rt.bring(paths[name], provider="azure", delivered_at=at(hour), corrects=True)
            known[name] = hour
        twin = known.get("amortized")
        ranks = {frozenset({name}): (hour, 1, hour) for name, hour in known.items()}
        for name, hour in known.items():
            if name != "amortized" and twin is not None and abs(hour - twin) <= 12:
                ranks[frozenset({name, "amortized"})] = max(hour, twin), 2, min(hour, twin)
        whole = {key: rank for key, rank in ranks.items() if not any(key < other for other in ranks)}
        newest = max(whole.values())
        (current,) = rt.deliveries(state="current")
        names = {path.name: name for name, path in paths.items()}
        assert frozenset(names[part["name"]] for part in current["parts"]) in {
            key for key, rank in whole.items() if rank == newest
        }
        check_settled(rt)
