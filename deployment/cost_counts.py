"""What one delivery takes, counted on a real run of the embedded runtime: messages, documents, objects, processor time, bytes.

Two bills of different size, one of one part and one of four, so that what each line and each chunk takes can be told apart from the rest.
`python -m deployment.cost_estimate --measure` writes the counts to measured_counts.json.
"""

from __future__ import annotations

import gzip
import json
import platform
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO

import duckdb

from benchmarks.cur import generate
from common.config import Settings
from common.domain.budgets import Budget, as_document
from common.focus import storage_schema
from common.formats.source import file_literal
from common.messages import BudgetCheckRequested, SyncRequested
from common.messages.subscriptions import named
from common.records.integrations import save_integration
from common.records.organizations import ensure_default
from common.records.runs import queue_run
from common.running_costs.world import HERE
from common.runtime import bootstrap
from common.warehouse.daily import DAILY_COLUMNS
from costwire.worker import deliver, subscribe_all
from deployment.cost_counting import Counted, Counts

TARGET = HERE / "measured_counts.json"
SIZES = {"small": (20_000, 1), "large": (200_000, 4)}
"""Lines and parts of the two bills."""

_BYTES_OF_TYPE = {"DECIMAL(38,24)": 32, "DECIMAL(38,12)": 32, "TIMESTAMP WITH TIME ZONE": 8, "BIGINT": 8, "BOOLEAN": 1}
"""BIGNUMERIC, TIMESTAMP and so on; text is 2 bytes and its length, null nothing: https://cloud.google.com/bigquery/pricing#data"""


def measure() -> dict[str, Any]:
    """Both runs, as they are written to the file."""
    with tempfile.TemporaryDirectory(prefix="costwire-counts-") as folder:
        runs = {name: _run(Path(folder) / name, *size) for name, size in SIZES.items()}
    return {
        "measured_on": datetime.now(UTC).date().isoformat(),
        "machine": f"{platform.machine()}, Python {platform.python_version()}, DuckDB {duckdb.__version__}",
        "runs": runs,
    }


def _run(home: Path, lines: int, parts: int) -> dict[str, Any]:
    bill = _bill(home / "bill", lines, parts)
    rt = Counted(Settings(home=home / "state", threads=2))
    bootstrap.use(rt)
    try:
        ensure_default(rt.documents, rt.clock.now())
        rt.documents.set("orgs/default/budgets/cloud", as_document(_broken_budget()))
        save_integration(rt.documents, rt.clock.now(), "default", "aws", "aws", bill.as_uri(), keep_location=True)
        subscribe_all(rt)
        rt.counts.documents.clear()
        queue_run(rt.documents, rt.clock, "default", "run.aws", "aws", "schedule", bill.as_uri(), None)
        rt.bus.publish(SyncRequested("run", "schedule", "default", "aws"))
        _deliver_all(rt)
        taken = _result(rt, bill, lines, parts)
        checks = {}
        # the first ends alerts of a period that is over; the second finds nothing changed, the third but the day
        for check, ahead in (("first", 0), ("second", 0), ("third", 1)):
            rt.clock.ahead = timedelta(days=ahead)
            rt.counts.clear()
            rt.bus.publish(BudgetCheckRequested(check, "default"))
            _deliver_all(rt)
            checks[check] = _check_result(rt.counts)
        return taken | {"budget_check": checks["second"], "budget_check_of_a_new_day": checks["third"]}
    finally:
        bootstrap.use(None)


def _deliver_all(rt: Counted) -> None:
    while delivery := rt.bus.pull():
        subscription = named(delivery.subscription)
        function = subscription.function if subscription else delivery.subscription
        rt.counts.at_work = function
        began = time.process_time()
        outcome = deliver(rt, delivery)
        spent = rt.counts.processor_seconds
        spent[function] = spent.get(function, 0.0) + time.process_time() - began
        rt.counts.calls[function] += 1
        if outcome.error:
            raise RuntimeError(f"{function} failed: {outcome.error}")


