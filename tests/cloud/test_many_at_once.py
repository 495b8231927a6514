"""A tenant's first two years of history at once, by functions of few instances, on the emulators.  Run by make test-cloud."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from google.cloud import bigquery

from common.domain.period import BillingPeriod
from common.ports.bus import MAX_ATTEMPTS
from tests.cloud.deployed import Deployment, deployed, missing_peers
from tests.support import cur_line, cur_text

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(missing_peers()), reason=missing_peers())]
MONTHS = [f"{year}-{month:02d}" for year in (2024, 2025) for month in range(1, 13)]


def write_history(path: Path) -> Path:
    """One line of 1.25 USD per month: a delivery for each."""
    lines = []
    for number, month in enumerate(MONTHS):
        start = f"{month}-01T00:00:00Z"
        changes = {
            "BillingPeriodStartDate": start,
            "BillingPeriodEndDate": f"{BillingPeriod.parse(month).end:%Y-%m-%dT00:00:00Z}",
            "UsageStartDate": start,
        }
        lines.append(cur_line(number, "1.25", **changes, UsageEndDate=f"{month}-01T01:00:00Z"))
    path.write_text(cur_text(lines), encoding="utf-8")
    return path


def swaps(made: Deployment) -> list[bigquery.QueryJob]:
    """Every transaction that was tried."""
    client = made.runtime().warehouse._client  # type: ignore[attr-defined]
    return [job for job in client.list_jobs(all_users=True, max_results=2000) if "costwire-swap-" in job.job_id]


def test_deliveries_of_one_tenant_at_once_are_all_shown_without_a_dead_letter_or_a_lost_transaction(
    tmp_path: Path,
) -> None:
    """More messages than instances: Pub/Sub counts pushes that find none free, which are no tries."""
    with deployed("many", tmp_path, slots=2) as made:
        came_in = json.loads(made.costwire("import", str(write_history(tmp_path / "history.csv")), "--json"))
        assert [one["state"] for one in came_in["deliveries"]] == ["current"] * len(MONTHS)
        rt = made.runtime()
        assert rt.bus.dead_letters() == []
        (row,) = rt.warehouse.query("default", "select sum(BilledCost) as billed from cost_data_standard_1_3")
        assert str(row["billed"]) == "30"
        jobs = swaps(made)
        # the chunks are mapped two at a time while the first ones are shown: how many wait then differs
        assert len(jobs) < len(MONTHS) and [job.job_id for job in jobs if job.error_result] == []
        assert max(made.proxies["normalize_focus"].turned_away.values()) > MAX_ATTEMPTS
