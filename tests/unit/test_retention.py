"""What may be removed: nothing that is shown or under way, nothing that explains it within its life, and never more on a second look."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.config import Settings
from common.errors import BadConfiguration
from common.formats.recognition import formats
from common.records.deliveries import (
    CURRENT,
    HELD,
    JOINED,
    LANDED,
    REJECTED,
    REPLACED,
    SUPERSEDED,
    WITHDRAWN,
    Delivery,
    identify,
)
from common.records.joining import joined
from common.records.parts import Part
from common.retention.deciding import Decision, Known, decide, named_elsewhere, restatements_from
from common.retention.lives import KINDS, LATEST_VERSIONS, MOST_RESTATEMENTS, REMAKING, Lives, lives_of, set_life
from common.retention.requesting import AFTER_DELIVERIES
from common.runtime.bootstrap import EmbeddedRuntime
from common.warehouse.shown_then import shown_then
from deployment.retention_page import PAGE, page

START = datetime(2026, 1, 1, tzinfo=UTC)
DEFAULTS = Lives({kind.name: kind.days for kind in KINDS})


def version(name: str, at: datetime, state: str, source_format: str = "aws_cur", **more: Any) -> Delivery:
    part = Part(0, f"{name}.csv", f"object://raw/{name}", 1, name)
    proved = None if state in (REJECTED, LANDED, JOINED) else at.isoformat()
    return Delivery(
        delivery_id=identify("one", "2026-01", [(part.role, name)]),
        org_slug="default",
        integration_id="one",
        provider="aws",
        source_format=source_format,
        billing_period="2026-01",
        delivered_at=at,
        state=state,
        parts=(part,),
        run_id="run",
        landed_at=at,
        proved_at=proved,
        withdrawn_at=at.isoformat() if state == WITHDRAWN else None,
        was_shown=True if state == WITHDRAWN else None,
        **more,
    )


@dataclass(frozen=True)
class History:
    """A slice's versions, in the order in which they came, and what replaced what."""

    deliveries: tuple[Delivery, ...]
    replacements: tuple[Mapping[str, Any], ...]
    now: datetime

    @property
    def known(self) -> Known:
        return Known(self.deliveries, (), self.replacements)

    def after(self, gone: Decision) -> Known:
        """What is known once these have lost their files."""
        moment = self.now.isoformat()
        names = {one.delivery_id for one in (*gone.versions, *gone.rejected)}
        past = [replace(one, files_removed_at=moment, parts=()) for one in (*gone.versions, *gone.rejected)]
        left = [
            replace(one, files_removed_at=moment) if one in gone.withdrawn else one
            for one in self.deliveries
            if one.delivery_id not in names
        ]
        return Known(left, past, self.replacements)


def shown_on(known: Known, day: date) -> list[str]:
    ever = [one for one in (*known.deliveries, *known.past) if one.has_been_shown]
    return [
        one.delivery_id
        for one in shown_then(ever, known.replacements, datetime.combine(day, time(), UTC) + timedelta(1))
    ]


OUTCOMES = st.sampled_from([REPLACED, REPLACED, REPLACED, "same costs", SUPERSEDED, REJECTED, WITHDRAWN, LANDED, HELD])


@st.composite
def histories(draw: Any) -> History:
    """Versions hours to months apart: replaced, with and without a change of costs, never shown, rejected, withdrawn, under way."""
    steps = draw(st.lists(st.tuples(st.integers(1, 24 * 60), OUTCOMES), min_size=0, max_size=25))
    at, found, rows, shown = START, [], [], None
    for number, (hours, outcome) in enumerate([*steps, (1, CURRENT)]):
        at += timedelta(hours=hours)
        state = REPLACED if outcome == "same costs" else outcome
        one = version(f"v{number}", at, state)
        found.append(one)
        if state in (REPLACED, WITHDRAWN, CURRENT):
            if shown is not None and outcome != "same costs":
                rows.append({
                    "integration_id": "one", "billing_period": "2026-01", "delivery_replaced": shown.delivery_id,
                    "delivery_now": one.delivery_id, "replaced_at": at + timedelta(minutes=1),
                })  # fmt: skip
            shown = one
    now = at + timedelta(hours=draw(st.integers(1, 24 * 200)))
    return History(tuple(found), tuple(rows), now)


@given(histories())
def test_what_is_shown_held_back_or_under_way_stays(history: History) -> None:
    waiting = {one.delivery_id for one in history.deliveries[::3]}
    decided = decide(replace(history.known, under_way=waiting), DEFAULTS, history.now)
    for one in decided:
        assert one.state not in (CURRENT, LANDED, HELD)
        assert one.delivery_id not in waiting
    shown = frozenset({history.deliveries[0].delivery_id})
    assert history.deliveries[0] not in tuple(decide(replace(history.known, shown=shown), DEFAULTS, history.now))


