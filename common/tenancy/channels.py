"""An organization's channels: add and replace, list, remove; a webhook is stored encrypted and decrypted only to send."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from common.domain.channels import (
    EMAIL,
    SLACK,
    check_new_name,
    read_addresses,
    read_hosts,
    read_webhook,
    webhook_fault,
)
from common.errors import AlreadyExists, BadConfiguration, DecryptionFailed
from common.ports import Document, DocumentStore, KeyRing, Runtime, Transaction
from common.records.channels import channel_path, load_channel
from common.records.organizations import below, org_option
from common.tenancy.sealed import SealedPlace, opened, sealed_fields


@dataclass(frozen=True)
class ChannelRequest:
    """A channel that a user wants: of Slack with a webhook, else of e-mail.

    is_default: None for what it was, which is true at first.  replaces: an existing channel gets the new address or addresses.
    """

    org_slug: str
    name: str
    webhook: str | None = field(default=None, repr=False)
    recipients: tuple[str, ...] = ()
    is_default: bool | None = None
    replaces: bool = False
    requested_by: str = ""


@dataclass(frozen=True)
class ChannelReport:
    """A channel as it may be shown.  endpoint, fingerprint: of a webhook, None for e-mail.  budgets: names of those that name it."""

    name: str
    kind: str
    recipients: tuple[str, ...]
    is_default: bool
    endpoint: str | None
    fingerprint: str | None
    created_at: str
    updated_at: str
    created_by: str
    budgets: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return asdict(self)


def add_channel(rt: Runtime, request: ChannelRequest) -> ChannelReport:
    """Store a channel, its webhook encrypted for this organization and this channel.

    Raises InvalidChannel for what makes none, BadConfiguration for a host that is not allowed, AlreadyExists for a name or a webhook
    that is taken.
    """
    name, org_slug = check_new_name(request.name), request.org_slug
    made = _of_slack(rt, request) if request.webhook is not None else _of_email(request)
    path, now = channel_path(org_slug, name), rt.clock.now().isoformat()

    def work(transaction: Transaction) -> Document:
        before = transaction.get(path)
        if before is not None:
            _check_may_replace(before, made, request)
        known: Mapping[str, Any] = before or {}
        is_default = known.get("is_default", True) if request.is_default is None else request.is_default
        document: Document = {
            "channel_id": name,
            **made,
            "is_default": is_default,
            "created_at": known.get("created_at", now),
            "updated_at": now,
            "created_by": request.requested_by,
        }
        transaction.set(path, document)
        return document

    document = rt.documents.transact(work)
    return _report(document, _budgets_naming(rt.documents, org_slug).get(name, ()))


def list_channels(rt: Runtime, org_slug: str) -> list[ChannelReport]:
    """Every channel of an organization, by name."""
    naming = _budgets_naming(rt.documents, org_slug)
    found = rt.documents.list(below(org_slug, "channels"))
    return [_report(document, naming.get(name, ())) for name, document in found]


def remove_channel(rt: Runtime, org_slug: str, name: str, force: bool = False) -> ChannelReport:
    """Remove a channel and erase its ciphertext.  Raises NotFound, and BadConfiguration where budgets name it, unless forced.

    What budgets go on naming is sent to the default channels, until a channel of that name exists again.
    """
    document = load_channel(rt.documents, org_slug, name)
    report = _report(document, _budgets_naming(rt.documents, org_slug).get(name, ()))
    if report.budgets and not force:
        raise BadConfiguration(
            f"channel {name} is named by {_quoted(report.budgets)}; first costwire budgets set BUDGET --notify OTHER"
            f"{org_option(org_slug)}, or remove it with --force: their alerts then go to the default channels"
        )
    rt.documents.delete(channel_path(org_slug, name))
    return report


def load_webhook(documents: DocumentStore, keys: KeyRing, org_slug: str, name: str) -> str:
    """The address of a channel's webhook: for the one send that needs it, never for a log.

    Raises NotFound, BadConfiguration where it cannot be decrypted, Retryable where the key ring is away.
    """
    document = load_channel(documents, org_slug, name)
    try:
        return opened(keys, document, _context(org_slug, name)).decode()
    except (DecryptionFailed, UnicodeDecodeError):
        raise BadConfiguration(
            f"the webhook of channel {name} cannot be decrypted; costwire channels add {name} --slack --replace stores it again"
        ) from None


def places(documents: DocumentStore, org_slug: str) -> Iterator[SealedPlace]:
    """Where a tenant's webhooks lie."""
    for name, document in documents.list(below(org_slug, "channels")):
        if "ciphertext" in document:
            yield SealedPlace(f"channels/{name}", channel_path(org_slug, name), _context(org_slug, name))


def _of_slack(rt: Runtime, request: ChannelRequest) -> Document:
    webhook = read_webhook(request.webhook or "")
    settings = rt.settings
    fault = webhook_fault(webhook, read_hosts(settings.slack_hosts), settings.allow_private_channels)
    if fault:
        raise BadConfiguration(fault)
    sealed = sealed_fields(rt.keys, webhook.url.encode(), _context(request.org_slug, request.name))
    for name, other in rt.documents.list(below(request.org_slug, "channels")):
        if name != request.name and other.get("fingerprint") == sealed["fingerprint"]:
            raise AlreadyExists(f"channel {name} has this webhook; use that one, so that no message arrives twice")
    return {"kind": SLACK, "recipients": [], "endpoint": webhook.place, **sealed}


def _of_email(request: ChannelRequest) -> Document:
    return {"kind": EMAIL, "recipients": list(read_addresses(request.recipients)), "endpoint": None}


def _check_may_replace(before: Document, made: Document, request: ChannelRequest) -> None:
    if not request.replaces:
        raise AlreadyExists(f"channel {request.name} already exists; --replace changes it, or choose another name")
    if before["kind"] != made["kind"]:
        raise AlreadyExists(
            f"channel {request.name} is of kind {before['kind']}; choose another name, or costwire channels remove {request.name} first"
        )


def _report(document: Document, budgets: tuple[str, ...]) -> ChannelReport:
    return ChannelReport(
        name=document["channel_id"],
        kind=document["kind"],
        recipients=tuple(document["recipients"]),
        is_default=document["is_default"],
        endpoint=document["endpoint"],
        fingerprint=document.get("fingerprint"),
        created_at=document["created_at"],
        updated_at=document["updated_at"],
        created_by=document["created_by"],
        budgets=budgets,
    )


def _budgets_naming(documents: DocumentStore, org_slug: str) -> dict[str, tuple[str, ...]]:
    """Channel -> names of the budgets that name it."""
    found: dict[str, tuple[str, ...]] = {}
    for _, budget in documents.list(below(org_slug, "budgets")):
        for name in budget.get("channels", ()):
            found[name] = (*found.get(name, ()), budget["name"])
    return found


def _quoted(budgets: tuple[str, ...]) -> str:
    return f"budget{'s' if len(budgets) > 1 else ''} {', '.join(budgets)}"


def _context(org_slug: str, name: str) -> str:
    """What a ciphertext is bound to; with two slashes, so that no credential of an integration has it."""
    return f"{org_slug}/channels/{name}"
