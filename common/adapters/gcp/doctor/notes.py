"""Findings of one service, and what its refusals mean for the operator."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import grpc  # type: ignore[import-untyped]
from google.api_core import exceptions as api
from google.auth import exceptions as auth
from google.auth.credentials import Credentials
from requests import exceptions as http

from common.config import Settings
from common.ports.inspection import Finding

CALL_SECONDS = 8.0
"""Deadline of one question; none is asked twice."""

Answer = TypeVar("Answer")
Client = TypeVar("Client")
_AWAY = (
    api.ServerError,
    api.TooManyRequests,
    api.RetryError,
    auth.TransportError,
    http.ConnectionError,
    http.Timeout,
    OSError,
)


class Unreachable(Exception):
    """The service does not answer, so that nothing more is asked of it."""


class NoCredentials(Exception):
    """Nothing can be asked."""


@dataclass(frozen=True)
class Deployment:
    """What is looked at, and by whom.  caller: a member of IAM policies, in words of a shell."""

    settings: Settings
    credentials: Credentials | None
    caller: str = 'user:"$(gcloud config get account)"'

    @property
    def project(self) -> str:
        return str(self.settings.project)

    @property
    def region(self) -> str:
        return self.settings.region

    @property
    def deploy(self) -> str:
        """The command that makes everything as it is declared, by the variables that this deployment was made with."""
        variables = "terraform/evaluation.tfvars" if self.settings.env == "eval" else "YOUR.tfvars"
        return f"make deploy PROJECT={self.project} ENV_FILE={variables}"

    def grant(self, role: str, member: str | None = None) -> str:
        """The command that lets a member do more."""
        return f"gcloud projects add-iam-policy-binding {self.project} --member={member or self.caller} --role={role}"

    def client(self, kind: type[Client], emulator_variable: str) -> Client:
        """A gRPC client of the service, or of the emulator whose host and port the variable holds.  Raises NoCredentials."""
        made: Any = kind
        host = os.environ.get(emulator_variable)
        if host:
            return made(transport=made.get_transport_class("grpc")(channel=grpc.insecure_channel(host)))  # type: ignore[no-any-return]
        return made(credentials=self.known_credentials())  # type: ignore[no-any-return]

    def known_credentials(self) -> Credentials:
        """The credentials.  Raises NoCredentials."""
        if self.credentials is None:
            raise NoCredentials
        return self.credentials


@dataclass
class Notes:
    """What was found at one service.

    service: as people call it.  api_name: as gcloud services enable takes it.  role: what lets the caller look.
    """

    deployment: Deployment
    service: str
    api_name: str
    role: str
    findings: list[Finding] = field(default_factory=list)

    def ok(self, what: str, found: str) -> None:
        """It is as it should be."""
        self.findings.append(Finding(what, True, found))

    def fault(self, what: str, found: str, fix: str) -> None:
        """It is not; the fix is a command or says what to do."""
        self.findings.append(Finding(what, False, found, fix))

    def unchecked(self, what: str, why: str, fix: str = "") -> None:
        """Nobody knows."""
        self.findings.append(Finding(what, None, f"not checked: {why}", fix))

    def expect(self, what: str, found: str, faults: dict[str, str]) -> None:
        """One finding: well where there are no faults (fault -> fix), else with every fault and every different fix."""
        if faults:
            self.fault(what, "; ".join(faults), " && ".join(dict.fromkeys(faults.values())))
        else:
            self.ok(what, found)

    def ask(self, what: str, call: Callable[[], Answer], missing: str, role: str | None = None) -> Answer | None:
        """The answer, or None after a finding that says why there is none.

        missing: the fix where the thing does not exist.  role: lets the caller look at just this.  Raises Unreachable.
        """
        try:
            return call()
        except api.NotFound:
            self.fault(what, "does not exist", missing)
        except Exception as error:
            self._refused(what, error, role or self.role)
        return None

    def run(self, look: Callable[[Notes], None]) -> list[Finding]:
        """Look at the whole service; what goes wrong with looking is a finding."""
        try:
            look(self)
        except Unreachable as error:
            self.fault(
                self.service,
                str(error),
                "costwire doctor again in a minute; see https://status.cloud.google.com if it persists",
            )
        except NoCredentials:
            self.unchecked(self.service, "there are no credentials", "gcloud auth application-default login")
        except Exception as error:
            self.fault(
                self.service,
                f"the check failed: {type(error).__name__}",
                "this is a bug in Costwire; please report it",
            )
        return self.findings

    def _refused(self, what: str, error: Exception, role: str) -> None:
        code = getattr(error, "code", None)
        shown = f"{type(error).__name__} ({int(code)})" if isinstance(code, int) else type(error).__name__
        if isinstance(error, NoCredentials):
            raise error
        if isinstance(error, api.Forbidden) and getattr(error, "reason", None) == "SERVICE_DISABLED":
            enable = f"gcloud services enable {self.api_name} --project={self.deployment.project}"
            self.fault(what, f"the API {self.api_name} is not enabled", enable)
        elif isinstance(error, api.Forbidden):
            self.unchecked(what, f"needs {role}", self.deployment.grant(role))
        elif isinstance(error, (api.Unauthorized, auth.RefreshError, auth.DefaultCredentialsError)):
            self.fault(what, f"the credentials are not accepted: {shown}", "gcloud auth application-default login")
        elif isinstance(error, api.MethodNotImplemented):
            self.unchecked(what, "this server does not answer the question (501)")
        elif isinstance(error, _AWAY):
            raise Unreachable(f"temporarily unavailable: {shown}") from error
        else:
            self.fault(what, f"the check failed: {shown}", "costwire doctor again; if it persists, please report it")
