"""The cells of one CSV line: what is reported of lines that the fast readers refuse."""

from __future__ import annotations

import csv
import io
import itertools

MAX_CELL_BYTES = 64 << 20


def cells_of(text: str) -> list[str]:
    """The cells of the first record in `text`, which may span lines; empty where it is none."""
    csv.field_size_limit(MAX_CELL_BYTES)  # the limit is the process's, and 128 kB by default
    try:
        return next(csv.reader(io.StringIO(text, newline="")), [])
    except csv.Error:
        return []


def first_cells_of(text: str) -> list[str]:
    """The cells of the line behind the header; empty where there is none."""
    csv.field_size_limit(MAX_CELL_BYTES)
    try:
        return next(itertools.islice(csv.reader(io.StringIO(text, newline="")), 1, None), [])
    except csv.Error:
        return []


def count_cells(text: str, delimiter: str) -> int:
    """How many cells the first record has when `delimiter` parts them."""
    csv.field_size_limit(MAX_CELL_BYTES)
    try:
        return len(next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), []))
    except csv.Error:
        return 0
