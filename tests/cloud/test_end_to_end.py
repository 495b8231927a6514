"""A bill lands and an alert goes out, on the emulators, with every function a process of its own.

Run by make test-cloud.
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.cloud.deployed import deployed, missing_peers
from tests.cloud.flow import arrived, exported, repeated, wait_until, watch_spend, write_bill

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(missing_peers()), reason=missing_peers())]


def test_a_bill_lands_and_its_alert_reaches_slack_and_mail_once(tmp_path: Path) -> None:
    bill = write_bill(tmp_path / "bill", parts=2)
    with deployed("plain", tmp_path) as made:
        watch_spend(made, "50")
        came_in = json.loads(made.costwire("import", str(bill), "--json"))
        assert [one["state"] for one in came_in["deliveries"]] == ["current"]
        assert came_in["deliveries"][0]["proof"][0]["difference"] == "0"
        wait_until(lambda: made.received.mail and made.received.slack, 60)
        (row,) = made.runtime().warehouse.query(
            "default", "select count(*) as n, sum(BilledCost) as billed from cost_data_standard_1_3"
        )
        assert (row["n"], str(row["billed"])) == (80, "100")
        assert not repeated(arrived(made))


def test_reports_that_add_up_and_land_at_once_are_all_shown(tmp_path: Path) -> None:
    report = Path(__file__).parents[1] / "fixtures" / "bills" / "oci" / "cost_report_nise_2026-03.csv"
    header, *rows = report.read_text(encoding="utf-8").splitlines()
    paths = [tmp_path / f"report{number}.csv" for number in range(4)]
    for number, path in enumerate(paths):
        path.write_text("\n".join([header, *rows[number::4], ""]), encoding="utf-8")
    words = ("--integration", "oci", "--delivered-at", "2026-04-01")
    with deployed("union", tmp_path) as made:
        made.costwire("tenants", "list")
        with ThreadPoolExecutor(len(paths)) as several:
            list(several.map(lambda path: made.costwire("import", str(path), *words), paths))
        shown = [one for one in json.loads(made.costwire("deliveries", "--json")) if one["state"] == "current"]
        assert [len(one["parts"]) for one in shown] == [len(paths)]
        assert exported(made).count(b"\n") == len(rows) + 1
