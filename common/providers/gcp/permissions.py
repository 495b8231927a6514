"""What a customer's project must allow so that Costwire can read its billing export: commands to copy.

Source: BigQuery documentation, access control with IAM; Cloud Storage documentation, IAM roles.
"""

from __future__ import annotations

BUCKET_ROLE = "roles/storage.objectViewer"
DATASET_ROLE = "roles/bigquery.dataViewer"
JOB_ROLE = "roles/bigquery.jobUser"
READ_ROLE = "roles/bigquery.readSessionUser"
_NOBODY = "<service account>"


def grant_on_project(project: str, email: str | None, role: str) -> str:
    """The command that grants a role in a project."""
    member = f"serviceAccount:{email or _NOBODY}"
    return f"gcloud projects add-iam-policy-binding {project} --member={member} --role={role}"


def grant_on_dataset(project: str, dataset: str, email: str | None) -> str:
    """The command that lets a service account read one dataset."""
    return (
        f"bq query --project_id={project} --use_legacy_sql=false 'GRANT `{DATASET_ROLE}` ON SCHEMA `{project}.{dataset}` "
        f'TO "serviceAccount:{email or _NOBODY}"\''
    )


def grant_on_bucket(bucket: str, email: str | None) -> str:
    """The command that lets a service account read one bucket."""
    member = f"serviceAccount:{email or _NOBODY}"
    return f"gcloud storage buckets add-iam-policy-binding gs://{bucket} --member={member} --role={BUCKET_ROLE}"
