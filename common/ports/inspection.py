"""Inspection: faults, each with its exact fix (Google Cloud's services through their own APIs; the state folder on one machine)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Finding:
    """One thing looked at.  well: None where it could not be looked at.  fix: a command, or what to do, where it is not well."""

    what: str
    well: bool | None
    found: str
    fix: str = ""

    def as_document(self) -> dict[str, str | bool | None]:
        """For programs."""
        return {"what": self.what, "well": self.well, "found": self.found, "fix": self.fix}


class Inspection(Protocol):
    """Looks at everything, changes nothing."""

    def findings(self) -> Iterator[Finding]:
        """What was found, service by service.  A check that cannot run is a finding that says why, never an error."""
        ...
