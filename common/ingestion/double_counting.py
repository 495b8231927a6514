"""Two integrations that would count the same money twice, as far as places and manifests show it before a bill is read.

What only the bills show is held back when they are to be shown (common.warehouse.overlap).
"""

from __future__ import annotations

from collections.abc import Collection

from common.domain.places import Place
from common.errors import BadConfiguration
from common.ports import Document, DocumentStore
from common.providers.registry import TITLES
from common.records.integrations import ACCOUNTS, ALLOW_OVERLAP, is_one_off
from common.records.organizations import below


def check_counted_once(
    documents: DocumentStore,
    org_slug: str,
    integration_id: str,
    provider: str,
    location: str,
    accounts: Collection[str],
) -> None:
    """Raises BadConfiguration where another connected integration reads the same place, or an export of the same billing account.

    accounts: as the export names them.  Bills that were imported by hand, and integrations that allow an overlap, are left out.
    """
    for name, other in documents.list(below(org_slug, "integrations")):
        if name == integration_id or is_one_off(other) or other["config"].get(ALLOW_OVERLAP):
            continue
        shared = sorted(set(accounts) & set(other.get(ACCOUNTS, ())))
        if shared:
            raise BadConfiguration(
                _words(f"account {shared[0].partition(' ')[2]}", _pair(provider, other), name, other)
            )
        place, others = Place.of(location), Place.of(str(other["config"]["location"]))
        if provider == other["provider"] and place.overlaps(others):
            raise BadConfiguration(_words(f"location {location}", "two integrations of one place", name, other))


def _pair(provider: str, other: Document) -> str:
    if provider != other["provider"]:
        return "the native and the FOCUS export of one account"
    if provider == "gcp":
        return "the standard and the detailed export of one billing account"
    return "two exports of one account"


def _words(what: str, pair: str, name: str, other: Document) -> str:
    return (
        f"{what} is read by integration {name} already ({TITLES[other['provider']]}, {other['config']['location']}), and {pair} count "
        f"the same costs twice; to replace it: costwire integrations remove {name}; to count both: --allow-overlap"
    )
