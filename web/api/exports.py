"""Charges as files: FOCUS 1.3 in CSV or Parquet."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import flask
from pydantic import Field

from common.reporting.arguments import read_period
from common.reporting.exports import ExportRequest, export_rows
from web.api.declare import Call, Routes
from web.api.shapes import Asked

routes = Routes("Costs")
_MEDIA = {"csv": "text/csv", "parquet": "application/vnd.apache.parquet"}
_PIECE = 256 * 1024


class ExportOf(Asked):
    """Which charges, and in which form."""

    format: Literal["csv", "parquet"] | None = Field(None, description="By default as Accept says, else csv")
    billing_period: str | None = Field(None, description="Only this month, YYYY-MM")
    integration: str | None = Field(None, max_length=63, description="Only this integration")


@routes.get("/api/v1/organizations/{org}/exports", media=tuple(_MEDIA.values()))
def export(call: Call, query: ExportOf) -> flask.Response:
    """The current rows as FOCUS 1.3, FOCUS columns first, then x_ ones, as a file."""
    form = query.format or _accepted()
    period = read_period(query.billing_period) if query.billing_period else None
    folder = tempfile.TemporaryDirectory(dir=call.rt.scratch)
    try:
        path = Path(folder.name) / f"focus.{form}"
        written = export_rows(call.rt, call.org_slug, ExportRequest(path, period, query.integration))
    except BaseException:
        folder.cleanup()
        raise
    answer = flask.Response(_pieces(path, folder), mimetype=_MEDIA[form])
    answer.call_on_close(folder.cleanup)
    answer.content_length = written.size_bytes
    answer.headers["Content-Disposition"] = f'attachment; filename="{call.org_slug}.{form}"'
    answer.headers["X-Rows"] = str(written.rows)
    answer.headers["Vary"] = "Accept"
    return answer


def _accepted() -> str:
    """The form that the caller prefers; csv where it does not say."""
    chosen = flask.request.accept_mimetypes.best_match([*_MEDIA.values()], default=_MEDIA["csv"])
    return next(form for form, media in _MEDIA.items() if media == chosen)


def _pieces(path: Path, folder: tempfile.TemporaryDirectory[str]) -> Iterator[bytes]:
    with folder, path.open("rb") as file:
        while piece := file.read(_PIECE):
            yield piece
