"""What is specific to one provider: how its deliveries are found, and what its bills need in addition to the common steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from common.formats.container import Container
from common.formats.recognition import Matched
from common.ports import Location
from common.providers.discovery import FoundDelivery

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


@dataclass(frozen=True)
class Provider:
    """One provider.  name: as in the topic `ingest-<name>`.  discover: the deliveries at a location, of some periods or of all."""

    name: str
    discover: Discover
    rules: ProviderRules = field(default_factory=ProviderRules)