def _result(rt: Counted, bill: Path, lines: int, parts: int) -> dict[str, Any]:
    counts = rt.counts
    written = sorted((rt.home / "objects" / "focus").rglob("*.parquet"))
    return {
        "lines": lines,
        "parts": parts,
        "source_bytes": sum(path.stat().st_size for path in bill.rglob("*.gz")),
        "focus_bytes": sum(path.stat().st_size for path in written),
        "calls": dict(counts.calls),
        "processor_seconds": {name: f"{seconds:.3f}" for name, seconds in counts.processor_seconds.items()},
        "messages": dict(counts.messages),
        "message_bytes": dict(counts.message_bytes),
        "documents": {name: dict(found) for name, found in counts.documents.items()},
        "objects": {name: dict(found) for name, found in counts.objects.items()},
        "questions": dict(counts.questions),
        "column_bytes": _column_bytes(written, storage_schema()),
        "daily_column_bytes": _column_bytes(
            sorted((rt.home / "objects" / "daily").rglob("*.parquet")), DAILY_COLUMNS, lines
        ),
    }


def _check_result(counts: Counts) -> dict[str, Any]:
    """One check of one budget."""
    return {
        "questions": dict(counts.questions),
        "documents": {name: dict(found) for name, found in counts.documents.items()},
        "message_bytes": dict(counts.message_bytes),
        "processor_seconds": {name: f"{seconds:.3f}" for name, seconds in counts.processor_seconds.items()},
    }


def _column_bytes(files: Sequence[Path], columns: Mapping[str, str], lines: int | None = None) -> dict[str, str]:
    """Bytes that BigQuery would count for each column of a table: an average row, or by line of the bill."""
    sizes = []
    for name, kind in columns.items():
        fixed = _BYTES_OF_TYPE.get(kind)
        each = f"{fixed}" if fixed else f'2 + strlen("{name}")'
        sizes.append(f'sum(case when "{name}" is null then 0 else {each} end) / {lines or "count(*)"}')
    with duckdb.connect() as connection:
        listed = ", ".join(file_literal(str(path)) for path in files)
        found = connection.execute(f"select {', '.join(sizes)} from read_parquet([{listed}])").fetchone()
    return {name: f"{size:.2f}" for name, size in zip(columns, found or (), strict=True)}


def _broken_budget() -> Budget:
    return Budget("cloud", "Cloud", Decimal(1), "USD", "monthly", forecast_thresholds=())


def _bill(folder: Path, lines: int, parts: int) -> Path:
    """A legacy CUR with its manifest, gzipped as AWS delivers it."""
    made = generate(folder / "made", lines)
    target = folder / "cur" / "20260301-20260401"
    target.mkdir(parents=True)
    with made.path.open("rb") as source:
        header = source.readline()
        names = [_write_part(target, header, source, number, lines // parts) for number in range(parts)]
    manifest = {
        "assemblyId": "a1",
        "reportName": "cur",
        "charset": "UTF-8",
        "compression": "GZIP",
        "contentType": "text/csv",
        "billingPeriod": {"start": "20260301T000000.000Z", "end": "20260401T000000.000Z"},
        "bucket": "bills",
        "columns": [
            {"category": one.split("/", 1)[0], "name": one.split("/", 1)[1]}
            for one in header.decode().strip().replace('"', "").split(",")
        ],
        "reportKeys": [f"cur/20260301-20260401/{name}" for name in names],
    }
    (target / "cur-Manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    shutil.rmtree(folder / "made")
    return folder


def _write_part(target: Path, header: bytes, source: BinaryIO, number: int, lines: int) -> str:
    name = f"cur-{number:05d}.csv.gz"
    with gzip.open(target / name, "wb", compresslevel=6) as out:
        out.write(header)
        for _ in range(lines):
            out.write(source.readline())
    return name
