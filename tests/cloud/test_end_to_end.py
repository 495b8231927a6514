"""A bill lands and an alert goes out, on the emulators, with every function a process of its own; then the same with faults.

Run by make test-cloud.
"""

from __future__ import annotations

import csv
import io
import json
import re
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from google.cloud import storage

from common.messages import SyncRequested
from tests.cloud.deployed import Deployment, Killer, deployed, missing_peers
from tests.emulators.push_proxy import PushFaults
from tests.support import cur_line, cur_text

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(missing_peers()), reason=missing_peers())]
PARTS, LINES = 50, 40


def write_bill(folder: Path, parts: int = PARTS, lines: int = LINES) -> Path:
    """A CUR of many parts, whose total is parts * lines * 1.25."""
    folder.mkdir(parents=True)
    for part in range(parts):
        rows = [cur_line(part * lines + number, "1.25") for number in range(lines)]
        (folder / f"part-{part:03d}.csv").write_text(cur_text(rows), encoding="utf-8")
    return folder


def wait_until(what: Callable[[], Any], seconds: float) -> Any:
    """The first true answer.  Fails after a while."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := what():
            return found
        time.sleep(0.2)
    raise AssertionError(f"not within {seconds} seconds")


def exported(made: Deployment) -> bytes:
    """All rows as exported, without the column that tells when they came in."""
    target = made.folder / "rows.csv"
    made.costwire("export", str(target))
    rows = list(csv.DictReader(io.StringIO(target.read_text(encoding="utf-8"), newline="")))
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, [name for name in rows[0] if name != "x_IngestedAt"], extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


def watch_spend(made: Deployment, amount: str) -> None:
    made.costwire("budgets", "add", "AWS", "--amount", amount, "--currency", "USD")


def arrived(made: Deployment) -> dict[str, Counter[str]]:
    """What arrived at each channel, and how often: mail by subject and text, Slack by its whole body, but for times and ids."""
    mail = [f"{message['subject']}\n{message.get_body(('plain',))}" for message in made.received.mail]
    slack = [json.dumps(body, sort_keys=True) for body in made.received.slack]
    return {
        channel: Counter(
            re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d|alerts ack [\w.-]+", "(its own)", message) for message in messages
        )
        for channel, messages in (("mail", mail), ("slack", slack))
    }


def repeated(channels: dict[str, Counter[str]]) -> list[str]:
    """Messages that arrived more than once."""
    return [message for counts in channels.values() for message, count in counts.items() if count > 1]


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


def all_sent(made: Deployment) -> bool:
    """Whether no notification waits, as for the end of the claim that a killed worker left."""
    kept = made.runtime().documents.list("orgs/default/notifications")
    return all(document["status"] != "pending" for _, document in kept)


def settle(made: Deployment) -> None:
    """Replay what died while functions were killed, as an operator would once the cause is gone, until the delivery is shown."""

    def shown() -> bool:
        made.costwire("replay")
        deliveries = json.loads(made.costwire("deliveries", "--json"))
        return bool(deliveries) and all(one["state"] == "current" for one in deliveries)

    wait_until(shown, 240)


def run_to_the_end(made: Deployment, bill: Path) -> None:
    made.costwire("connect", "aws", "--location", upload(made, bill))
    rt = made.runtime()
    rt.bus.publish(SyncRequested("run1", "manual", "default", "aws"))


def upload(made: Deployment, bill: Path) -> str:
    """Put a bill where a provider would have left it."""
    bucket = storage.Client(project=made.settings["COSTWIRE_PROJECT"]).create_bucket(f"{made.name}-bills")
    for part in sorted(bill.iterdir()):
        bucket.blob(f"cur/{part.name}").upload_from_filename(str(part))
    return f"gs://{bucket.name}/cur"


def test_faults_change_neither_the_rows_nor_the_number_of_notifications(tmp_path: Path) -> None:
    """Killed functions, repeated, late and unheard pushes, the warehouse away for a while, 50 chunks that finish at once."""
    bill = write_bill(tmp_path / "bill")
    outcomes = []
    for name, faults in (("calm", None), ("stormy", PushFaults(seed=7))):
        (tmp_path / name).mkdir()
        with deployed(name, tmp_path / name, faults) as made:
            watch_spend(made, "2000")
            run_to_the_end(made, bill)
            if faults:
                with Killer(made, seed=7, every_seconds=3.0) as killer:
                    time.sleep(10)
                    made.warehouse.go_away(10)
                    time.sleep(10)
                assert len(killer.kills) > 3
            settle(made)
            wait_until(lambda made=made: made.received.mail and made.received.slack and all_sent(made), 180)
            time.sleep(5)  # a second notification would come now
            outcomes.append((exported(made), arrived(made)))
    calm, stormy = outcomes
    assert calm[0].count(b"\n") == PARTS * LINES + 1
    assert stormy[0] == calm[0]
    assert stormy[1] == calm[1]
    assert not repeated(calm[1])


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
