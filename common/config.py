"""Settings: read once from the environment (prefix `COSTWIRE_`), each with its default and meaning."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from common.errors import BadConfiguration


class Settings(BaseSettings):
    """What an operator can set."""

    model_config = SettingsConfigDict(env_prefix="COSTWIRE_", frozen=True)

    runtime: Literal["embedded", "cloud"] = Field(
        "embedded", description="Where state lives: embedded, in a folder; cloud, in Google Cloud's services"
    )
    home: Path = Field(Path(".costwire"), description="Folder for all state of the embedded runtime")
    plans: bool = Field(
        False,
        description="on: organizations have plans with quotas and trials; off: every organization is active and unlimited",
    )
    operator_org: str | None = Field(
        None,
        description="Organization of the operator, which may read the platform's own bill (docs/platform-bill.md); none by default",
        pattern="^([a-zA-Z0-9_]{3,50})?$",
    )
    threads: int | None = Field(None, description="Threads that DuckDB may use; all cores by default", ge=1)
    smtp_host: str | None = Field(None, description="Mail server; e-mail is off without it")
    smtp_port: int = Field(587, description="Port of the mail server")
    smtp_starttls: bool = Field(True, description="Encrypt the connection to the mail server")
    smtp_user: str | None = Field(None, description="User name at the mail server")
    smtp_password: SecretStr | None = Field(None, description="Password of that user")
    smtp_sender: str | None = Field(None, description="From address of e-mail")
    smtp_recipients: str | None = Field(
        None, description="Addresses that receive alerts of organizations without channels, separated by commas"
    )
    slack_webhook_url: SecretStr | None = Field(
        None, description="Slack incoming webhook for alerts of organizations without channels"
    )
    slack_hosts: str = Field(
        "hooks.slack.com,hooks.slack-gov.com",
        description="Hosts that webhooks of organizations' channels may have, separated by commas; HOST:PORT for a port other than 443",
    )
    allow_private_channels: bool = Field(
        False,
        description="Tests and private networks: organizations' channels may use private addresses, http and a mail server without TLS",
    )

    stripe_api_key: SecretStr | None = Field(
        None, description="Restricted key of Stripe, by which plans are paid for; with plans only"
    )
    stripe_webhook_secret: SecretStr | None = Field(
        None, description="Signing secret of the Stripe webhook that leads to stripe_webhook"
    )

    public_url: str | None = Field(
        None,
        description="Address of the dashboard, as https://costs.example.com: sign-in leads back to it, alerts link to it",
    )
    oidc_issuer: str | None = Field(
        None, description="OpenID provider by which users sign in; without it only keys open a service"
    )
    oidc_client_id: str | None = Field(None, description="Costwire's client id at that provider")
    oidc_client_secret: SecretStr | None = Field(
        None, description="Secret of that client; in the cloud a secret by default; none for a public client"
    )
    oidc_scopes: str = Field("openid email profile", description="Scopes that the provider is asked for")

    project: str | None = Field(None, description="Google Cloud project of the deployment")
    region: str = Field("us-central1", description="Region of functions, bucket, datasets, keys and scheduler jobs")
    env: str = Field("prod", description="Name of the deployment: the last part of each dataset's name, <org>_<env>")
    bucket: str | None = Field(None, description="Bucket of raw, normalized and quarantined files")
    aws_principal: str | None = Field(
        None, description="ARN of Costwire's own identity in AWS, which assumes the roles of customers' accounts"
    )
    webhook_url: str | None = Field(
        None, description="Address of the function provider_webhook, for what costwire integrations webhook prints"
    )
    kms_key: str | None = Field(
        None, description="Key of tenants' credentials: projects/<p>/locations/<l>/keyRings/<r>/cryptoKeys/<k>"
    )
    customer_key: str | None = Field(
        None, description="Key of Cloud KMS that encrypts new datasets; Google's own key without it"
    )
    documents_database: str = Field("(default)", description="Firestore database of tenants' documents")
    credentials_database: str = Field(
        "credentials", description="Firestore database of encrypted credentials, which few service accounts may open"
    )
    processed_database: str = Field(
        "processed", description="Firestore database that records which events each function has finished"
    )
    maximum_bytes_billed: int = Field(
        1 << 40, description="Most bytes that one BigQuery query may scan; a larger query is refused", gt=0
    )
    push_auth: Literal["token", "platform"] = Field(
        "token",
        description="What verifies that a push comes from Pub/Sub: token, the function; platform, Cloud Run's invoker role",
    )
    push_audience: str | None = Field(None, description="Audience that a push's OIDC token must have")
    push_service_account: str | None = Field(
        None, description="E-mail of the account that a push's OIDC token must name"
    )

    traces: Literal["off", "otlp", "cloud"] = Field(
        "off",
        description="Where traces are sent: off, nowhere; otlp, as the OTEL_EXPORTER_OTLP_* variables configure; cloud, to Cloud Trace",
    )

    work_seconds: int | None = Field(
        None,
        description="Seconds after which a long landing passes the rest to a new message; no limit on the embedded runtime by default",
        ge=0,
    )

    chunk_bytes: int = Field(
        2 << 30,
        description="Most bytes of one chunk: a larger file of plain CSV or JSON lines is cut, and Parquet, where a row counts as 1,000",
        gt=0,
    )

    packed_bytes: int = Field(
        1 << 30,
        description="Most bytes of a compressed file that is read as it is: a larger one is unpacked first, in the cloud by a job",
        gt=0,
    )

    fault_seed: int | None = Field(None, description="Tests only: repeat, shuffle and delay messages with this seed")


PRODUCTION = "production"


class ServiceSettings(BaseSettings):
    """What an operator can set of the HTTP services.  Read by these only, since the names have no prefix."""

    model_config = SettingsConfigDict(frozen=True)

    environment: str = Field(
        "development", description="production: the service does not start unless all that production needs is set"
    )
    ca_root_api_key: SecretStr | None = Field(
        None, description="The operator's key, which adds organizations; in the cloud a secret by default"
    )
    disable_auth: bool = Field(False, description="Answer without keys; refused in production")
    rate_limit_enabled: bool = Field(True, description="Limit the requests of each key")
    rate_limit_per_minute: int = Field(
        300, description="Requests that each key may make in a minute, per instance", gt=0
    )

    @field_validator("environment", mode="before")
    @classmethod
    def _folded(cls, value: object) -> object:
        """However it is written, so that a spelling does not switch the guard off."""
        folded = str(value).strip().lower()
        return PRODUCTION if folded == "prod" else folded


def service_settings_of_environment() -> ServiceSettings:
    """What the environment sets of the HTTP services.  Raises BadConfiguration as `settings_of_environment`."""
    try:
        return ServiceSettings()
    except ValidationError as error:
        faults = [_fault(ServiceSettings, "", one["loc"][0], one["input"], one["msg"]) for one in error.errors()]
        raise BadConfiguration("; ".join(faults)) from None


def settings_of_environment() -> Settings:
    """What the environment sets.  Raises BadConfiguration that names each variable which cannot be so, never a secret's value."""
    try:
        return Settings()
    except ValidationError as error:
        faults = [_fault(Settings, "COSTWIRE_", one["loc"][0], one["input"], one["msg"]) for one in error.errors()]
        raise BadConfiguration("; ".join(faults)) from None


def _fault(settings: type[BaseSettings], prefix: str, field: object, found: object, expected: str) -> str:
    known = settings.model_fields.get(str(field))
    secret = known is None or "SecretStr" in str(known.annotation)
    shown = "a secret of another form" if secret else f"'{str(found)[:100]}'"
    return f"{prefix}{str(field).upper()} is {shown}, {expected.replace('Input should be', 'expected')}"
