"""Ranges of a file: stretches of whole lines that are read apart from each other, each as if it were a file."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Range:
    """A stretch of a file.

    first, end: bytes of CSV and JSON lines, without the header; rows of Parquet.  rows: how many rows of text were read before it;
    lines: how many lines of CSV stand before it, without the header.  lenient: lines end in more than one way somewhere in the file.
    """

    first: int
    end: int
    rows: int = 0
    lines: int = 0
    lenient: bool = False
