"""What may be logged of an error: its class and its location; its message only where Costwire wrote it.

Exceptions of libraries quote their input: a line of a bill, a URL with a token in it.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterator
from pathlib import PurePath
from types import TracebackType
from typing import Any

from common.domain.legible import lines
from common.errors import CostError

_MOST_CHARACTERS = 4_000
_SECRETS = re.compile(
    r"""(?ix)
    (?P<name>\b(?:authorization|x-goog-signature|x-amz-(?:signature|credential|security-token)|sig|signature|token|access_token
        |refresh_token|id_token|api[_-]?key|password|passwd|secret|client_secret|credentials?)\b["']?\s*[:=]\s*["']?)
        (?:bearer\s+|basic\s+)?[^\s"'&,;)}]+
    | \b(?:bearer|basic)\s+[A-Za-z0-9+/_.=-]{8,}
    | \bhttps?://[^\s/"']*\bslack[^\s/"']*/[^\s"']+
    | \b[a-z][a-z0-9+.-]*://[^\s/@:"']+:[^\s/@"']+@
    | \beyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*
    | \b(?:AKIA|ASIA)[A-Z0-9]{16}\b
    | \b(?:sk|rk|whsec|xox[abp])[_-][A-Za-z0-9_-]{8,}
    | \bya29\.[A-Za-z0-9_-]+
    | -----BEGIN[ ][A-Z ]*PRIVATE[ ]KEY-----(?:.*?-----END[ ][A-Z ]*PRIVATE[ ]KEY-----|.*)
    """,
    re.DOTALL,
)


def redacted(text: str) -> str:
    """The text with what looks like a secret taken out, fit for people, and no longer than a line should be."""
    clean = _SECRETS.sub(lambda found: f"{found['name'] or ''}[withheld]", lines(text))
    return clean if len(clean) <= _MOST_CHARACTERS else f"{clean[:_MOST_CHARACTERS]} [cut]"


def kind(error: BaseException) -> str:
    """The class of an error, with its module where it is none of Python's own."""
    made = type(error)
    return made.__qualname__ if made.__module__ == "builtins" else f"{made.__module__}.{made.__qualname__}"


def described(error: BaseException) -> str:
    """One line for an error: our own words, or class, file and line of one that is not ours."""
    if isinstance(error, CostError):
        return redacted(str(error))
    place = where(error.__traceback__)
    return f"{kind(error)} at {place}" if place else kind(error)


def where(raised: TracebackType | None) -> str:
    """File and line where it was raised."""
    frames = traceback.extract_tb(raised)
    return f"{_short(frames[-1].filename)}:{frames[-1].lineno}" if frames else ""


def stack_of(error: BaseException) -> str:
    """The traceback as Error Reporting reads it, causes first, with the words of errors that are not ours withheld."""
    return "\n".join(_stack(error, seen=set()))


def harmless(arguments: Any) -> Any:
    """The arguments of a log line with errors among them described instead of quoted."""
    if isinstance(arguments, tuple):
        return tuple(described(one) if isinstance(one, BaseException) else one for one in arguments)
    if isinstance(arguments, dict):
        return {name: described(one) if isinstance(one, BaseException) else one for name, one in arguments.items()}
    return described(arguments) if isinstance(arguments, BaseException) else arguments


def _stack(error: BaseException, seen: set[int]) -> Iterator[str]:
    seen.add(id(error))
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if before is not None and id(before) not in seen:
        yield from _stack(before, seen)
        caused = error.__cause__ is not None
        yield ""
        yield (
            "The above exception was the direct cause of the following exception:"
            if caused
            else "During handling of the above exception, another exception occurred:"
        )
        yield ""
    yield "Traceback (most recent call last):"
    for frame in traceback.extract_tb(error.__traceback__):
        yield f'  File "{frame.filename}", line {frame.lineno}, in {frame.name}'
    words = redacted(str(error)) if isinstance(error, CostError) else "[its words are withheld]"
    yield f"{kind(error)}: {words}"


def _short(filename: str) -> str:
    """The end of a path: enough to find the file, nothing of the machine."""
    return "/".join(PurePath(filename).parts[-3:])
