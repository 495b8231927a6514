"""What column names show: columns that are missing, misspelt, duplicated, or not part of FOCUS; another version."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from common.focus import VERSION, columns
from common.validation.catalogue import Check, Kind, catalogue, evidence, table
from common.validation.predicate import column_names
from common.validation.report import Failure

_VERSIONS = ("0.5", "1.0-preview", "1.0", "1.1", "1.2", "1.3")
_PASCAL_CASE = re.compile(r"x_[A-Z][A-Za-z0-9]*")
_LONGEST_NAME = 50
"""Source: FOCUS 1.3, attribute ColumnHandling.  1.2 has the form as well, and leaves it open whether columns are sorted."""
_OF_1_4 = frozenset({"InvoiceDetailId", "CommitmentProgramEligibilityDetails"})


@dataclass(frozen=True)
class Names:
    """What column names show.  found: FOCUS column -> place among the file's names; a misspelt one counts as there."""

    found: Mapping[str, int]
    failures: tuple[Failure, ...]
    checked: int
    hints: tuple[str, ...]


def check_names(names: Sequence[str], ordered: bool = True) -> Names:
    """Check a file's column names.  ordered: their order means something; the keys of a JSON object have none."""
    by_lower = {name.lower(): name for name in column_names()}
    found: dict[str, int] = {}
    misspelt: list[str] = []
    extra: list[str] = []
    for place, name in enumerate(names):
        known = by_lower.get(name.strip().lower())
        if known and known not in names:
            misspelt.append(f"{name} instead of {known}")
        if known:
            found.setdefault(known, place)
        elif not name.startswith("x_"):
            extra.append(name)
    found |= {name: list(names).index(name) for name in names if name in column_names()}
    custom = [name for name in names if name.startswith("x_")]
    own = {
        "x_ColumnNames-1": misspelt,
        "x_ColumnNames-2": extra,
        "x_ColumnNames-4": [name for name, times in Counter(names).items() if times > 1],
        "x_ColumnNames-5": [name for name in custom if not _PASCAL_CASE.fullmatch(name)],
        "x_ColumnNames-6": [name for name in custom if len(name) > _LONGEST_NAME],
    }
    if ordered:
        own["x_ColumnNames-3"] = _in_between(names)
        own["x_ColumnNames-7"] = _out_of_order(sorted(found, key=found.__getitem__))
        own["x_ColumnNames-8"] = _out_of_order(custom)
    failures = [_own(rule_id, given) for rule_id, given in own.items() if given]
    present = [check for check in catalogue() if check.kind is Kind.SCHEMA]
    failures += [missing for check in present if (missing := _missing(check, found))]
    return Names(found, tuple(failures), len(present) + len(own), tuple(_hints(found, extra)))


def _own(rule_id: str, given: Sequence[str]) -> Failure:
    keyword, text = table("other")["file_rules"][rule_id]
    shown = ", ".join(given[:3]) + (f" and {len(given) - 3} more" if len(given) > 3 else "")
    return Failure(rule_id, keyword, "", text, len(given), f"column {shown}")


def _in_between(names: Sequence[str]) -> list[str]:
    """Own columns that a FOCUS column follows."""
    last = max((place for place, name in enumerate(names) if name in column_names()), default=-1)
    return [name for place, name in enumerate(names) if place < last and name.startswith("x_")]


def _out_of_order(names: Sequence[str]) -> list[str]:
    """Names that stand behind one that comes later in the alphabet; capitals and small letters are alike."""
    return [f"{name} after {before}" for before, name in pairwise(names) if name.lower() < before.lower()]


def _missing(check: Check, found: Mapping[str, int]) -> Failure | None:
    if check.column in found:
        return None
    companions = [name for name in evidence(check.column) if name in found]
    if check.text != "column present" and not companions:
        return None
    example = f"no column {check.column}" + (f", though there is {companions[0]}" if companions else "")
    return Failure(check.rule_id, check.keyword, check.column, check.text, 1, example)


def _hints(found: Mapping[str, int], extra: Sequence[str]) -> list[str]:
    if not found:
        return ["no column is a FOCUS column; is this a FOCUS file?"]
    if _OF_1_4 & set(extra):
        return [
            f"columns of FOCUS 1.4 are present ({', '.join(sorted(_OF_1_4 & set(extra)))}); checked against {VERSION}"
        ]
    introduced = {column.name: column.introduced for column in columns()}
    newest = max((introduced[name] for name in found), key=_VERSIONS.index)
    lacking = [column.name for column in columns() if column.name not in found and column.level == "Mandatory"]
    newer = [name for name in lacking if _VERSIONS.index(introduced[name]) > _VERSIONS.index(newest)]
    if not newer:
        return []
    return [
        f"the newest columns here came with FOCUS {newest}; checked against {VERSION}, "
        f"which also needs {', '.join(newer)}"
    ]
