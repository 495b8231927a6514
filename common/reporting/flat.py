"""Answers as flat rows, for files: CSV with exact decimals, Parquet with real types."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from common.domain.money import round_cost
from common.errors import BadConfiguration
from common.reporting.plain_types import plain_value

TEXT, COST, COUNT, DAY, ANY = "text", "cost", "count", "day", "any"
"""What a column holds.  cost: exact decimals, in Parquet DECIMAL(38,24).  any: whatever the values are."""


@dataclass(frozen=True)
class Flat:
    """columns: name -> what it holds.  rows: their values in that order, None for what is not known."""

    columns: Mapping[str, str]
    rows: Sequence[Sequence[Any]]

    def as_csv(self) -> str:
        """With a header; amounts have every digit, what is not known is empty."""
        made = io.StringIO(newline="")
        writer = csv.writer(made, lineterminator="\n")
        writer.writerow(self.columns)
        writer.writerows([_cell(value) for value in row] for row in self.rows)
        return made.getvalue()

    def write(self, path: Path) -> None:
        """Write a .csv or a .parquet file, whole or not at all.

        Raises BadConfiguration for a missing folder, and for an amount that DECIMAL(38,24) cannot hold.
        """
        if not path.parent.is_dir():
            raise BadConfiguration(f"there is no folder {path.parent}; create it first")
        part = path.with_name(f".{path.name}.part")
        try:
            if path.suffix == ".parquet":
                self._write_parquet(part)
            else:
                part.write_text(self.as_csv(), encoding="utf-8", newline="")
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)

    def _write_parquet(self, path: Path) -> None:
        import pyarrow as pa  # only where it is needed: it takes as long to load as a question
        import pyarrow.parquet as pq

        kinds = {TEXT: pa.string(), COST: pa.decimal128(38, 24), COUNT: pa.int64(), DAY: pa.date32(), ANY: None}
        arrays = {}
        for number, (name, kind) in enumerate(self.columns.items()):
            values = [row[number] for row in self.rows]
            if kind == COST:
                values = [None if value is None else round_cost(value) for value in values]
            try:
                arrays[name] = pa.array(values, kinds[kind])
            except (pa.ArrowInvalid, pa.ArrowTypeError):
                raise BadConfiguration(
                    f"column {name} has values that Parquet cannot hold; write .csv instead"
                ) from None
        pq.write_table(pa.table(arrays), path, compression="zstd")


def _cell(value: Any) -> Any:
    if isinstance(value, list | dict):
        return json.dumps(value, default=lambda one: plain_value(one) if isinstance(one, Decimal) else str(one))
    return plain_value(value)
