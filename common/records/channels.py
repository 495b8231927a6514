"""Channels of an organization (`orgs/<org>/channels/<name>`): where its notifications go, beside the deployment's own channels."""

from __future__ import annotations

from collections.abc import Iterable

from common.domain.channels import OF_DEPLOYMENT, channel_name_fault
from common.domain.nearest import did_you_mean
from common.errors import BadConfiguration, NotFound
from common.ports import Channel, Document, DocumentStore
from common.records.organizations import below, org_option


def channel_path(org_slug: str, name: str) -> str:
    """Where a channel's document lies."""
    return below(org_slug, "channels", name)


def channel_of(org_slug: str, document: Document) -> Channel:
    """The channel of a document."""
    return Channel(
        org_slug, document["channel_id"], document["kind"], tuple(document["recipients"]), bool(document["is_default"])
    )


def channels_of(documents: DocumentStore, org_slug: str) -> dict[str, Channel]:
    """Name -> channel, of all channels of an organization."""
    found = documents.list(below(org_slug, "channels"))
    return {name: channel_of(org_slug, document) for name, document in found}


def load_channel(documents: DocumentStore, org_slug: str, name: str) -> Document:
    """The channel's document.  Raises NotFound with the nearest name, BadConfiguration for what is no name."""
    _check_name(name)
    document = documents.get(channel_path(org_slug, name))
    if document is None:
        near = did_you_mean(name, channels_of(documents, org_slug))
        raise NotFound(f"there is no channel {name}; costwire channels list shows them{near}")
    return document


def missing_channels(documents: DocumentStore, org_slug: str, names: Iterable[str]) -> list[str]:
    """Of what a budget names, what is neither a channel of the organization nor one of the deployment."""
    wanted = [name for name in dict.fromkeys(names) if name not in OF_DEPLOYMENT]
    known = channels_of(documents, org_slug) if wanted else {}
    return [name for name in wanted if name not in known]


def check_channels(documents: DocumentStore, org_slug: str, names: Iterable[str]) -> None:
    """Raises NotFound where a budget would name a channel that does not exist, BadConfiguration for what is no name."""
    names = tuple(names)
    for name in names:
        _check_name(name)
    for name in missing_channels(documents, org_slug, names):
        raise NotFound(missing_words(documents, org_slug, name))


def missing_words(documents: DocumentStore, org_slug: str, name: str) -> str:
    """That a channel does not exist, and what creates it."""
    near = did_you_mean(name, [*channels_of(documents, org_slug), *OF_DEPLOYMENT])
    return f"there is no channel {name}; costwire channels add {name} --slack or --email ADDRESS{org_option(org_slug)} creates it{near}"


def _check_name(name: str) -> None:
    """A webhook that was typed in the place of a name is not repeated."""
    fault = channel_name_fault(name)
    if fault:
        raise BadConfiguration(fault)
