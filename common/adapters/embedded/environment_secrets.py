"""Secrets of the platform in the environment: `slack-webhook-url` is COSTWIRE_SLACK_WEBHOOK_URL."""

from __future__ import annotations

import os
from collections.abc import Mapping

from common.adapters.shared.secret_names import check_secret_name, secret_value


class EnvironmentSecrets:
    """Reads the environment at each use.  environment: another mapping, for tests."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self._environment = os.environ if environment is None else environment

    def get(self, name: str) -> str | None:
        """The value, or None where the variable is not set or empty.  Raises BadConfiguration for a name that is none."""
        variable = "COSTWIRE_" + check_secret_name(name).replace("-", "_").upper()
        return secret_value(self._environment.get(variable, ""))
