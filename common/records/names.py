"""Names that paths, datasets and folders are made of: checked wherever one comes in."""

import hashlib
from collections.abc import Iterable

from common.domain.names import integration_id_fault, org_slug_fault
from common.domain.nearest import did_you_mean
from common.errors import BadConfiguration, NotFound


def key_of(*words: str) -> str:
    """The key of a document that has no name of its own: the same for the same words in the same order."""
    return hashlib.sha256("\n".join(words).encode()).hexdigest()[:20]


def check_org_slug(org_slug: str) -> str:
    """The slug as it is.  Raises BadConfiguration that says which form is expected."""
    return _checked(org_slug, org_slug_fault(org_slug))


def check_integration_id(integration_id: str) -> str:
    """The id as it is.  Raises BadConfiguration that says which form is expected."""
    return _checked(integration_id, integration_id_fault(integration_id))


def one_of(prefix: str, names: Iterable[str], what: str, listed_by: str) -> str:
    """The one name that is, or begins with, `prefix`.  Raises NotFound for none, with the nearest, and for several.

    what: a noun for the message; listed_by: the command that shows the names.
    """
    known = list(names)
    found = [name for name in known if name.startswith(prefix)]
    if prefix in found:
        return prefix
    if not found or not prefix:
        raise NotFound(f"there is no {what} {prefix}; {listed_by} shows what there is{did_you_mean(prefix, known)}")
    if len(found) > 1:
        raise NotFound(
            f"{prefix} matches {len(found)} ids ({', '.join(found[:3])}, ...); give more characters of the {what}'s id"
        )
    return found[0]


def _checked(name: str, fault: str | None) -> str:
    if fault:
        raise BadConfiguration(fault)
    return name