@given(histories())
def test_the_version_before_the_current_one_stays_within_its_life(history: History) -> None:
    gone = {one.delivery_id for one in decide(history.known, DEFAULTS, history.now)}
    since = history.now - DEFAULTS["versions"]
    last = [row for row in history.replacements if row["replaced_at"] >= since]
    assert not {row["delivery_replaced"] for row in last[-1:]} & gone


@given(histories())
def test_every_day_within_the_life_can_still_be_asked_for(history: History) -> None:
    gone = {one.delivery_id for one in decide(history.known, DEFAULTS, history.now)}
    day = (history.now - DEFAULTS["versions"]).date()
    while day <= history.now.date():
        assert not gone & set(shown_on(history.known, day)), day
        day += timedelta(days=1)


@given(histories())
def test_what_was_shown_on_a_day_is_known_to_be_gone_and_not_answered_by_another(history: History) -> None:
    after = history.after(decide(history.known, DEFAULTS, history.now))
    day = START.date()
    while day <= history.now.date():
        assert shown_on(after, day) == shown_on(history.known, day), day
        day += timedelta(days=1)


@given(histories())
def test_a_second_look_finds_nothing_more(history: History) -> None:
    after = history.after(decide(history.known, DEFAULTS, history.now))
    assert not tuple(decide(after, DEFAULTS, history.now))


@given(histories())
def test_a_rejected_or_withdrawn_delivery_stays_for_its_life(history: History) -> None:
    decided = decide(history.known, DEFAULTS, history.now)
    assert not [one for one in decided.rejected if one.landed_at > history.now - DEFAULTS["rejected"]]
    assert not [one for one in decided.withdrawn if one.landed_at > history.now - DEFAULTS["withdrawn"]]
    old = {one.delivery_id for one in history.deliveries if one.landed_at < history.now - DEFAULTS["rejected"]}
    rejected = {one.delivery_id for one in history.deliveries if one.state == REJECTED}
    assert {one.delivery_id for one in decided.rejected} == rejected & old


def test_versions_of_one_day_are_reduced_to_the_latest_and_the_last() -> None:
    versions = [version(f"v{number}", START + timedelta(minutes=number), REPLACED) for number in range(200)]
    rows = [
        {"integration_id": "one", "billing_period": "2026-01", "delivery_replaced": one.delivery_id,
         "delivery_now": two.delivery_id, "replaced_at": two.landed_at}
        for one, two in pairwise(versions)
    ]  # fmt: skip
    versions[-1] = replace(versions[-1], state=CURRENT)
    decided = decide(Known(versions, (), rows), DEFAULTS, START + timedelta(hours=5))
    assert {one.delivery_id for one in decided.versions} == {
        one.delivery_id for one in versions[: -1 - LATEST_VERSIONS]
    }


@given(
    st.lists(st.tuples(st.integers(0, 2000), st.sets(st.sampled_from("abcdef"), min_size=1)), min_size=1, max_size=6)
)
def test_files_that_add_up_to_what_is_shown_stay_and_so_does_what_they_are_made_of(
    some: list[tuple[int, set[str]]],
) -> None:
    kind = formats()["oci_cost"]
    known: dict[str, Delivery] = {}
    for hours, names in some:
        at = START + timedelta(hours=hours)
        parts = tuple(Part(n, name, f"object://raw/{name}", 1, name) for n, name in enumerate(sorted(names)))
        one = replace(version("x", at, JOINED, "oci_cost"), parts=parts)
        one = replace(one, delivery_id=identify("one", "2026-01", [(part.role, part.digest) for part in parts]))
        known.setdefault(one.delivery_id, one)
        whole = joined(known[one.delivery_id], list(known.values()), kind)
        if whole.joined_from:
            known = {name: replace(two, state=REPLACED) if two.state == CURRENT else two for name, two in known.items()}
            known[whole.delivery_id] = replace(whole, state=CURRENT, proved_at=at.isoformat())
    now = START + timedelta(days=500)
    decided = decide(Known(list(known.values())), DEFAULTS, now)
    gone = {one.delivery_id for one in decided}
    staying = [one for one in known.values() if one.delivery_id not in gone]
    assert not gone & {part for one in staying for part in one.joined_from}
    assert not [one for one in decided if not one.joined_from]
    named = named_elsewhere(known.values(), gone)
    assert named >= {part.uri for one in staying for part in one.parts}


