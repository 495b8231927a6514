"""What providers say of new files when they call: which objects were written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from common.domain.period import BillingPeriod
from common.domain.places import Place
from common.ports.senders import NotGenuine
from common.providers.discovery import is_data, is_manifest, month_of_folder


@dataclass(frozen=True)
class Notice:
    """One event.  event_id: the provider's own, the same whenever it is repeated.  written: URIs of the objects that it names."""

    event_id: str
    written: Sequence[str] = ()


@dataclass(frozen=True)
class Heard:
    """What an authenticated call says.

    visit: an address that confirms a subscription.  answer, headers: what its sender waits for, where not just for success.
    """

    sender: str
    notices: Sequence[Notice] = ()
    visit: str | None = None
    answer: dict[str, Any] | None = None
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def is_handshake(self) -> bool:
        """Whether its sender only asks if it may send."""
        return self.visit is not None or self.answer is not None or bool(self.headers)


def month_wanted(location: str, written: str, has_manifests: bool) -> str | None:
    """What a new object asks for: `YYYY-MM`, empty for whatever is new, None for nothing.

    location: of the integration.  has_manifests: manifests lay at the location when it was last read.  A file in the folder of a billing
    period, or beside manifests, waits for its manifest, which is written last: until then the delivery is not complete.
    """
    place, own = Place.of(written), Place.of(location)
    if not place.is_inside(own) or written.endswith("/"):
        return None
    whole = "/".join(place.steps)
    name = "/".join(place.steps[len(own.steps) :]) or whole
    month = _month(whole)
    if is_manifest(name):
        return month or ""
    if not is_data(name) or has_manifests or month_of_folder(whole) is not None:
        return None
    return ""


def _month(name: str) -> str | None:
    found = month_of_folder(name)
    try:
        return str(BillingPeriod.parse(found)) if found else None
    except ValueError:
        return None


def objects_of(value: Any) -> Iterator[dict[str, Any]]:
    """The objects of a JSON array, or the one object.  Raises NotGenuine for anything else."""
    for one in value if isinstance(value, list) else [value]:
        if not isinstance(one, dict):
            raise NotGenuine("an event is not a JSON object")
        yield one


def text_of(value: Any, *names: str) -> str:
    """A text in nested objects.  Raises NotGenuine where there is none."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    if not isinstance(value, str) or not value or len(value) > 4096:
        raise NotGenuine(f"{'.'.join(names)} is not a text, or is empty or too long")
    return value
