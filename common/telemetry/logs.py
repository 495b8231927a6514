"""Logs as Cloud Logging reads them: one JSON object per line, with the trace and the ids of the work.

Source: https://cloud.google.com/logging/docs/structured-logging and
https://cloud.google.com/error-reporting/docs/formatting-error-messages
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
from datetime import UTC, datetime
from typing import Any, TextIO

from opentelemetry import trace

from common.domain.legible import in_all, json_text, lines
from common.telemetry import work
from common.telemetry.withheld import harmless, kind, redacted, stack_of, where

LOGGER = "costwire"
LABELS = ("function", "org_slug", "integration_id", "run_id", "delivery_id")
_SEVERITIES = (
    (logging.CRITICAL, "CRITICAL"),
    (logging.ERROR, "ERROR"),
    (logging.WARNING, "WARNING"),
    (logging.INFO, "INFO"),
)
_ERROR_EVENT = "type.googleapis.com/google.devtools.clouderrorreporting.v1beta1.ReportedErrorEvent"
_TOLD = "_costwire_told"


class CloudFormatter(logging.Formatter):
    """A record as one line of JSON.  Fields come from the work at hand and from `extra={"fields": {...}}`."""

    def __init__(self, project: str | None) -> None:
        super().__init__()
        self._project = project

    def format(self, record: logging.LogRecord) -> str:
        """The line.  What an error of a library says is left out; its class, file and line are told."""
        doing = work.current()
        entry: dict[str, Any] = {
            "severity": _severity(record.levelno),
            "message": _message(record),
            "time": datetime.fromtimestamp(record.created, UTC).isoformat().replace("+00:00", "Z"),
            "logger": record.name,
            **(doing.fields() if doing else {}),
            **getattr(record, "fields", {}),
            **self._trace(),
        }
        entry = in_all(entry)  # people read it decoded
        labels = {name: str(entry[name]) for name in LABELS if entry.get(name)}
        if labels:
            entry["logging.googleapis.com/labels"] = labels
        error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
        if error is not None:
            entry |= _error_event(error)
        return json_text(json.dumps(entry, ensure_ascii=False, default=lambda value: type(value).__name__))

    def _trace(self) -> dict[str, Any]:
        span = trace.get_current_span().get_span_context()
        if not span.is_valid:
            return {}
        trace_id = trace.format_trace_id(span.trace_id)
        return {
            "logging.googleapis.com/trace": f"projects/{self._project}/traces/{trace_id}"
            if self._project
            else trace_id,
            "logging.googleapis.com/spanId": trace.format_span_id(span.span_id),
            "logging.googleapis.com/trace_sampled": span.trace_flags.sampled,
        }


def structured(project: str | None, stream: TextIO | None = None) -> None:
    """From now on, everything this process logs goes to `stream` (standard output) as one JSON object a line.

    Ours from INFO on, of libraries what is a WARNING or worse.  Repeating this changes nothing.
    """
    root = logging.getLogger()
    if any(isinstance(handler.formatter, CloudFormatter) for handler in root.handlers):
        return
    formatter = CloudFormatter(project)
    # not sys.stdout: functions-framework puts a stream there that writes the request's span into lines of our trace
    handler = logging.StreamHandler(stream or sys.__stdout__)
    handler.setFormatter(formatter)
    handler.addFilter(_not_told_yet)
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    ours = logging.getLogger(LOGGER)
    ours.setLevel(logging.INFO)
    ours.disabled = False  # logging.config disables what it does not name, as functions-framework uses it
    for other in [one for one in logging.root.manager.loggerDict.values() if isinstance(one, logging.Logger)]:
        _adopt(other, formatter)
    logging.captureWarnings(True)
    sys.excepthook = lambda _kind, error, _raised: _crashed(error)
    threading.excepthook = lambda crash: _crashed(crash.exc_value) if crash.exc_value is not None else None


def told(error: BaseException) -> None:
    """Note that a line has told of the error, so that whoever logs it on its way out does not tell it twice."""
    setattr(error, _TOLD, True)


def _adopt(other: logging.Logger, formatter: CloudFormatter) -> None:
    """A logger with a way out of its own (Flask's, gunicorn's) writes as we do, and not twice."""
    if other.propagate:
        other.handlers.clear()
    for handler in other.handlers:
        handler.setFormatter(formatter)


def _not_told_yet(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
    return hasattr(record, "fields") or not getattr(error, _TOLD, False)


def _crashed(error: BaseException) -> None:
    logging.getLogger(LOGGER).critical("%s", kind(error), exc_info=(type(error), error, error.__traceback__))


def _severity(level: int) -> str:
    return next((name for least, name in _SEVERITIES if level >= least), "DEBUG")


def _message(record: logging.LogRecord) -> str:
    record.args = harmless(record.args)
    record.msg = harmless(record.msg)
    try:
        return redacted(record.getMessage())
    except Exception:  # a line that cannot be put together is told without its arguments
        return redacted(str(record.msg))


def _error_event(error: BaseException) -> dict[str, Any]:
    """What makes Error Reporting group it: the stack, the service, the place."""
    file, _, line = where(error.__traceback__).rpartition(":")
    return {
        "@type": _ERROR_EVENT,
        "stack_trace": lines(stack_of(error)),
        "error": kind(error),
        "serviceContext": {
            "service": os.environ.get("K_SERVICE", LOGGER),
            "version": os.environ.get("K_REVISION", ""),
        },
        "context": {
            "reportLocation": {"filePath": file, "lineNumber": int(line or 0), "functionName": _function(error)}
        },
    }


def _function(error: BaseException) -> str:
    raised = error.__traceback__
    while raised is not None and raised.tb_next is not None:
        raised = raised.tb_next
    return raised.tb_frame.f_code.co_name if raised is not None else ""
