"""Every FOCUS 1.3 rule and how it is checked: on rows, over rows, on the columns, by its type, or not at all and why.

Rules with a general text ("null when X is null") are made from `common/focus/columns.json`; the special ones are data
under `rules/`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any

from common.focus import Column, columns
from common.validation.general import ALL_FORMS, WRITTEN, GeneralCheck, general_check
from common.validation.predicate import in_list, mentioned, must_be_filled, must_be_null


class Kind(StrEnum):
    """Where a rule is checked."""

    ROW = "row"
    DATASET = "dataset"
    SCHEMA = "schema"
    PERMISSION = "permission"
    UNCHECKABLE = "not checkable"


@dataclass(frozen=True)
class Check:
    """One rule and how it is checked.

    predicate: for ROW, the SQL that is true for a row that breaks the rule.  coarse: a cheaper one, true there too.
    needs: columns without which it cannot be told.  forms: how a column must hold its values for the rule to be
    breakable; in another form it is kept by construction.  distinct: evaluate it once per different value.
    dataset: the entry of rules/datasets.toml.  note: what is narrower, or why not.
    filled, null: columns that have a value, or none, in every row that breaks the rule.
    """

    rule_id: str
    column: str
    keyword: str
    text: str
    kind: Kind
    predicate: str = ""
    coarse: str = ""
    needs: frozenset[str] = frozenset()
    forms: frozenset[str] = ALL_FORMS
    distinct: bool = False
    dataset: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""
    filled: frozenset[str] = frozenset()
    null: frozenset[str] = frozenset()

    @property
    def shown(self) -> tuple[str, ...]:
        """The columns that an example shows: the rule's own, then the others that the predicate looks at."""
        return tuple(dict.fromkeys((self.column, *sorted(mentioned(self.predicate)))))


