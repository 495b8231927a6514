"""Settings: read once from the environment (prefix `COSTWIRE_`), each with its default and meaning."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """What an operator can set."""

    model_config = SettingsConfigDict(env_prefix="COSTWIRE_", frozen=True)

    home: Path = Field(Path(".costwire"), description="Folder for all state of the embedded runtime")
    threads: int | None = Field(None, description="Threads that DuckDB may use; all cores by default", ge=1)
    smtp_host: str | None = Field(None, description="Mail server; e-mail is off without it")
    smtp_port: int = Field(587, description="Port of the mail server")
    smtp_starttls: bool = Field(True, description="Encrypt the connection to the mail server")
    smtp_user: str | None = Field(None, description="Account at the mail server")
    smtp_password: SecretStr | None = Field(None, description="Password of that account")
    smtp_sender: str | None = Field(None, description="From address of e-mail")
    smtp_recipients: str | None = Field(None, description="Addresses that get alerts, separated by commas")
    slack_webhook_url: SecretStr | None = Field(None, description="Slack incoming webhook; Slack is off without it")

    fault_seed: int | None = Field(None, description="Tests only: repeat, shuffle and delay messages by this seed")
