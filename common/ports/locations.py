"""Locations: where a provider delivers its bills (a local folder; buckets and containers in the cloud)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Protocol
from urllib.parse import urlencode

from common.domain.saas.lines import Entry

ONLY = "only"
"""In the query of a `file://` URI of a folder, once for each of the files below that are meant."""


def file_uri(path: Path, names: Sequence[str] = ()) -> str:
    """The URI of a file or a folder of this machine.  names: only these files of the folder, by their relative names."""
    query = urlencode([(ONLY, name) for name in names])
    return path.as_uri() + (f"?{query}" if query else "")


@dataclass(frozen=True)
class Source:
    """What opening the place of an integration's bills may need; the integration may not be saved yet.

    location: a URI, or a path.  config: the integration's.  credential_ref: the path of its stored credential's document.
    secret: its credential, where one was given that is not stored yet; never logged.  on_this_machine: a path that was given to a command
    on this machine, never one from a document: it may be a file in either runtime.  may_name_addresses: its credential may say which
    address is asked, as a connection string does: on the user's own machine only.  maximum_bytes: the most that
    one query may scan.  periods: the billing periods that are wanted, none for all that are due, and asked_at: when; both for places
    that are asked by month.  own_aws_role: the ARN of our role in AWS, which is given for a token of Google, where this process has no
    other identity there.  ledger: reads the organization's subscriptions, for the place that is its ledger.
    platform_bill: makes the bills of some months by name, for the place that is the platform's own bill; None for who may not read it.
    """

    location: str
    org_slug: str = ""
    integration_id: str = ""
    provider: str = ""
    config: Mapping[str, Any] = field(default_factory=dict)
    credential_ref: str | None = None
    secret: bytes | None = field(default=None, repr=False)
    on_this_machine: bool = False
    may_name_addresses: bool = False
    maximum_bytes: int = 1 << 40
    periods: tuple[str, ...] = ()
    asked_at: datetime | None = None
    own_aws_role: str | None = None
    ledger: Callable[[], Sequence[Entry]] | None = field(default=None, repr=False)
    platform_bill: Callable[[Sequence[str]], Mapping[str, bytes]] | None = field(default=None, repr=False)


@dataclass(frozen=True)
class FoundObject:
    """One file at a location.  name: relative, with forward slashes.  version: changes when its bytes change (ETag)."""

    name: str
    size_bytes: int
    modified_at: datetime
    version: str


class Location(Protocol):
    """A place that can be listed and read, never written."""

    uri: str

    def list(self, prefix: str = "") -> Sequence[FoundObject]:
        """The files below, by name.  A location that is one file lists that one.

        Raises BadConfiguration where the place does not exist or may not be read, naming it.
        """
        ...

    def open(self, name: str, version: str | None = None) -> BinaryIO:
        """Read one file, streaming.  Raises NotFound.

        version: as it was listed; where the file is another one by now, or becomes one while it is read, Changed is raised.
        """
        ...


@dataclass(frozen=True)
class Probe:
    """One step of a dry run of a place: cheap, and nothing is changed.

    name: as `identity`, `listing`, `reading`.  run: returns what was found, in words; raises the error of ours that says what is wrong.
    permission: what it needs, by the provider's own name; fix: the policy or the command that grants it.
    needed: whether the steps after it make no sense without it.
    """

    name: str
    run: Callable[[], str]
    permission: str | None = None
    fix: str = ""
    needed: bool = True


class ProbedLocation(Location, Protocol):
    """A location that can be tried step by step."""

    def probes(self) -> Sequence[Probe]:
        """The steps in their order: who is signed in comes first."""
        ...
