"""Valid FOCUS rows, and for every row rule a change to one of them that breaks it."""

from __future__ import annotations

import re

from common.focus import columns
from common.validation.catalogue import Check

Row = dict[str, str | None]

_PRICES = ("ListUnitPrice", "ContractedUnitPrice", "PricingCurrencyListUnitPrice", "PricingCurrencyContractedUnitPrice")

USAGE: Row = {
    "AvailabilityZone": "eu-west-1a",
    "BilledCost": "1.25",
    "BillingAccountId": "billing-1",
    "BillingAccountName": "Example GmbH",
    "BillingAccountType": "Payer",
    "BillingCurrency": "EUR",
    "BillingPeriodEnd": "2026-06-01T00:00:00Z",
    "BillingPeriodStart": "2026-05-01T00:00:00Z",
    "ChargeCategory": "Usage",
    "ChargeDescription": "an hour of a machine",
    "ChargeFrequency": "Usage-Based",
    "ChargePeriodEnd": "2026-05-02T01:00:00Z",
    "ChargePeriodStart": "2026-05-02T00:00:00Z",
    "ConsumedQuantity": "2.5",
    "ConsumedUnit": "Hours",
    "ContractedCost": "1.25",
    "ContractedUnitPrice": "0.5",
    "EffectiveCost": "1.25",
    "HostProviderName": "Example Cloud",
    "InvoiceId": "invoice-1",
    "InvoiceIssuerName": "Example Cloud",
    "ListCost": "1.5",
    "ListUnitPrice": "0.6",
    "PricingCategory": "Standard",
    "PricingCurrency": "USD",
    "PricingCurrencyContractedUnitPrice": "0.55",
    "PricingCurrencyEffectiveCost": "1.375",
    "PricingCurrencyListUnitPrice": "0.66",
    "PricingQuantity": "2.5",
    "PricingUnit": "Hours",
    "ProviderName": "Example Cloud",
    "PublisherName": "Example Cloud",
    "RegionId": "eu-west-1",
    "RegionName": "Ireland",
    "ResourceId": "machine-1",
    "ResourceName": "web server",
    "ResourceType": "Machine",
    "ServiceCategory": "Compute",
    "ServiceName": "Machines",
    "ServiceProviderName": "Example Cloud",
    "ServiceSubcategory": "Virtual Machines",
    "SkuId": "sku-1",
    "SkuMeter": "Machine hours",
    "SkuPriceDetails": '{"CoreCount":4,"InstanceType":"m5.large","x_Boost":true}',
    "SkuPriceId": "price-1",
    "SubAccountId": "account-1",
    "SubAccountName": "Shop",
    "SubAccountType": "Account",
    "Tags": '{"team":"shop","critical":true}',
}
USED = USAGE | {
    "BilledCost": "0",
    "CapacityReservationId": "reservation-1",
    "CapacityReservationStatus": "Used",
    "CommitmentDiscountCategory": "Usage",
    "CommitmentDiscountId": "commitment-1",
    "CommitmentDiscountName": "Three years",
    "CommitmentDiscountQuantity": "2.5",
    "CommitmentDiscountStatus": "Used",
    "CommitmentDiscountType": "Reserved Instance",
    "CommitmentDiscountUnit": "Hours",
    "PricingCategory": "Committed",
}
UNUSED = USED | {
    "CapacityReservationStatus": "Unused",
    "CommitmentDiscountStatus": "Unused",
    "ConsumedQuantity": None,
    "ConsumedUnit": None,
}
PURCHASE = USED | {
    "BilledCost": "100",
    "CapacityReservationId": None,
    "CapacityReservationStatus": None,
    "ChargeCategory": "Purchase",
    "ChargeFrequency": "One-Time",
    "CommitmentDiscountStatus": None,
    "ConsumedQuantity": None,
    "ConsumedUnit": None,
    "EffectiveCost": "0",
    "PricingCategory": "Standard",
    "PricingCurrencyEffectiveCost": "0",
}
_WITHOUT_PRICE: Row = dict.fromkeys(
    (*_PRICES, "ConsumedQuantity", "ConsumedUnit", "PricingCategory", "PricingQuantity", "PricingUnit")
) | dict.fromkeys(("SkuId", "SkuMeter", "SkuPriceDetails", "SkuPriceId"))
TAX = USAGE | _WITHOUT_PRICE | {"ChargeCategory": "Tax", "ChargeFrequency": "Recurring", "HostProviderName": None}
CREDIT = (
    USAGE
    | _WITHOUT_PRICE
    | dict.fromkeys(("ResourceId", "ResourceName", "ResourceType"))
    | dict.fromkeys(("BilledCost", "ContractedCost", "EffectiveCost", "ListCost"), "-5")
    | {"ChargeCategory": "Credit", "ChargeFrequency": "One-Time", "PricingCurrencyEffectiveCost": "-5.5"}
)
CORRECTION = USAGE | {"ChargeClass": "Correction", "BilledCost": "-1.25"}
SHARE = USAGE | {
    "AllocatedMethodDetails": '{"Elements":[{"AllocatedRatio":0.25,"UsageUnit":"vCPU","UsageQuantity":2,"x_By":"c"}]}',
    "AllocatedMethodId": "split-by-cpu",
    "AllocatedResourceId": "pod-1",
    "AllocatedResourceName": "shop pod",
    "AllocatedTags": '{"pod":"shop"}',
}
REMAINDER = SHARE | dict.fromkeys(("AllocatedResourceId", "AllocatedResourceName", "AllocatedTags"))
COVERED = USAGE | {
    "ContractApplied": '{"Elements":['
    '{"ContractId":"c1","ContractCommitmentId":"cc1","ContractCommitmentAppliedCost":1.25},'
    '{"ContractId":"c1","ContractCommitmentId":"cc2","ContractCommitmentAppliedQuantity":3,'
    '"ContractCommitmentAppliedUnit":"GB-Hours","x_Note":"n"}]}'
}
CONTRACT = PURCHASE | {
    "ContractApplied": '{"Elements":['
    '{"ContractId":"c1","ContractCommitmentId":"machine-1","ContractCommitmentAppliedCost":100}]}'
}

