"""The other peer: focus-converter 1.0.0, its AWS plan run in this process.  Arguments: file, folder.

It runs in a virtual environment of its own, so nothing of this project is imported.  Its plan wants column names as Athena
writes them and times as times: the frame that it reads is given both before the plan runs.  Its command hangs at the end, where
it waits for writer processes; here the frame is written by polars in this process instead.
"""

import json
import re
import sys
import time
from pathlib import Path

import polars as pl
from focus_converter.converter import FocusConverter
from focus_converter.models.focus_column_names import FocusColumnNames

TIMES = (
    "bill_billing_period_start_date",
    "bill_billing_period_end_date",
    "line_item_usage_start_date",
    "line_item_usage_end_date",
)


def athena_name(name: str) -> str:
    """`lineItem/UsageType` -> `line_item_usage_type`."""
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name.replace("/", "_").replace(":", "_"))
    return re.sub(r"[^a-z0-9]+", "_", snake.lower())


def main(file: str, folder: str) -> None:
    """Convert, write Parquet, and tell the seconds."""
    converter = FocusConverter()
    started = time.perf_counter()
    converter.load_provider_conversion_configs()
    converter.prepare_horizontal_conversion_plan(provider="aws")
    frame = pl.read_csv(file, try_parse_dates=False, ignore_errors=True)  # as its own DataLoader.load_csv does
    frame = frame.rename({name: athena_name(name) for name in frame.columns})
    frame = frame.with_columns(pl.col(name).str.to_datetime("%Y-%m-%dT%H:%M:%SZ") for name in TIMES)
    lazy = converter.__process_lazy_frame__(lf=frame.lazy())
    wanted = [column.value for column in FocusColumnNames if column.value in set(converter.h_collected_columns)]
    table = lazy.select(wanted).collect(streaming=True)
    table.write_parquet(Path(folder) / "focus-converter.parquet", compression="snappy")
    print(json.dumps({"seconds": time.perf_counter() - started, "rows": table.height}))


if __name__ == "__main__":
    main(*sys.argv[1:])
