"""Questions to an API over HTTP: it waits as long as the API says, retries what may succeed soon, and adds the fix to a refusal."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import httpx
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from common.errors import AGAIN, BadConfiguration, Changed, NotAllowed, NotSignedIn, Retryable, Throttled
from common.formats.container import MOST_PAGE_BYTES

LONGEST_WAIT_SECONDS = 60.0
"""What a provider may ask us to wait for; longer, and the message comes again later."""
TIMEOUT = httpx.Timeout(60.0, connect=10.0)
_TRIES = 5


class _Again(Retryable):
    """The same request may succeed soon.  seconds: how long the provider asks to wait, None where it does not say."""

    def __init__(self, message: str, seconds: float | None = None) -> None:
        super().__init__(message)
        self.seconds = seconds


class _Slower(_Again, Throttled):
    """The same, once fewer are sent."""


class TooLarge(Exception):
    """A page that would not fit; fewer days will."""


@dataclass(frozen=True)
class Asker:
    """Asks one API.

    title: how messages call it.  client: made on the first question.  hint: what to do about a key that is refused, which `refused` says in
    words; otherwise: the same of any other refusal.  quiet: what surrounds a request;
    extensions: httpx's, made for each.
    """

    title: str
    client: Callable[[], httpx.Client]
    hint: str
    refused: str = "the key may not read costs"
    otherwise: str = "the API may have changed"
    sleep: Callable[[float], None] = time.sleep
    quiet: Callable[[], AbstractContextManager[None]] = nullcontext
    extensions: Callable[[], Mapping[str, Any]] = dict

    def ask(self, path: str, query: Sequence[tuple[str, str]], optional: bool = False) -> str | None:
        """The body of an answer; None for a question that this account does not have.

        Raises Retryable, BadConfiguration where the credential may not read costs, Changed for a page that is gone, TooLarge.
        """
        again = Retrying(
            retry=retry_if_exception_type(_Again),
            stop=stop_after_attempt(_TRIES),
            wait=_wait,
            sleep=self.sleep,
            reraise=True,
        )
        return again(self._once, path, query, optional)

    def _once(self, path: str, query: Sequence[tuple[str, str]], optional: bool) -> str | None:
        what = f"{self.title} ({path})"
        try:
            stream = self.client().stream("GET", path, params=list(query), extensions=dict(self.extensions()))
            with self.quiet(), stream as answer:
                if answer.status_code == 404 and optional:
                    return None
                if not answer.is_success:
                    raise self._refused(what, answer, paged=any(name == "page" for name, _ in query))
                return _body(answer)
        except httpx.TransportError as error:
            raise _Again(f"{what}: temporarily unavailable, {type(error).__name__}; {AGAIN}") from error
        except UnicodeDecodeError:
            raise Retryable(f"{what}: the answer is not UTF-8 text; {AGAIN}") from None

    def _refused(self, what: str, answer: httpx.Response, paged: bool) -> Exception:
        status = answer.status_code
        if status == 429 or status >= 500 or status == 408:
            seconds = _retry_after(answer)
            if seconds is not None and seconds > LONGEST_WAIT_SECONDS:
                return Throttled(f"{what}: asks to wait {seconds:.0f} s ({status}); {AGAIN}")
            kind = _Slower if status == 429 else _Again
            return kind(f"{what}: temporarily unavailable ({status}); {AGAIN}", seconds)
        if status == 401:
            return NotSignedIn(f"{what}: {self.refused} ({status}); {self.hint}")
        if status == 403:
            return NotAllowed(f"{what}: {self.refused} ({status}); {self.hint}", "to read costs")
        if paged and status in {400, 404, 410}:
            return Changed(f"{what}: a page is no longer there ({status}); the answers are read again")
        return BadConfiguration(f"{what}: the request is refused ({status}); {self.otherwise}")


def version_of(body: bytes) -> str:
    """The version of a file of answers: the same answers are the same file."""
    return hashlib.sha256(body).hexdigest()[:32]


def _body(answer: httpx.Response) -> str:
    body = bytearray()
    for piece in answer.iter_bytes():
        body += piece
        if len(body) > MOST_PAGE_BYTES:
            raise TooLarge
    return body.decode()


def _retry_after(answer: httpx.Response) -> float | None:
    text: Any = answer.headers.get("retry-after", "")
    try:
        return max(0.0, float(text))
    except ValueError:
        return None


_backoff = wait_random_exponential(multiplier=0.5, max=8)


def _wait(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    told = error.seconds if isinstance(error, _Again) else None
    return _backoff(state) if told is None else told
