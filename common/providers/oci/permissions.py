"""What a customer's OCI tenancy must allow so that Costwire can read its cost reports, which lie in Oracle's own tenancy.

Source: OCI documentation, cost and usage reports.
"""

from __future__ import annotations

READS = "read objects in tenancy usage-report"
POLICY = (
    "define tenancy usage-report as ocid1.tenancy.oc1..aaaaaaaaned4fkpkisbwjlr56u7cj63lf3wffbilvqknstgtvzub7vhqkggq",
    f"endorse group <group> to {READS}",
)
"""Statements of a policy in the root compartment, as they are typed."""
