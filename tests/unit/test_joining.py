"""What is shown depends on what arrived, not on the order in which it did, nor on who saw what when."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from common.formats.recognition import formats
from common.records.deliveries import Delivery, identify
from common.records.joining import completeness, joined
from common.records.parts import Part

DAY = datetime(2026, 4, 1, tzinfo=UTC)
OCI, AZURE = formats()["oci_cost"], formats()["azure_cost"]


def piece(source_format: str, hour: int, *parts: tuple[str, str]) -> Delivery:
    """A delivery of files, each with its role and bytes."""
    made = tuple(Part(number, f"{name}.csv", f"raw/{name}", 1, name, role) for number, (role, name) in enumerate(parts))
    return Delivery(
        delivery_id=identify("one", "2026-03", [(part.role, part.digest) for part in made]),
        org_slug="default",
        integration_id="one",
        provider=source_format.partition("_")[0],
        source_format=source_format,
        billing_period="2026-03",
        delivered_at=DAY + timedelta(hours=hour),
        state="landed",
        parts=made,
        run_id="run",
        landed_at=DAY,
        completeness=completeness(made, formats()[source_format]),
    )


def landed(pieces: list[Delivery]) -> Delivery:
    """What is shown in the end, where each piece sees those that were written before it, and some that come after."""
    written: dict[str, Delivery] = {}
    for own in pieces:
        written.setdefault(own.delivery_id, own)
        whole = joined(written[own.delivery_id], list(written.values()), formats()[own.source_format])
        known = written.get(whole.delivery_id, whole)
        written[whole.delivery_id] = replace(known, delivered_at=whole.delivered_at, joined_at=whole.joined_at)
    return max(written.values(), key=lambda one: one.rank)


hours = st.integers(0, 40)
reports = st.lists(
    st.builds(
        lambda hour, names: piece("oci_cost", hour, *(("whole", name) for name in sorted(names))),
        hours,
        st.sets(st.sampled_from("abcdef"), min_size=1),
    ),
    min_size=1,
    max_size=6,
    unique_by=lambda one: one.delivery_id,
)
halves = st.lists(
    st.builds(
        lambda hour, role, name: piece("azure_cost", hour, (role, name)),
        hours,
        st.sampled_from(["actual", "amortized"]),
        st.sampled_from("abcdef"),
    ),
    min_size=1,
    max_size=6,
    unique_by=lambda one: one.delivery_id,
)


@given(reports, st.randoms())
def test_files_that_add_up_end_in_all_of_them_in_any_order(pieces: list[Delivery], chance) -> None:  # type: ignore[no-untyped-def]
    everything = {part.digest for one in pieces for part in one.parts}
    chance.shuffle(pieces)
    assert {part.digest for part in landed(pieces).parts} == everything


@given(halves, st.randoms())
def test_halves_end_in_the_same_pair_in_any_order(pieces: list[Delivery], chance) -> None:  # type: ignore[no-untyped-def]
    first = landed(pieces)
    chance.shuffle(pieces)
    assert landed(pieces).rank == first.rank


@given(halves)
def test_a_half_is_never_shown_without_a_twin_of_its_day(pieces: list[Delivery]) -> None:
    end = landed(pieces)
    roles = {part.role for part in end.parts}
    if len(roles) == 1:
        near = [one for one in pieces if abs(one.delivered_at - end.delivered_at) <= timedelta(hours=12)]
        assert {part.role for one in near for part in one.parts} == roles


@given(reports)
def test_a_delivery_that_contains_another_has_the_greater_rank(pieces: list[Delivery]) -> None:
    alike = [replace(one, delivered_at=DAY) for one in pieces]
    for one in alike:
        for other in alike:
            mine, its = ({part.digest for part in it.parts} for it in (one, other))
            assert not mine < its or one.rank < other.rank


@given(
    st.lists(
        st.tuples(hours, st.sets(st.integers(1, 5), min_size=1)), min_size=1, max_size=6, unique_by=lambda one: one[0]
    ),
    st.randoms(),
)
def test_of_files_named_after_days_the_newest_of_each_day_counts_in_any_order(listings, chance) -> None:  # type: ignore[no-untyped-def]
    newest = {f"2026-03-0{day}.jsonl": f"{day}-{hour}" for hour, days in sorted(listings) for day in days}
    pieces = []
    for hour, days in listings:
        made = piece("opencost_allocation", hour, *(("whole", f"{day}-{hour}") for day in sorted(days)))
        named = [replace(part, name=f"2026-03-0{part.digest[0]}.jsonl") for part in made.parts]
        pieces.append(replace(made, parts=tuple(named)))
    chance.shuffle(pieces)
    assert {part.name: part.digest for part in landed(pieces).parts} == newest


def test_a_file_of_a_whole_month_is_never_joined_with_days() -> None:
    month = piece("opencost_allocation", 2, ("whole", "saved"))
    day = piece("opencost_allocation", 3, ("whole", "2026-03-01"))
    assert joined(month, [day, month], formats()["opencost_allocation"]) == month
    assert joined(day, [day, month], formats()["opencost_allocation"]).parts == day.parts