def test_the_halves_of_what_is_shown_stay_and_those_of_an_old_pair_go_with_it() -> None:
    def pair(day: int, state: str) -> list[Delivery]:
        at = START + timedelta(days=day)
        halves = [version(f"{role}{day}", at, JOINED, "azure_cost") for role in ("actual", "amortized")]
        names = tuple(one.delivery_id for one in halves)
        whole = version(f"whole{day}", at, state, "azure_cost", joined_from=names, completeness=2)
        return [whole, *halves]

    versions = [one for day in range(10) for one in pair(day, REPLACED if day < 9 else CURRENT)]
    gone = {one.delivery_id for one in decide(Known(versions), DEFAULTS, START + timedelta(days=300))}
    assert gone == {one.delivery_id for one in versions[:-3]}
    lives = Lives({**DEFAULTS.days, "versions": 1})
    recent = START + timedelta(days=9, hours=1)
    gone = {one.delivery_id for one in decide(Known(versions), lives, recent)}
    assert gone <= {one.delivery_id for one in versions[: 7 * 3]}, "halves may still be put together with a late one"


def test_restatements_go_after_their_life_and_the_last_of_a_slice_never() -> None:
    def row(piece: str, day: int) -> dict[str, Any]:
        return {"integration_id": piece, "billing_period": "2026-01", "replaced_at": START + timedelta(days=day)}

    now = START + timedelta(days=450)
    rows = [row("one", 0), row("one", 10), row("one", 100), row("old", 1), row("old", 2), row("new", 440)]
    cuts = restatements_from(rows, DEFAULTS, now)
    assert cuts == {
        ("one", "2026-01"): START + timedelta(days=100),
        ("old", "2026-01"): START + timedelta(days=2),
    }
    many = [
        row("many", 0) | {"replaced_at": now - timedelta(minutes=number)} for number in range(MOST_RESTATEMENTS + 50)
    ]
    assert restatements_from(many, DEFAULTS, now) == {
        ("many", "2026-01"): now - timedelta(minutes=MOST_RESTATEMENTS - 1)
    }


def test_a_life_is_the_organizations_then_the_platforms_then_the_default(tmp_path: Any) -> None:
    rt = EmbeddedRuntime(Settings(home=tmp_path))
    documents = rt.documents
    assert lives_of(documents, "default") == DEFAULTS
    documents.set("settings/general", {"retention_days": 30, "runs_retention_days": 60})
    documents.set("orgs/default/settings/general", {"sync_interval_hours": 6})
    set_life(rt, "default", "versions", 45)
    found = lives_of(documents, "default")
    assert (found.days["versions"], found.days["runs"], found.days["alerts"]) == (45, 60, 400)
    assert documents.get("orgs/default/settings/general") == {"sync_interval_hours": 6, "retention_days": 45}


@pytest.mark.parametrize("days", [0, -1, 3651, True, "90", None, 1.5])
def test_a_life_out_of_its_bounds_removes_nothing_but_is_an_error(tmp_path: Any, days: Any) -> None:
    rt = EmbeddedRuntime(Settings(home=tmp_path))
    documents = rt.documents
    with pytest.raises(BadConfiguration, match="from 1 to 3650"):
        set_life(rt, "default", "versions", days)
    if days is not None and not isinstance(days, float):
        documents.set("orgs/default/settings/general", {"retention_days": days})
        with pytest.raises(BadConfiguration, match="versions is to live"):
            lives_of(documents, "default")


def test_a_fixed_life_cannot_be_set_and_an_unknown_kind_names_the_nearest(tmp_path: Any) -> None:
    rt = EmbeddedRuntime(Settings(home=tmp_path))
    with pytest.raises(BadConfiguration, match="fixed at 8 days"):
        set_life(rt, "default", "processed", 9)
    with pytest.raises(BadConfiguration, match="did you mean 'versions'"):
        set_life(rt, "default", "version", 9)


def test_the_table_is_sound() -> None:
    assert len({kind.name for kind in KINDS}) == len(KINDS)
    for kind in KINDS:
        assert kind.least <= kind.days <= kind.most, kind.name
        assert (kind.setting is None) == (kind.least == kind.most), kind.name
    assert next(kind for kind in KINDS if kind.name == "versions").setting == "retention_days"


def test_the_page_has_the_table_and_the_numbers() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert page(text) == text, "docs/retention.md is stale: python -m deployment.retention_page"
    assert f"- the {LATEST_VERSIONS} latest ones stay" in text
    assert f"stay for {REMAKING.days} days" in text
    assert f"Of more than {MOST_RESTATEMENTS} restatements" in text
    assert f"once {AFTER_DELIVERIES} deliveries have landed" in text
    for kind in KINDS:
        assert kind.setting in (None, "retention_days", f"{kind.name}_retention_days")
