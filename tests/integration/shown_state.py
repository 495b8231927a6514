"""What must be true of deliveries, slices and claims once all messages are worked off, whatever happened before."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from tests.support import Laptop

FINISHED = {"current", "replaced", "superseded", "rejected", "joined", "held", "withdrawn"}


def currents(rt: Laptop) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """The current deliveries of each slice."""
    found: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for one in rt.deliveries(state="current"):
        found[one["integration_id"], one["billing_period"]].append(one)
    return found


def pointers(rt: Laptop) -> dict[tuple[str, str], str]:
    """Which delivery the warehouse shows of each slice."""
    found = [one for _, one in rt.documents.list("orgs/default/slices")]
    return {(one["integration_id"], one["billing_period"]): one["current"] for one in found}


def check_settled(rt: Laptop, overlapping: bool = False) -> None:
    """Documents and warehouse agree, claims cover what is shown, and nothing is left over.

    overlapping: some integration was allowed to show what another shows.
    """
    shown = pointers(rt)
    assert {key: [one["delivery_id"] for one in found] for key, found in currents(rt).items()} == {
        key: [name] for key, name in shown.items() if not name.endswith("-withdrawn")
    }
    assert [(one["delivery_id"], one["state"]) for one in rt.deliveries() if one["state"] not in FINISHED] == []
    claimed: dict[tuple[str, str], set[tuple[str, str]]] = defaultdict(set)
    for name, document in rt.documents.list("orgs/default/shown_accounts"):
        for entry in document["shown"]:
            for delivery_id in entry["deliveries"]:
                claimed[name, entry["billing_account_id"]].add((entry["integration_id"], delivery_id))
    owners: dict[tuple[str, str], set[str]] = defaultdict(set)
    for found in currents(rt).values():
        for one in found:
            for account in one["accounts"]:
                name = f"{account['provider'].lower()}_{one['billing_period']}"
                key = name, account["billing_account_id"]
                assert (one["integration_id"], one["delivery_id"]) in claimed[key], (key, claimed)
                owners[key].add(one["integration_id"])
    assert overlapping or all(len(names) == 1 for names in owners.values()), owners
    assert rt.documents.list("orgs/default/landings") == []
    assert [item.uri for item in rt.objects.list("raw/default/") if "/incoming/" in item.uri] == []
    runs = [run for _, run in rt.documents.list("orgs/default/runs")]
    assert {run["status"] for run in runs} <= {"succeeded", "rejected"}, [(run["status"], run["error"]) for run in runs]
    assert rt.bus.dead_letters() == []
