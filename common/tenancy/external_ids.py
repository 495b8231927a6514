"""The external id of an integration (`orgs/<org>/external_ids/<integration>`): what a customer's role asks of whoever assumes it.

We make it, never the customer: with an id of their choice, one customer could have us assume the role of another.
Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_common-scenarios_third-party.html.
"""

from __future__ import annotations

import secrets
from typing import Any

from common.ports import DocumentStore, Transaction
from common.records.names import check_integration_id
from common.records.organizations import below


def external_id_of(documents: DocumentStore, org_slug: str, integration_id: str) -> str:
    """The integration's external id, made when it is first asked for; it may not be connected yet.  Raises BadConfiguration for no name."""
    path = below(org_slug, "external_ids", check_integration_id(integration_id))

    def work(transaction: Transaction) -> str:
        document: dict[str, Any] = transaction.get(path) or {"external_id": f"costwire-{secrets.token_hex(16)}"}
        transaction.set(path, document)
        return str(document["external_id"])

    return documents.transact(work)
