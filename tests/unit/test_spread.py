"""Organizations are spread over an interval by their names, and none is left out, whenever somebody looks."""

from __future__ import annotations

import itertools
from collections import Counter
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from common.domain.spread import is_due, place

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SLUGS = [f"org_{number}" for number in range(600)]


def test_places_are_lasting_and_taken_by_about_as_many_each() -> None:
    taken = Counter(place(slug, 15) for slug in SLUGS)
    assert set(taken) == set(range(15)) and max(taken.values()) < 2 * 600 / 15
    assert place("acme_1", 15) == 2


def test_each_is_due_once_in_an_interval_however_often_somebody_looks() -> None:
    for step in (1, 3, 5, 15):
        found = Counter(
            slug
            for number in range(15 // step)
            for slug in SLUGS
            if is_due(slug, 15, NOON + timedelta(minutes=number * step), NOON + timedelta(minutes=(number + 1) * step))
        )
        assert set(found.values()) == {1} and len(found) == 600


@given(
    slug=st.sampled_from(SLUGS),
    every=st.sampled_from([5, 10, 15, 20, 30, 60]),
    looks=st.lists(st.integers(0, 4_000), min_size=1, max_size=40),
)
def test_none_waits_longer_than_its_interval_and_the_gap_between_two_looks(
    slug: str, every: int, looks: list[int]
) -> None:
    moments = [NOON, *(NOON + timedelta(seconds=sum(looks[: number + 1])) for number in range(len(looks)))]
    last = moments[0]
    for before, now in itertools.pairwise(moments):
        if is_due(slug, every, before, now):
            last = now
        assert now - last <= timedelta(minutes=every) + (now - before)


def test_nothing_is_due_between_a_moment_and_itself() -> None:
    assert not [slug for slug in SLUGS if is_due(slug, 5, NOON, NOON)]