BASE: dict[str, Row] = {
    "usage": USAGE,
    "used": USED,
    "unused": UNUSED,
    "purchase": PURCHASE,
    "tax": TAX,
    "credit": CREDIT,
    "correction": CORRECTION,
    "share": SHARE,
    "remainder": REMAINDER,
    "covered": COVERED,
    "contract": CONTRACT,
}


def _method(elements: str) -> Row:
    return {"AllocatedMethodDetails": f'{{"Elements":[{elements}]}}'}


def _applied(elements: str) -> Row:
    return {"ContractApplied": f'{{"Elements":[{elements}]}}'}


def _element(**changes: str) -> str:
    """An element of ContractApplied as JSON, values given as JSON text; `-` leaves the key out."""
    values = {"ContractId": '"c1"', "ContractCommitmentId": '"cc1"', "ContractCommitmentAppliedCost": "1"} | changes
    return "{" + ",".join(f'"{key}":{value}' for key, value in values.items() if value != "-") + "}"


_QUANTITY = "ContractCommitmentAppliedQuantity"
_UNIT = "ContractCommitmentAppliedUnit"
_COST = "ContractCommitmentAppliedCost"

CHANGES: dict[str, tuple[str, Row]] = {
    # split cost allocation
    "CAU-AllocatedMethodDetails-C-003-M": ("share", {"AllocatedMethodDetails": "[1]"}),
    "CAU-AllocatedMethodDetails-C-005-C": ("usage", _method('{"AllocatedRatio":0.5}')),
    "CAU-AllocatedMethodDetails-C-006-C": ("share", {"AllocatedMethodDetails": None}),
    "CAU-AllocatedMethodDetailsObject-O-001-M": ("share", {"AllocatedMethodDetails": '{"elements":[]}'}),
    "CAU-AllocatedMethodDetailsObject-O-002-M": ("share", _method('{"AllocatedRatio":0.5},7')),
    "CAU-AllocatedMethodDetailsObject-O-003-M": ("share", _method('{"AllocatedRatio":0.5,"x_More":[1]}')),
    "CAU-AllocatedMethodDetailsObject-O-009-C": ("share", _method('{"AllocatedRatio":0.5,"Driver":"cpu"}')),
    "CAU-AllocatedMethodDetailsObject-O-012-M": ("share", _method('{"UsageUnit":"GB"}')),
    "CAU-AllocatedMethodDetailsObject-O-013-M": ("share", _method('{"AllocatedRatio":"half"}')),
    "CAU-AllocatedMethodDetailsObject-O-014-M": ("share", _method('{"AllocatedRatio":1.5}')),
    "CAU-AllocatedMethodDetailsObject-O-016-C": ("share", _method('{"AllocatedRatio":0.5,"UsageQuantity":2}')),
    "CAU-AllocatedMethodDetailsObject-O-018-O": ("share", _method('{"AllocatedRatio":0.5,"UsageUnit":"gigabytes"}')),
    "CAU-AllocatedMethodDetailsObject-O-021-M": (
        "share",
        _method('{"AllocatedRatio":0.5,"UsageUnit":"GB","UsageQuantity":"2"}'),
    ),
    "CAU-AllocatedMethodId-C-005-C": ("share", {"AllocatedMethodId": None}),
    "CAU-AllocatedResourceId-C-004-C": ("usage", {"AllocatedResourceId": "pod-1"}),
    "CAU-AllocatedResourceId-C-006-C": ("remainder", {"AllocatedTags": '{"pod":"shop"}'}),
    "CAU-AllocatedTags-C-006-M": ("share", {"AllocatedTags": '{"pod":"shop","team":"shop"}'}),
    # times
    "CAU-BillingPeriodEnd-C-004-M": ("usage", {"BillingPeriodEnd": "2026-05-31T23:59:59Z"}),
    "CAU-ChargePeriodEnd-C-004-M": ("usage", {"ChargePeriodEnd": "2026-05-02T00:00:00Z"}),
    # reservations and commitments
    "CAU-CapacityReservationId-C-005-C": ("unused", {"CapacityReservationId": None}),
    "CAU-CapacityReservationStatus-C-004-C": ("used", {"CapacityReservationStatus": None}),
    "CAU-ChargeFrequency-C-004-C": ("purchase", {"ChargeFrequency": "Usage-Based"}),
    "CAU-CommitmentDiscountQuantity-C-005-C": ("used", {"CommitmentDiscountQuantity": None}),
    "CAU-CommitmentDiscountQuantity-C-007-C": ("usage", {"CommitmentDiscountQuantity": "1"}),
    "CAU-CommitmentDiscountStatus-C-004-C": ("used", {"CommitmentDiscountStatus": None}),
    "CAU-EffectiveCost-C-005-C": ("purchase", {"EffectiveCost": "0.01"}),
    "CAU-PricingCategory-C-008-C": ("purchase", {"PricingCategory": "Committed"}),
    "CAU-PricingCategory-C-009-C": ("used", {"PricingCategory": "Standard"}),
    "CAU-PricingCurrencyEffectiveCost-C-005-M": ("purchase", {"PricingCurrencyEffectiveCost": "0.01"}),
    # quantities
    "CAU-ConsumedQuantity-C-004-C": ("unused", {"ConsumedQuantity": "1"}),
    "CAU-ConsumedQuantity-C-006-C": ("usage", {"ConsumedQuantity": None}),
    # contracts
    "CAU-ContractApplied-C-001-M": ("covered", {"ContractApplied": '"c1"'}),
    "CAU-ContractAppliedObject-O-001-M": ("covered", {"ContractApplied": "{}"}),
    "CAU-ContractAppliedObject-O-003-M": ("covered", _applied('"c1"')),
    "CAU-ContractAppliedObject-O-004-M": ("covered", _applied('{"ContractId":"c1","ContractId":"c2"}')),
    "CAU-ContractAppliedObject-O-005-M": ("covered", _applied("")),
    "CAU-ContractAppliedObject-O-006-O": ("covered", _applied(_element(x_some_note='"n"'))),
    "CAU-ContractAppliedObject-O-007-M": ("covered", _applied(_element(**{_COST: "-", _QUANTITY: "3"}))),
    "CAU-ContractAppliedObject-O-012-M": ("covered", _applied(_element(x_Note='{"deep":1}'))),
    "CAU-ContractAppliedObject-O-014-M": ("covered", _applied(_element(ContractId="-", ContractID='"c1"'))),
    "CAU-ContractAppliedObject-O-017-C": ("covered", _applied(_element(Note='"n"'))),
    "CAU-ContractAppliedObject-O-019-C": ("covered", _applied(_element(ContractId="-"))),
    "CAU-ContractAppliedObject-O-020-M": ("covered", _applied(_element(ContractId="7"))),
    "CAU-ContractAppliedObject-O-024-C": ("covered", _applied(_element(ContractId='" "'))),
    "CAU-ContractAppliedObject-O-029-C": ("covered", _applied(_element(ContractCommitmentId="-"))),
    "CAU-ContractAppliedObject-O-030-M": ("covered", _applied(_element(ContractCommitmentId="true"))),
    "CAU-ContractAppliedObject-O-034-C": ("covered", _applied(_element(ContractCommitmentId="null"))),
    "CAU-ContractAppliedObject-O-039-C": ("contract", {"ResourceId": "machine-2"}),
    "CAU-ContractAppliedObject-O-043-M": ("covered", _applied(_element(**{_COST: '"1"'}))),
    "CAU-ContractAppliedObject-O-046-C": ("covered", _applied(_element(**{_COST: "-"}))),
    "CAU-ContractAppliedObject-O-052-M": ("covered", _applied(_element(**{_QUANTITY: '"3"', _UNIT: '"GB"'}))),
    "CAU-ContractAppliedObject-O-055-C": ("covered", _applied(_element(**{_COST: "null"}))),
    "CAU-ContractAppliedObject-O-061-M": ("covered", _applied(_element(**{_QUANTITY: "3", _UNIT: "5"}))),
    "CAU-ContractAppliedObject-O-063-O": ("covered", _applied(_element(**{_QUANTITY: "3", _UNIT: '"gb"'}))),
    "CAU-ContractAppliedObject-O-065-C": ("covered", _applied(_element(**{_UNIT: '"GB"'}))),
    "CAU-ContractAppliedObject-O-066-C": ("covered", _applied(_element(**{_QUANTITY: "3"}))),
    # costs and prices
    "CAU-ContractedCost-C-008-C": ("credit", {"ContractedCost": "-4.99"}),
    "CAU-ContractedCost-C-011-C": ("usage", {"ContractedCost": "1.2500000005"}),
    "CAU-ContractedUnitPrice-C-013-C": ("correction", {"ContractedUnitPrice": "0.51"}),
    "CAU-EffectiveCost-C-010-C": ("credit", {"EffectiveCost": "-4.99"}),
    "CAU-ListCost-C-008-C": ("credit", {"ListCost": "0"}),
    "CAU-ListCost-C-011-C": ("usage", {"ListCost": "1.4999999995"}),
    "CAU-ListUnitPrice-C-014-C": ("usage", {"ListUnitPrice": "0.6000001"}),
    # the rest
    "CAU-BillingCurrency-C-003-M": ("usage", {"BillingCurrency": "eur"}),
    "CAU-BillingCurrency-C-006-M": ("usage", {"BillingCurrency": "Credits"}),
    "CAU-ChargeClass-C-005-C": ("usage", {"ChargeClass": "Refund"}),
    "CAU-InvoiceId-C-007-C": ("usage", {"BillingAccountId": None}),
    "CAU-PricingCurrency-C-003-M": ("usage", {"PricingCurrency": "$"}),
    "x_BlockPricing-PricingUnit": ("usage", {"PricingUnit": "10 Hours", "BilledCost": "12.5"}),
    "CAU-ResourceName-C-006-C": ("usage", {"ResourceName": "machine-1"}),
    "CAU-ServiceSubcategory-C-004-M": ("usage", {"ServiceSubcategory": "Object Storage"}),
    "CAU-SkuMeter-C-005-C": ("usage", {"SkuMeter": None}),
    "CAU-SkuPriceDetails-C-002-O": ("usage", {"SkuPriceDetails": '{"x_boost_level":1}'}),
    "CAU-SkuPriceDetails-C-010-C": ("usage", {"SkuPriceDetails": '{"x_CoreCount":4}'}),
    "CAU-SkuPriceDetails-C-017-C": ("usage", {"SkuPriceDetails": '{"Boost":true}'}),
    "CAU-SkuPriceDetails-C-020-M": ("usage", {"SkuPriceDetails": '{"coreCount":4}'}),
    "CAU-SkuPriceDetails-C-021-M": ("usage", {"SkuPriceDetails": '{"CoreCount":"4"}'}),
    "x_HostProviderName-1": ("usage", {"HostProviderName": None}),
}

