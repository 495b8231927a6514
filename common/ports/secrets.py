"""Secrets: the platform's own (Secret Manager; embedded: the environment).  Tenants' credentials are KeyRing's."""

from typing import Protocol


class Secrets(Protocol):
    """Read by name, as `slack-webhook-url`.  A value never reaches a log, an error or a document."""

    def get(self, name: str) -> str | None:
        """The latest value without a line break at its end; None where nobody has set one, or the latest is disabled.

        May be some minutes old.  Raises BadConfiguration for a name that is none and for a missing permission; Retryable.
        """
        ...
