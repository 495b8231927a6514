"""The peer: DuckDB copies the file to Parquet as it is, with its default settings.  Arguments: file, target, threads."""

import json
import sys
import time

import duckdb

from common.formats.source import file_literal, literal


def main(file: str, target: str, threads: str) -> None:
    """Copy, and tell the seconds."""
    started = time.perf_counter()
    with duckdb.connect() as connection:
        connection.execute(f"set threads = {int(threads)}")
        connection.execute("set enable_progress_bar = false")
        row = connection.execute(
            f"copy (select * from read_csv({file_literal(file)})) to {literal(target)} (format parquet)"
        ).fetchone()
    print(json.dumps({"seconds": time.perf_counter() - started, "rows": row[0] if row else 0}))


if __name__ == "__main__":
    main(*sys.argv[1:])
