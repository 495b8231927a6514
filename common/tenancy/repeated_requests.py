"""A request that its caller sends again under the same idempotency key is done once, and answered as the first time.

`processed/api.<digest>` holds what was asked, as a digest, and what was answered, for a day.  A request that fails frees its key; one
whose process died frees it after a minute.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from common.errors import Held
from common.ports import Document, Runtime, Transaction

KEPT = timedelta(days=1)
_CLAIM = timedelta(minutes=1)
_FUNCTION = "api"


class KeyReused(Exception):
    """The same idempotency key for another request."""


@dataclass(frozen=True)
class Answer:
    """What was answered.  body: empty for an answer that is stored nowhere, since it held a secret."""

    status: int
    body: str


def once(rt: Runtime, caller: str, key: str, asked: str, work: Callable[[], Answer]) -> tuple[Answer, bool]:
    """Do the work, unless it was done under this key; the answer, and whether it is that of an earlier time.

    caller: whose key it is.  asked: all that makes the request.  Raises KeyReused, and Held while the first request is in progress.
    """
    path = f"processed/{_FUNCTION}.{_digest(caller, key)}"
    claim: Document = {"function": _FUNCTION, "asked": _digest(asked)}

    def begin(transaction: Transaction) -> Document | None:
        now = rt.clock.now()
        known = transaction.get(path)
        if known is not None and datetime.fromisoformat(known["expires_at"]) > now:
            if known["asked"] != claim["asked"]:
                raise KeyReused
            if "status" in known:
                return known
            raise Held("the first request with this key is in progress", datetime.fromisoformat(known["expires_at"]))
        transaction.set(path, {**claim, "expires_at": (now + _CLAIM).isoformat()})
        return None

    known = rt.processed.transact(begin)
    if known is not None:
        return Answer(int(known["status"]), str(known["body"])), True
    try:
        made = work()
    except BaseException:
        rt.processed.delete(path)
        raise
    ends = {"expires_at": (rt.clock.now() + KEPT).isoformat()}
    rt.processed.set(path, {**claim, **ends, "status": made.status, "body": made.body})
    return made, False


def _digest(*words: str) -> str:
    return hashlib.sha256("\n".join(words).encode(errors="surrogatepass")).hexdigest()
