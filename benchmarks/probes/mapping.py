"""The mapping step alone: an AWS bill to FOCUS 1.3 Parquet as normalize_focus writes it.  Arguments: file, target, threads."""

import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from common.formats import container as containers
from common.formats.engine import engine
from common.formats.recognition import recognise
from common.formats.source import literal, source_sql
from common.normalization.chunk import PARQUET, rows_select
from common.normalization.mapping import mapping_sql, prepare
from common.records.deliveries import LANDED, Delivery


def main(file: str, target: str, threads: str) -> None:
    """Map, and tell the seconds and the rows."""
    now = datetime.now(UTC)
    delivery = Delivery(
        "benchmark", "default", "aws", "aws", "aws_cur", "2026-03", now, LANDED, (), "run", landed_at=now,
    )  # fmt: skip
    started = time.perf_counter()
    with (
        TemporaryDirectory(dir=Path(target).parent) as folder,
        containers.opened(Path(file), "bill") as container,
        engine(Path(folder), int(threads)) as connection,
    ):
        prepare(connection)
        for name, value in {
            "cost_role": "'whole'",
            "net_costs": "false",
            "fallback_currency": "null",
            "delivered_at": "now()",
        }.items():
            connection.execute(f"set variable {name} = {value}")
        connection.execute(f"create temp view source as {source_sql(container, recognise(container.names))}")
        select = rows_select(delivery, 0, mapping_sql("aws_cur"))
        row = connection.execute(f"copy ({select}) to {literal(str(target))} {PARQUET}").fetchone()
    print(json.dumps({"seconds": time.perf_counter() - started, "rows": row[0] if row else 0}))


if __name__ == "__main__":
    main(*sys.argv[1:])