@cache
def table(name: str) -> Mapping[str, Any]:
    """A file of `rules/`."""
    text = files("common.validation").joinpath("rules", f"{name}.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


@cache
def catalogue() -> tuple[Check, ...]:
    """All rules of the 65 columns, in the specification's order, then ours on nulls and on blocks."""
    made = [_check(column, rule_id, index) for column in columns() for index, rule_id in enumerate(rule_ids(column))]
    made.extend(_null_check(column) for column in columns())
    made.append(_block_check())
    return tuple(made)


def rule_ids(column: Column) -> tuple[str, ...]:
    """The ids of a column's rules; those without a public one are numbered, `x_HostProviderName-1`."""
    made = []
    own = 0
    for rule in column.rules:
        own += rule.identifier is None
        made.append(rule.identifier or f"x_{column.name}-{own}")
    return tuple(made)


def _check(column: Column, rule_id: str, index: int) -> Check:
    rule = column.rules[index]
    known = Check(rule_id, column.name, rule.keyword, rule.text, Kind.UNCHECKABLE)
    if rule.keyword == "MAY":
        return replace(known, kind=Kind.PERMISSION, note="a permission: nothing can break it")
    if rule_id in table("rows"):
        return _special(column, known, table("rows")[rule_id])
    if rule_id in table("datasets"):
        entry = table("datasets")[rule_id]
        return replace(
            known,
            kind=Kind.DATASET,
            dataset=entry,
            needs=_dataset_needs(entry),
            note=entry.get("note", ""),
            filled=frozenset(entry["filled"]) if "filled" in entry else _dataset_needs(entry),
        )
    if rule_id in table("other")["uncheckable"]:
        return replace(known, note=table("other")["uncheckable"][rule_id])
    if rule.text.startswith("column present"):
        return _presence(column, known)
    return _general(column, known, general_check(column, rule.text))


def _special(column: Column, known: Check, entry: Mapping[str, Any]) -> Check:
    predicate, coarse = entry.get("sql", ""), ""
    if "product" in entry:
        predicate, coarse = product_predicate(*entry["product"]), product_suspicion(*entry["product"])
    if "element" in entry:
        tried = f"len(list_filter(focus_elements({entry['column']}), lambda e: {entry['element']})) > 0"
        predicate = f"case when {entry['column']} is not null then {tried} end"
    if predicate == "subcategory_of_another_category":
        predicate = subcategory_predicate()
    distinct = bool(entry.get("distinct") or "element" in entry or "product" in entry)
    filled = frozenset(entry["product"]) if "product" in entry else must_be_filled(predicate)
    return replace(
        known,
        kind=Kind.ROW,
        predicate=predicate,
        coarse=coarse,
        needs=_needs(predicate, column.name),
        distinct=distinct,
        note=entry.get("note", ""),
        filled=filled,
        null=must_be_null(predicate),
    )


def _presence(column: Column, known: Check) -> Check:
    if known.text == "column present":
        return replace(known, kind=Kind.SCHEMA)
    companions = evidence(column.name)
    if not companions:
        reason = "whether the provider supports the feature is not in the file"
        return replace(known, note=reason)
    return replace(known, kind=Kind.SCHEMA, note=f"the feature shows in {', '.join(companions)}")


def evidence(name: str) -> tuple[str, ...]:
    """The columns whose presence shows that a provider supports the feature that asks for this conditional column."""
    for feature in table("other")["features"].values():
        if name in feature["columns"] or name in feature.get("implied", ()):
            return tuple(other for other in feature["columns"] if other != name)
    return ()


def _general(column: Column, known: Check, found: GeneralCheck | None) -> Check:
    if found is None:
        raise LookupError(f"rule {known.rule_id} ({known.text}) is accounted for nowhere under common/validation/rules")
    return replace(
        known,
        kind=Kind.ROW,
        predicate=found.predicate,
        needs=_needs(found.predicate, column.name),
        coarse=found.coarse,
        forms=found.forms,
        distinct=found.distinct,
        note=found.note,
        filled=must_be_filled(found.predicate),
        null=must_be_null(found.predicate),
    )


def _null_check(column: Column) -> Check:
    text = "a missing value is null, not empty text or a placeholder"
    placeholders = table("other")["placeholders"]
    predicate = f"raw({column.name}) in ({in_list(placeholders)})"
    return Check(
        f"x_NullHandling-{column.name}",
        column.name,
        "MUST",
        text,
        Kind.ROW,
        predicate=predicate,
        coarse=f"contains({in_list([' '.join(placeholders)])}, raw({column.name}))",
        needs=frozenset({column.name}),
        forms=WRITTEN,
        note="FOCUS attribute NullHandling; in CSV an empty field is a null, quoted or not",
    )


def _block_check() -> Check:
    """ListCost and the like are price * quantity even where both are wrong by the block: only the billed cost shows that."""
    predicate = (
        "ChargeCategory = 'Usage' and PricingCategory = 'Standard' and ContractedUnitPrice is not null "
        "and focus_differs_by_block(value(ContractedCost), value(BilledCost), PricingUnit)"
    )
    return Check(
        "x_BlockPricing-PricingUnit",
        "PricingUnit",
        "SHOULD",
        "ContractedCost is not BilledCost times or divided by the block of PricingUnit",
        Kind.ROW,
        predicate=predicate,
        coarse="PricingUnit between '1' and ':'",
        needs=_needs(predicate, "PricingUnit"),
        filled=must_be_filled(predicate),
        note="usage at standard prices, within 1 %: a price per block beside a quantity of single units, or the other way round",
    )


def _needs(predicate: str, own: str) -> frozenset[str]:
    return (mentioned(predicate) - frozenset(table("other")["absent_is_null"])) | {own}


def _dataset_needs(entry: Mapping[str, Any]) -> frozenset[str]:
    if "mentions" in entry:
        return frozenset(entry["mentions"])
    return mentioned(" ".join((*entry["key"], entry["one"])))


def product_predicate(cost: str, price: str, quantity: str) -> str:
    """cost <> price * quantity: by decimals where they hold the product, else by arbitrary precision."""
    exact = f"focus_product_differs(cast({cost} as varchar), cast({price} as varchar), cast({quantity} as varchar))"
    return f"case when {product_suspicion(cost, price, quantity)} then {exact} end"


def product_suspicion(cost: str, price: str, quantity: str) -> str:
    """Where decimals do not show that cost = price * quantity."""
    quick = f"focus_same_amount(focus_multiply(value({price}), value({quantity})), value({cost}))"
    return f"{cost} is not null and {price} is not null and {quantity} is not null and {quick} is not true"


def subcategory_predicate() -> str:
    """A known ServiceSubcategory beside a ServiceCategory that it does not belong to."""
    parents = table("subcategories").items()
    branches = " ".join(
        f"when ServiceSubcategory in ({in_list(names)}) then ServiceCategory <> {in_list([category])}"
        for category, names in parents
    )
    return f"case {branches} end"
