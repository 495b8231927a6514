"""What is specific to one provider: how its deliveries are found, and what its bills need in addition to the common steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from common.formats.container import Container
from common.formats.recognition import Matched
from common.ports import Location
from common.providers.discovery import FoundDelivery
from common.providers.examining import Examined

Opened = tuple[Container, Matched]
Discover = Callable[[Location, Sequence[str]], list[FoundDelivery]]


@dataclass(frozen=True)
class ProviderRules:
    """What a provider's bills need beside the common way.

    role_of: the role of a part by its content: (name, part) -> whole, actual or amortized.
    cost_facts_of: reads in one part what its delivery's cost column depends on, as plain types; cost_column_of: computes from the facts
    of all parts of a delivery which canonical column is proved and billed.  Both or neither.
    """

    role_of: Callable[[str, Opened], str] | None = None
    cost_facts_of: Callable[[Opened], Any] | None = None
    cost_column_of: Callable[[Sequence[Any]], str] | None = None


class CredentialFile(Protocol):
    """A credential whose shape was checked.

    kind: the credential_type of its document.  is_assumed: the platform's own identity assumes a role of the customer's,
    which must ask for the integration's external id, or impersonates a service account, which must be named after it.
    """

    @property
    def kind(self) -> str: ...

    @property
    def is_assumed(self) -> bool: ...


ReadCredential = Callable[[bytes], CredentialFile]


@dataclass(frozen=True)
class Provider:
    """One provider.

    name: as in the topic `ingest-<name>`.  discover: the deliveries at a location, of some periods or of all.  examine: what the export
    there says of itself.  read_credential: checks the shape of a credential before anything is sent or stored; None where any bytes are
    taken.  gather: the place as one whose files are bills, where several files are one only together.
    """

    name: str
    discover: Discover
    examine: Callable[[Location], Examined]
    rules: ProviderRules = field(default_factory=ProviderRules)
    read_credential: ReadCredential | None = None
    gather: Callable[[Location], Location] | None = None

    def bills_at(self, place: Location) -> Location:
        """A place as its bills lie there."""
        return self.gather(place) if self.gather else place
