"""What a customer's Azure subscription must allow so that Costwire can read its bills.

Source: Microsoft Learn, assign an Azure role for access to blob data.
"""

from __future__ import annotations

import json

ISSUER = "https://accounts.google.com"
READER_ROLE = "Storage Blob Data Reader"


def assignment(account: str, container: str, client_id: str) -> str:
    """The command that lets an application read a container.  client_id: "" for one that is not known."""
    return (
        f'az role assignment create --assignee {client_id or "<client_id>"} --role "{READER_ROLE}" \\\n'
        f'  --scope "$(az storage account show --name {account} --query id --output tsv)/blobServices/default/containers/{container}"'
    )


def federated_credential(external_id: str, project: str | None) -> str:
    """The commands that let an application trust the service account of ingest_azure, for one integration.  project: of Costwire.

    Source: Microsoft Learn, configure an app to trust an external identity provider.
    """
    account = f"ingest-azure@{project or '<project of Costwire>'}.iam.gserviceaccount.com"
    parameters = {"name": external_id, "issuer": ISSUER, "subject": "'$SUBJECT'", "audiences": [external_id]}
    subject = f"SUBJECT=$(gcloud iam service-accounts describe {account} --format='value(uniqueId)')"
    return (
        f"{subject}\naz ad app federated-credential create --id <client_id> --parameters '"
        + json.dumps(parameters)
        + "'"
    )
