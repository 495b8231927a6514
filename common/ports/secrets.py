"""Secrets: the platform's own (Secret Manager; the environment on the laptop).  Tenants' credentials are KeyRing's."""

from typing import Protocol


class Secrets(Protocol):
    """Read by name, as `slack-webhook-url`.  A value never reaches a log, an error or a document."""

    def get(self, name: str) -> str | None:
        """The newest enabled value, or None where nobody has set one.  Raises BadConfiguration, Retryable."""
        ...
