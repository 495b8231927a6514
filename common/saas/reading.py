"""Subscriptions in a file: TOML or JSON with a list `subscriptions`, or CSV with one per line."""

from __future__ import annotations

import csv
import io
import json
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from common.domain.money import read_cost
from common.domain.names import identifier
from common.domain.nearest import did_you_mean
from common.domain.saas.subscription import InvalidSubscription, Subscription
from common.errors import BadConfiguration
from common.records.subscriptions import from_plain
from common.saas.catalogue import vendor_named

MOST_BYTES = 8 << 20
LISTS = ("subscriptions", "plans")
"""What the list may be called."""
_ALIASES = {
    "id": "subscription_id",
    "provider": "vendor",
    "billing_cycle": "cycle",
    "unit_price": "price",
    "cost_per_cycle": "price",
    "cancel_on": "cancelled_on",
    "auto_renew": "renews",
    "date": "day",
}
_FIELDS = {one.name for one in fields(Subscription)} - {"subscription_id"}
_NOTES = frozenset({"source", "note", "notes"})
"""What a file may say for its readers alone."""
_AMOUNTS = frozenset({"price", "discount_percent", "tax_percent", "amount", "tax"})
_COUNTS = frozenset({"seats", "anchor_day", "contract_months", "notice_days"})
_FLAGS = frozenset({"renews", "credits"})
_CHANGES = {"seat_changes": "seats", "price_changes": "price"}
_TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def read_subscriptions(path: Path, text: str) -> list[Subscription]:
    """The subscriptions of a file; its name says what it is.  Raises BadConfiguration that names the entry and what is wrong."""
    entries = _csv(text) if path.suffix.lower() == ".csv" else _list(path, text)
    found: dict[str, Subscription] = {}
    for number, entry in enumerate(entries, start=1):
        try:
            one = subscription_of(entry)
        except InvalidSubscription as error:
            raise BadConfiguration(f"{path.name}: subscription {number}: {error}") from None
        if one.subscription_id in found:
            raise BadConfiguration(
                f"{path.name}: subscription {number}: id {one.subscription_id} is there twice; give each one an id of its own"
            )
        found[one.subscription_id] = one
    return list(found.values())


def subscription_of(entry: Mapping[str, Any]) -> Subscription:
    """One subscription from plain values.  Raises InvalidSubscription."""
    table = _renamed(entry)
    vendor = str(table.get("vendor", ""))
    known = vendor_named(vendor)
    if known is not None:
        table.setdefault("category", known.category)
    for name in ("vendor", "plan", "category", "cycle", "price", "currency", "start"):
        if name not in table:
            raise InvalidSubscription(f"{name} is missing")
    table.setdefault("subscription_id", identifier(f"{vendor}-{table['plan']}"))
    table["category"], table["cycle"] = str(table["category"]).lower(), str(table["cycle"]).lower()
    table["currency"] = str(table["currency"]).upper()
    try:
        return from_plain(table)
    except (KeyError, TypeError, AttributeError):
        raise InvalidSubscription("a value has another type than expected; docs/subscriptions.md lists them") from None


def _renamed(entry: Mapping[str, Any]) -> dict[str, Any]:
    table: dict[str, Any] = {}
    for given, value in entry.items():
        name = _ALIASES.get(given, given)
        if given in _NOTES or value is None or value == "":
            continue
        if name not in _FIELDS and name != "subscription_id":
            raise InvalidSubscription(f"'{given[:40]}' is not known{did_you_mean(given, _FIELDS)}")
        if name in table:
            raise InvalidSubscription(f"{name} is there twice, as {given} too")
        table[name] = _value(name, value)
    return table


def _value(name: str, value: Any) -> Any:
    if name in _AMOUNTS:
        return _amount(name, value)
    if name in _COUNTS:
        return _count(name, value)
    if name in _FLAGS:
        return _flag(name, value)
    if isinstance(value, datetime):
        return value.date()
    if name in ("seat_changes", "price_changes", "pauses", "invoices"):
        return _changes(name, value)
    if name == "tags":
        return _pairs(value)
    if isinstance(value, (str, date)):
        return value
    raise InvalidSubscription(f"{name} has another type than text or a day")


def _amount(name: str, value: Any) -> Decimal:
    """A float is refused: it would not be the amount that was written."""
    number = read_cost(str(value)) if isinstance(value, (str, int, Decimal)) and not isinstance(value, bool) else None
    if number is None:
        raise InvalidSubscription(f"{name} is '{str(value)[:40]}', expected a plain number such as 30 or 211.75")
    return number


def _count(name: str, value: Any) -> int:
    text = str(value)
    if isinstance(value, bool) or not text.isascii() or not text.isdigit() or len(text) > 9:
        raise InvalidSubscription(f"{name} is '{text[:40]}', expected a whole number")
    return int(text)


def _flag(name: str, value: Any) -> bool:
    found = value if isinstance(value, bool) else _TRUTH.get(str(value).lower())
    if found is None:
        raise InvalidSubscription(f"{name} is '{str(value)[:40]}', expected true or false")
    return bool(found)


def _changes(name: str, value: Any) -> list[dict[str, Any]]:
    if isinstance(value, str):  # a cell of CSV: 2026-12-01=6; 2027-03-01=8
        if name not in _CHANGES:
            raise InvalidSubscription(f"{name} cannot be given in CSV; use TOML")
        value = [{"day": day, _CHANGES[name]: what} for day, what in _pairs(value).items()]
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise InvalidSubscription(f"{name} is not a list of changes")
    made = []
    for one in value:
        change = {_ALIASES.get(key, key): what for key, what in one.items()}
        made.append({key: _value(key, what) for key, what in change.items() if what is not None})
    return made


def _pairs(value: Any) -> dict[str, str]:
    if isinstance(value, dict):
        return {str(key): str(what) for key, what in value.items()}
    pairs = [part.partition("=") for part in str(value).split(";") if part.strip()]
    if any(not key.strip() or not equals for key, equals, _ in pairs):
        raise InvalidSubscription(f"'{str(value)[:40]}' is not a list of pairs, expected key=value; key=value")
    return {key.strip(): what.strip() for key, _, what in pairs}


def _csv(text: str) -> list[dict[str, Any]]:
    rows = csv.DictReader(io.StringIO(text, newline=""))
    if not rows.fieldnames:
        raise BadConfiguration("the file is empty, expected a line with the names of columns")
    return [{(name or "").strip(): value for name, value in row.items() if name} for row in rows]


def _list(path: Path, text: str) -> list[Mapping[str, Any]]:
    reads: Callable[..., Any] = json.loads if path.suffix.lower() == ".json" else tomllib.loads
    try:
        table = reads(text, parse_float=Decimal)
    except (ValueError, RecursionError) as error:
        kind = "JSON" if path.suffix.lower() == ".json" else "TOML"
        raise BadConfiguration(f"{path.name} is not valid {kind}: {str(error)[:100]}") from None
    found = next((table[name] for name in LISTS if isinstance(table, dict) and name in table), None)
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise BadConfiguration(f"{path.name} has no list of subscriptions, expected [[subscriptions]] tables")
    return found
