"""Answers as bytes: JSON without a float, compressed where the caller takes that."""

from __future__ import annotations

import gzip
import json
from typing import Any

import flask
from werkzeug.datastructures import Accept

_LEAST_BYTES = 1024
_LEVEL = 5


def rendered(found: Any, status: int = 200) -> flask.Response:
    """Plain data as JSON in ASCII, so that no name of a bill makes it invalid.  Raises TypeError for what is not plain data."""
    text = json.dumps(found, separators=(",", ":"), allow_nan=False)
    return flask.Response(text, status, mimetype="application/json")


def compressed(answer: flask.Response, accepted: Accept) -> None:
    """Compress what is large; what may not be stored may hold a secret beside the caller's text, and stays as it is."""
    if not answer.is_sequence or answer.status_code == 304:
        return
    answer.headers.add("Vary", "Accept-Encoding")
    if accepted["gzip"] <= 0 or (answer.content_length or 0) < _LEAST_BYTES:
        return
    answer.set_data(gzip.compress(answer.get_data(), _LEVEL, mtime=0))
    answer.headers["Content-Encoding"] = "gzip"
