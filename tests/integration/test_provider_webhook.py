"""A provider announces new files: their month is fetched, once, and nothing else starts anything."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from common.config import Settings
from common.runtime import bootstrap
from tests.integration.webhook_world import MANIFEST, TOPIC, Sns, World, eventbridge, s3_event


@pytest.fixture
def rt(tmp_path: Path) -> Iterator[World]:
    made = World(Settings(home=tmp_path / "home"))
    bootstrap.use(made)
    yield made
    bootstrap.use(None)


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize("subject", ["Amazon S3 Notification", None])
def test_a_manifest_announced_by_sns_starts_its_month(rt: World, version: str, subject: str | None) -> None:
    rt.integration(sender=TOPIC)
    made = rt.call(Sns(rt.clock.now(), version=version, subject=subject).body(), Content_Type="text/plain")
    assert (made.status_code, made.data) == (200, b"")
    (asked,) = rt.requests()
    assert (asked.trigger, asked.org_slug, asked.integration_id) == ("webhook", "default", "bills")
    assert asked.billing_periods == ("2026-03",)


def test_a_manifest_announced_by_eventbridge_starts_its_month(rt: World) -> None:
    secret = rt.integration()
    assert rt.call(eventbridge(), x_costwire_secret=secret).status_code == 200
    (asked,) = rt.requests()
    assert asked.billing_periods == ("2026-03",)


def test_a_wrong_secret_starts_nothing(rt: World) -> None:
    secret = rt.integration()
    made = rt.call(eventbridge(), x_costwire_secret=secret[:-1] + "a")
    assert (made.status_code, made.data) == (400, b"not accepted\n")
    assert not rt.requests()
    assert s3_event(MANIFEST)
