"""The pinned FOCUS version, 1.3: its columns, types, levels, allowed values and rules, read from `columns.json`.

Source: FOCUS specification 1.3, dataset CostAndUsage (FinOps Foundation, CC-BY-4.0; see NOTICE).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

VERSION = "1.3"
TABLE = "cost_data_standard_1_3"

COST_TYPE = "DECIMAL(38,24)"
QUANTITY_TYPE = "DECIMAL(38,12)"
TIME_TYPE = "TIMESTAMP WITH TIME ZONE"
TEXT_TYPE = "VARCHAR"

GENAI_COLUMNS: dict[str, str] = {
    "x_Model": TEXT_TYPE,
    "x_ModelFamily": TEXT_TYPE,
    "x_TokenKind": TEXT_TYPE,
    "x_Tokens": QUANTITY_TYPE,
    "x_Requests": QUANTITY_TYPE,
    "x_ServiceTier": TEXT_TYPE,
    "x_Batch": TEXT_TYPE,
    "x_ApiKeyId": TEXT_TYPE,
    "x_ListUnitPrice": COST_TYPE,
}
"""What a charge for a model has; null for any other charge, and where the bill does not say it."""

KUBERNETES_COLUMNS: dict[str, str] = {
    "x_Cluster": TEXT_TYPE,
    "x_Namespace": TEXT_TYPE,
    "x_ControllerKind": TEXT_TYPE,
    "x_Controller": TEXT_TYPE,
    "x_Pod": TEXT_TYPE,
    "x_Node": TEXT_TYPE,
    "x_AllocationKind": TEXT_TYPE,
    "x_CostKind": TEXT_TYPE,
    "x_EstimatedCost": COST_TYPE,
    "x_Efficiency": COST_TYPE,
}
"""What a part of a cluster has; null for any other charge.  x_EstimatedCost is in no cost of FOCUS: a bill may have the same nodes."""
SUBSCRIPTION_CATEGORY = "x_SubscriptionCategory"
"""What a subscription to software is for, as `design`; null for any other charge."""
SOME_COLUMNS: dict[str, str] = {**GENAI_COLUMNS, **KUBERNETES_COLUMNS, SUBSCRIPTION_CATEGORY: TEXT_TYPE}
"""Columns of ours that only some mappings give."""

OWN_COLUMNS: dict[str, str] = {
    "x_OrgSlug": TEXT_TYPE,
    "x_IntegrationId": TEXT_TYPE,
    "x_DeliveryId": TEXT_TYPE,
    "x_Provider": TEXT_TYPE,
    "x_SourceRowId": TEXT_TYPE,
    "x_IngestedAt": TIME_TYPE,
    "x_CostCategories": TEXT_TYPE,
    "x_Source": TEXT_TYPE,
    **GENAI_COLUMNS,
    **SOME_COLUMNS,
}
"""Our columns behind the FOCUS ones.  x_CostCategories and x_Source are JSON text: provider facts that FOCUS has no column for."""


@dataclass(frozen=True)
class Rule:
    """One rule of the requirements model.  identifier is None where no public id was at hand."""

    identifier: str | None
    keyword: str
    text: str


@dataclass(frozen=True)
class Column:
    """One CostAndUsage column."""

    name: str
    data_type: str
    level: str
    nullable: bool
    allowed_values: tuple[str, ...]
    introduced: str
    deprecated: bool
    description: str
    rules: tuple[Rule, ...]

    @property
    def storage_type(self) -> str:
        """The DuckDB and Parquet type: DECIMAL(38,24) for costs and prices, (38,12) for quantities, UTC times, text."""
        if self.data_type == "Decimal":
            return QUANTITY_TYPE if self.name.endswith("Quantity") else COST_TYPE
        return TIME_TYPE if self.data_type == "DateTime" else TEXT_TYPE


@cache
def columns() -> tuple[Column, ...]:
    """The 65 columns of CostAndUsage, in the specification's order."""
    model = json.loads(files(__package__).joinpath("columns.json").read_text(encoding="utf-8"))
    return tuple(
        Column(
            name=entry["name"],
            data_type=entry["data_type"],
            level=entry["feature_level"],
            nullable=entry["nullable"],
            allowed_values=tuple(entry["allowed_values"] or ()),
            introduced=entry["introduced"],
            deprecated=entry["deprecated"],
            description=entry["description"],
            rules=tuple(Rule(rule["id"], rule["keyword"], rule["rule"]) for rule in entry["rules"]),
        )
        for entry in model["datasets"]["CostAndUsage"]
    )


def storage_schema() -> dict[str, str]:
    """Column -> storage type of a normalized file: the FOCUS columns, then ours."""
    return {column.name: column.storage_type for column in columns()} | OWN_COLUMNS


def export_schema() -> dict[str, str]:
    """Column -> storage type of a file for others: as FOCUS 1.3's ColumnHandling has it, ours are in alphabetical order too."""
    return {column.name: column.storage_type for column in columns()} | dict(sorted(OWN_COLUMNS.items()))
