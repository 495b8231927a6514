"""What a customer's project must allow so that Costwire can read its billing export: commands to copy.

Source: BigQuery documentation, access control with IAM; Cloud Storage documentation, IAM roles.
"""

from __future__ import annotations

BUCKET_ROLE = "roles/storage.objectViewer"
DATASET_ROLE = "roles/bigquery.dataViewer"
JOB_ROLE = "roles/bigquery.jobUser"
READ_ROLE = "roles/bigquery.readSessionUser"
IMPERSONATION_ROLE = "roles/iam.serviceAccountTokenCreator"
LONGEST_NAME = 29
"""A service account's name has at most 30 characters; these hold 80 random bits of an external id."""
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


def _own_account(project: str | None) -> str:
    return f"ingest-gcp@{project or '<project of Costwire>'}.iam.gserviceaccount.com"


def impersonation(external_id: str, project: str | None) -> str:
    """The commands that make the service account which Costwire's own may impersonate for one integration.  project: of Costwire."""
    name = external_id[:LONGEST_NAME]
    return (
        f"gcloud iam service-accounts create {name}\n"
        f"gcloud iam service-accounts add-iam-policy-binding {name}@<project>.iam.gserviceaccount.com \\\n"
        f"  --member=serviceAccount:{_own_account(project)} --role={IMPERSONATION_ROLE}"
    )


def pool(external_id: str, project: str | None) -> str:
    """The commands that let a workload identity pool trust Costwire's service account for one integration.  project: of Costwire.

    Source: Google Cloud IAM documentation, configure workload identity federation with other identity providers.
    """
    pools = "projects/<project number>/locations/global/workloadIdentityPools/costwire"
    return (
        f"SUBJECT=$(gcloud iam service-accounts describe {_own_account(project)} --format='value(uniqueId)')\n"
        "gcloud iam workload-identity-pools create costwire --location=global\n"
        "gcloud iam workload-identity-pools providers create-oidc costwire --location=global --workload-identity-pool=costwire \\\n"
        f"  --issuer-uri=https://accounts.google.com --allowed-audiences={external_id} --attribute-mapping=google.subject=assertion.sub\n"
        "gcloud iam service-accounts add-iam-policy-binding <service account> --role=roles/iam.workloadIdentityUser \\\n"
        f'  --member="principal://iam.googleapis.com/{pools}/subject/$SUBJECT"\n'
        f"gcloud iam workload-identity-pools create-cred-config {pools}/providers/costwire \\\n"
        "  --service-account=<service account> --credential-source-file=unused --output-file=external_account.json"
    )
