"""The same bill under two integrations: which of them shows a billing account's month, so that no cost counts twice.

`orgs/<org>/shown_accounts/<provider>_<month>` lists which integration shows what: billing account, integration, and the
deliveries that were to be shown with it.  A delivery claims its billing accounts in one transaction before it is
shown, so that two at once see each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from common.domain.names import identifier
from common.ports import DocumentStore, Transaction
from common.records.deliveries import CURRENT, LANDED, Delivery, delivery_path
from common.records.integrations import ALLOW_OVERLAP, integration_path
from common.records.organizations import below

_Entries = dict[tuple[str, str], list[str]]


@dataclass(frozen=True)
class Shared:
    """A billing account whose month another integration shows."""

    provider: str
    billing_account_id: str
    integration_id: str


def claim(documents: DocumentStore, delivery: Delivery) -> list[Shared]:
    """Note that a delivery's billing accounts are shown by its integration; where another one shows some, note nothing and name them.

    An account that the integration shows already stays its own, whoever else shows it too.  Safe to repeat.
    """
    accounts = _by_provider(delivery)

    def work(transaction: Transaction) -> list[Shared]:
        config = (transaction.get(integration_path(delivery.org_slug, delivery.integration_id)) or {}).get("config", {})
        known = {path: _read(transaction.get(path)) for path in accounts}
        at_work = _at_work(transaction, delivery, known, accounts)
        shared: list[Shared] = []
        for path, (provider, ids) in accounts.items():
            entries = known[path]
            for account in ids:
                if not at_work(entries.get((account, delivery.integration_id), ())):
                    others = [one for (name, one), by in entries.items() if name == account and at_work(by)]
                    shared.extend(Shared(provider, account, one) for one in others if one != delivery.integration_id)
        if shared and not config.get(ALLOW_OVERLAP):
            return shared
        for path, (_, ids) in accounts.items():
            # a claim of what is no longer shown would count again if that is delivered again
            live = _live(known[path], set(ids), at_work)
            for account in ids:
                before = live.get((account, delivery.integration_id), ())
                live[account, delivery.integration_id] = sorted({*before, delivery.delivery_id})
            transaction.set(path, _written(live))
        return []

    return documents.transact(work)


def words(shared: Sequence[Shared], delivery: Delivery) -> str:
    """Why a delivery is held back, and what to do."""
    first = shared[0]
    more = f" and {len(shared) - 1} more" if len(shared) > 1 else ""
    return (
        f"{first.provider} account {first.billing_account_id}{more} is shown for {delivery.billing_period} by integration "
        f"{first.integration_id} already; to count both, give --allow-overlap with costwire import or connect"
    )


def _live(entries: _Entries, accounts: set[str], at_work: Any) -> _Entries:
    """The entries without the claims on these accounts that do not count any more."""
    kept = {key: [one for one in by if key[0] not in accounts or at_work([one])] for key, by in entries.items()}
    return {key: by for key, by in kept.items() if by}


def _by_provider(delivery: Delivery) -> dict[str, tuple[str, list[str]]]:
    found: dict[str, tuple[str, list[str]]] = {}
    for entry in delivery.accounts or ():
        name = f"{identifier(entry['provider'])}_{delivery.billing_period}"
        path = below(delivery.org_slug, "shown_accounts", name)
        found.setdefault(path, (entry["provider"], []))[1].append(entry["billing_account_id"])
    return found


def _at_work(
    transaction: Transaction, delivery: Delivery, known: dict[str, _Entries], accounts: dict[str, tuple[str, list[str]]]
) -> Any:
    """Whether one of some deliveries is shown, or about to be; looked up before anything is written, as transactions want it."""
    named = {
        one
        for path, (_, ids) in accounts.items()
        for (account, _), by in known[path].items()
        if account in set(ids)
        for one in by
    }
    states = {one: (transaction.get(delivery_path(delivery.org_slug, one)) or {}).get("state") for one in sorted(named)}
    return lambda by: any(states.get(one) in (CURRENT, LANDED) for one in by)


def _read(document: dict[str, Any] | None) -> _Entries:
    entries = document["shown"] if document else ()
    return {(one["billing_account_id"], one["integration_id"]): list(one["deliveries"]) for one in entries}


def _written(entries: _Entries) -> dict[str, Any]:
    shown = [
        {"billing_account_id": account, "integration_id": integration, "deliveries": by}
        for (account, integration), by in sorted(entries.items())
    ]
    return {"shown": shown}
