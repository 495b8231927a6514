"""The receipt of an answer: the one place where it is put together."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

from common.reporting.sources import Source


def receipt(mark: str, sources: Iterable[Source], filling_since: date | None) -> dict[str, Any]:
    """What web.api.shapes.Receipt declares.  mark: read before the charges were."""
    return {
        "as_of": max((one.as_of for one in sources), default=None),
        "mark": mark,
        "filling_since": filling_since.isoformat() if filling_since else None,
    }
