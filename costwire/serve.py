"""Command `serve`: the dashboard and the HTTP API on this machine."""

from __future__ import annotations

import threading
from typing import Annotated

import typer

from common.config import PRODUCTION, service_settings_of_environment
from common.errors import BadConfiguration, GoesOn
from common.runtime.bootstrap import EmbeddedRuntime, runtime
from costwire.demo import show_samples
from costwire.output import console
from costwire.watch import events, prepare

_THREADS = 8
_LARGEST_HEADERS = 32 * 1024
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def serve(
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="Port to listen on; 0 for any that is free.")
    ] = 8080,
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = LOOPBACK[0],
    samples: Annotated[
        bool,
        typer.Option(
            "--samples",
            help="Show the sample bills, in ./.costwire-demo; they are imported where they are not there yet.",
        ),
    ] = False,
) -> None:
    """Serve the dashboard and the HTTP API until stopped, and do meanwhile what costwire watch does: fetch, check and notify.

    On this machine's own address neither needs a login or a key.  On another one the API is served with the keys of costwire api-keys,
    and the dashboard to those who sign in, where COSTWIRE_OIDC_ISSUER is set.
    """
    import waitress  # with Flask: what no other command needs

    from web.api.access import OpenDoor
    from web.api.app import Service
    from web.api.guard import service_of
    from web.api.reading import LARGEST_BODY
    from web.serving import site_of

    if samples:
        show_samples()
    rt = runtime()
    own = service_settings_of_environment()
    if host in LOOPBACK and own.environment != PRODUCTION:
        service = Service(OpenDoor(), loopback=True)
    elif own.disable_auth and own.environment != PRODUCTION:  # the guard of production names this among all else
        raise BadConfiguration(
            f"--host is '{host}' and DISABLE_AUTH is true: whoever reaches this machine could read all costs"
        )
    else:
        service = service_of(rt, own)
    if isinstance(rt, EmbeddedRuntime):
        prepare(rt)
        threading.Thread(target=_work, args=(rt,), name="worker", daemon=True).start()
    server = waitress.create_server(
        site_of(rt, service),
        host=host,
        port=port,
        threads=_THREADS,
        ident=None,
        max_request_header_size=_LARGEST_HEADERS,
        max_request_body_size=2 * LARGEST_BODY,
    )
    address = f"http://{server.effective_host}:{server.effective_port}"
    console.print(
        f"the dashboard is at {address}, and {address}/openapi.json lists the API; Ctrl-C stops", soft_wrap=True
    )
    server.run()
    raise GoesOn("stopped")


def _work(rt: EmbeddedRuntime) -> None:
    """Do what requests ask for, and what is scheduled, until the process ends; a kill at any moment is safe."""
    for _ in events(rt):
        pass
