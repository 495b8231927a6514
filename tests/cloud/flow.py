"""A bill that is brought to a deployment, and what became of it."""

from __future__ import annotations

import csv
import io
import json
import re
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from google.cloud import storage

from common.messages import SyncRequested
from tests.cloud.deployed import Deployment
from tests.support import cur_line, cur_text


def write_bill(folder: Path, parts: int, lines: int = 40) -> Path:
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
