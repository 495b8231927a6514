"""Which names objects may have, in a folder as in a bucket."""

from __future__ import annotations

from common.errors import BadConfiguration

MAX_NAME_BYTES = 1024
MAX_STEP_BYTES = 255


def check_name(name: str) -> str:
    """The name itself.  Raises BadConfiguration where a folder or a bucket could not keep it, or it leads elsewhere."""
    fault = _fault(name)
    if fault:
        raise BadConfiguration(f"object name {name[:100]!r} {fault}")
    return name


def _fault(name: str) -> str | None:
    steps = name.split("/")
    if any(step in {"", ".", ".."} for step in steps):
        return "has an empty step, '.' or '..': expected steps joined by single slashes"
    if steps[0].startswith("."):
        return "starts with a dot, which is reserved for the store itself"
    if not name.isprintable() or "\\" in name:
        return "has a control character or a backslash"
    encoded = [step.encode(errors="surrogatepass") for step in steps]
    if len(b"/".join(encoded)) > MAX_NAME_BYTES or max(map(len, encoded)) > MAX_STEP_BYTES:
        return f"is too long: at most {MAX_NAME_BYTES} bytes, {MAX_STEP_BYTES} per step"
    return None
