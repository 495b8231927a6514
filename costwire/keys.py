"""`costwire keys rotate|reencrypt`: the key that encrypts stored credentials and webhooks."""

from __future__ import annotations

from typing import Annotated

import typer

from common.errors import CostError
from common.runtime.bootstrap import runtime
from common.tenancy import reencrypting
from costwire.output import AsJson, console, print_json, progress
from costwire.tenant import tenant_of

app = typer.Typer(help="Rotate the key that encrypts stored credentials.", no_args_is_help=True)


@app.command("rotate")
def rotate(as_json: AsJson = False) -> None:
    """Create a new version of the key, for new credentials.  Credentials encrypted with older versions can still be decrypted."""
    version = runtime().keys.rotate()
    if as_json:
        print_json({"key_version": version})
        return
    console.print(f"new key version: {version}", soft_wrap=True)
    console.print("next: costwire keys reencrypt re-encrypts the stored credentials with it")


@app.command("reencrypt")
def reencrypt(
    org: Annotated[str | None, typer.Option("--org", help="Only this organization; all by default.")] = None,
    as_json: AsJson = False,
) -> None:
    """Re-encrypt stored credentials and webhooks with the newest version.  Idempotent, and safe while bills are fetched."""
    rt = runtime()
    org_slug = tenant_of(rt, org) if org is not None else None
    with progress("re-encrypting credentials", quiet=as_json) as say:
        outcome = reencrypting.reencrypt_stored(rt, org_slug, say)
    if as_json:
        print_json(outcome.__dict__)
    else:
        version = f" by version {outcome.key_version}" if outcome.key_version else ""
        console.print(f"{outcome.anew} re-encrypted{version}, {outcome.left} already up to date", soft_wrap=True)
    if outcome.failed:
        reasons = "; ".join(f"{name} ({reason})" for name, reason in sorted(outcome.failed.items()))
        raise CostError(
            f"{len(outcome.failed)} cannot be re-encrypted: {reasons}; store them again (costwire connect --credential, "
            "costwire channels add --slack --replace), or fix the key"
        )