_BY_TEXT = (
    (r"type Decimal", lambda name, _: {name: "many"}),
    (r"type Date/Time", lambda name, _: {name: "soon"}),
    (r"valid string without broken encoding", lambda name, _: {name: "caf\ufffd"}),
    (r"plain number.*", lambda name, _: {name: "1,000.5"}),
    (r"a finite number", lambda name, _: {name: "NaN"}),
    (r"set on every row.*|set when .*|set on Usage and Purchase rows, Corrections aside", lambda name, _: {name: None}),
    (r"one of the allowed values", lambda name, _: {name: "usage"}),
    (r"null when (\w+) is null.*", lambda _, found: {found.group(1): None}),
    (r"not negative", lambda name, _: {name: "-0.5"}),
    (r"unit format", lambda name, _: {name: "gigabytes"}),
    (r"JSON object of distinct keys .*", lambda name, _: {name: '{"a":1,"a":2}'}),
    (r"UTC in the form .*", lambda name, _: {name: "2026-05-15 00:00:00"}),
    (r"a missing value is null.*", lambda name, _: {name: "NULL"}),
)


def broken(check: Check) -> tuple[str, Row]:
    """A valid row's name and the change that makes it break the rule."""
    if check.rule_id in CHANGES:
        return CHANGES[check.rule_id]
    if check.text == "null when ChargeCategory is Tax":
        return "tax", {check.column: USED[check.column]}
    for pattern, change in _BY_TEXT:
        found = re.fullmatch(pattern, check.text)
        if found:
            row = next(name for name, row in BASE.items() if row.get(check.column) is not None)
            return row, change(check.column, found)
    raise LookupError(f"no change breaks {check.rule_id}: {check.text}")


def complete(row: Row) -> list[str | None]:
    """A row's values for all columns, in the specification's order."""
    return [row.get(column.name) for column in columns()]
