"""What can go wrong, and what the platform does about it.

CostError
|- GoesOn       a user stopped a command that only watched
|- Retryable    the cause may pass: the handler fails, the bus delivers again with backoff
|  |- Changed           a file is not the one that was listed: it is listed again
|  |- Unanswered        a notification was sent and the answer was lost: it may have arrived
|  |- Throttled          a provider asks for fewer calls
|  |- NotReady           what is to be worked on is not complete yet: the run ends as waiting, the next one looks again
|  `- Held      another worker has claimed the same work: the message waits for it, which does not count as an attempt
`- Permanent    the cause stays: recorded, the message is dead-lettered and acked
   |- MalformedMessage
   |- NotFound
   |- BadBill            a file that cannot become rows: the delivery is rejected, the earlier one stays
   |  `- UnknownFormat
   |- NoSpace            the disk is full: free some, then replay
   |- NoMemory           a step needs more memory than it may take
   |- QuotaExceeded      the organization's plan allows no more for now
   |- NotIdentified      what somebody signs in with does not prove who it is
   `- BadConfiguration
      |- NotSignedIn     a provider does not accept a credential
      |- NotAllowed      an identity that a provider accepts lacks a permission
      |- NoSuchPlace     a bucket, container or table that does not exist
      `- BeyondRange     amounts of a question add up to more than a cost holds

A message says what was found, what was expected and what to do, in one line, and never carries a secret or a bill line.
"""

import errno
from datetime import datetime

AGAIN = "it will be retried"
"""How a Retryable ends that only time mends: true of functions, whose messages come again; a command line says it otherwise."""


class CostError(Exception):
    """The base of every error that Costwire raises on purpose."""


class GoesOn(CostError):
    """A person stopped a command that only watched; the message says what goes on without it."""


class Retryable(CostError):
    """The same work may succeed later."""


class Throttled(Retryable):
    """A provider asks for fewer calls; waiting resolves it."""


class NotReady(Retryable):
    """What is to be worked on is not complete yet, as an export that its provider is still writing.  Meeting it is no failed try."""


class Held(Retryable):
    """Another worker is at the same work; until: when its claim ends at the latest.  Meeting it is no failed try."""

    def __init__(self, message: str, until: datetime) -> None:
        super().__init__(message)
        self.until = until


class Contention(Retryable):
    """Another process changed what this one was about to change."""


class Changed(Retryable):
    """A file at a location is not, or no longer, the one that was listed."""


class Unanswered(Retryable):
    """A message to people was handed over and the answer was lost: it may have arrived."""


class Permanent(CostError):
    """The same work will fail again until a person changes something."""


class MalformedMessage(Permanent):
    """A message that is no CloudEvent of ours, or whose data does not fit its type."""


class NotFound(Permanent):
    """A named thing that does not exist."""


class AlreadyExists(Permanent):
    """A write-once name that is taken by other content."""


class BadConfiguration(Permanent):
    """A setting, a name or a location that cannot work as given."""


class NotIdentified(Permanent):
    """What somebody signs in with does not prove who it is; the message holds nothing of it."""


class NotSignedIn(BadConfiguration):
    """A credential that a provider does not accept: wrong, expired or revoked."""


class NotAllowed(BadConfiguration):
    """An identity that a provider accepts and that lacks a permission.  permission: by the provider's own name."""

    def __init__(self, message: str, permission: str) -> None:
        super().__init__(message)
        self.permission = permission


class NoSuchPlace(BadConfiguration):
    """A bucket, container or table that does not exist."""


class BeyondRange(BadConfiguration):
    """A question whose answer is larger than a cost can be."""


class BadBill(Permanent):
    """A file that cannot become rows; nothing of it is shown."""


class UnknownFormat(BadBill):
    """A file whose columns are those of no known format."""


class NoSpace(Permanent):
    """The disk is full.  What was being written is gone, what was there before is untouched."""


class NoMemory(Permanent):
    """A step needs more memory than it may take.  What was there before is untouched."""


class QuotaExceeded(Permanent):
    """A plan allows no more.  limit: how many it allows; used: how many count now; resets_at: None where no clock frees one."""

    def __init__(self, message: str, limit: int, used: int, resets_at: datetime | None = None) -> None:
        super().__init__(message)
        self.limit, self.used, self.resets_at = limit, used, resets_at


class DecryptionFailed(Permanent):
    """A ciphertext that this key, or this tenant and integration, did not make."""


def resource_error(error: BaseException) -> CostError | None:
    """A full disk or memory as our error, whoever noticed it; None for all else.  DuckDB tells them by words and class name only."""
    full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    if full or "No space left on device" in str(error) or "max_temp_directory_size" in str(error):
        return NoSpace("the disk is full: no rows of the bill are shown; free some space, then run costwire replay")
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryException":
        return NoMemory(
            "not enough memory: no rows of the bill are shown; set COSTWIRE_THREADS=1, then run costwire replay"
        )
    return None
