"""What a customer's Azure subscription must allow so that Costwire can read its bills.

Source: Microsoft Learn, assign an Azure role for access to blob data.
"""

from __future__ import annotations

READER_ROLE = "Storage Blob Data Reader"


def assignment(account: str, container: str, client_id: str) -> str:
    """The command that lets an application read a container.  client_id: "" for one that is not known."""
    return (
        f'az role assignment create --assignee {client_id or "<client_id>"} --role "{READER_ROLE}" \\\n'
        f'  --scope "$(az storage account show --name {account} --query id --output tsv)/blobServices/default/containers/{container}"'
    )
