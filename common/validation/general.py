"""Rules whose text is general: one pattern of text, one predicate for any column."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from common.focus import Column
from common.validation.predicate import in_list

NUMBER = r"-?([0-9]+(\.[0-9]*)?|\.[0-9]+)([Ee]-?[0-9]+)?"
"""Plain digits, one point, a minus sign, E notation without a plus sign.  Source: FOCUS, attribute NumericFormat."""
LOOSE_NUMBER = r"\s*[-+$€£¥]?\s*[-+]?[0-9.,_'' ]*[0-9][0-9.,_'' ]*([Ee][-+]?[0-9]+)?\s*[%$€£¥]?\s*"
"""What is a number to a reader, however it is written; anything else is no number at all."""
NOT_FINITE = r"[-+]?(nan|inf|infinity)"
TIME = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z"
REPLACEMENT = "chr(65533)"
"""What decoders leave where bytes were no text."""


ALL_FORMS = frozenset({"text", "float", "exact"})
WRITTEN = frozenset({"text"})
"""How a column holds its values: as text, as binary floats, or exactly.  Some forms keep a rule by construction."""


@dataclass(frozen=True)
class GeneralCheck:
    """A predicate and how to run it; see catalogue.Check."""

    predicate: str
    forms: frozenset[str] = ALL_FORMS
    distinct: bool = False
    note: str = ""
    coarse: str = ""


def general_check(column: Column, text: str) -> GeneralCheck | None:
    """The check of a general rule text, or None where no pattern knows the text."""
    for pattern, make in _PATTERNS:
        found = pattern.fullmatch(text)
        if found:
            return make(column, found)
    return None


def _simple(template: str, *, forms: frozenset[str] = ALL_FORMS, distinct: bool = False, note: str = "") -> _Maker:
    return lambda column, _found: GeneralCheck(template.replace("{X}", column.name), forms, distinct, note)


def _when(template: str) -> _Maker:
    return lambda column, found: GeneralCheck(template.replace("{X}", column.name).replace("{Y}", found.group(1)))


def _number(template: str, forms: frozenset[str] = WRITTEN) -> _Maker:
    """A rule that no plainly written number breaks: one look at each number serves all such rules."""
    return lambda column, _found: GeneralCheck(
        template.replace("{X}", column.name), forms, coarse=f"not regexp_full_match({column.name}, '{NUMBER}')"
    )


def _allowed(column: Column, _found: re.Match[str]) -> GeneralCheck:
    many = len(column.allowed_values) > 10
    return GeneralCheck(f"{column.name} not in ({in_list(column.allowed_values)})", distinct=many)


def _time_form(column: Column, _found: re.Match[str]) -> GeneralCheck:
    fraction = f"date_part('microsecond', value({column.name})) % 1000000 <> 0"
    written = f"not regexp_full_match(written({column.name}), '{TIME}')"
    return GeneralCheck(f"{fraction} or {written}")


@cache
def _currencies() -> str:
    lines = files("common.reference").joinpath("currencies.csv").read_text(encoding="utf-8").splitlines()
    place = lines[0].split(",").index("code")
    return in_list(line.split(",")[place] for line in lines[1:] if line)


def _currency_form(column: Column, _found: re.Match[str]) -> GeneralCheck:
    name = column.name
    misspelt = f"upper(trim({name})) in ({_currencies()}) and {name} not in ({_currencies()})"
    no_name = f"not regexp_full_match({name}, '[A-Za-z][A-Za-z0-9]*([ _.-][A-Za-z0-9]+)*')"
    return GeneralCheck(f"({misspelt}) or {no_name}", distinct=True)


def _currency_code(column: Column, _found: re.Match[str]) -> GeneralCheck:
    return GeneralCheck(f"{column.name} not in ({_currencies()})", distinct=True)


_Maker = Callable[[Column, re.Match[str]], GeneralCheck]
_CHARGED = "ChargeCategory in ('Usage', 'Purchase') and ChargeClass is distinct from 'Correction' and {X} is null"
_NEW = r"(?: \(new in 1\.3\))?"
_NOT_A_NUMBER = (
    f"not regexp_full_match({{X}}, '{LOOSE_NUMBER}') and not regexp_full_match(lower({{X}}), '{NOT_FINITE}')"
)
_SHOWS_REPLACEMENT = "shown by the replacement character that decoders leave"

_PATTERNS: tuple[tuple[re.Pattern[str], _Maker], ...] = tuple(
    (re.compile(pattern), make)
    for pattern, make in (
        (r"type String", _simple("mistyped({X})", forms=WRITTEN)),
        (r"type Decimal", _number(f"mistyped({{X}}) or ({_NOT_A_NUMBER})")),
        (r"type Date/Time", _simple("mistyped({X}) or ({X} is not null and value({X}) is null)", forms=WRITTEN)),
        (r"valid string without broken encoding", _simple(f"contains({{X}}, {REPLACEMENT})", note=_SHOWS_REPLACEMENT)),
        (r"plain number.*", _number(f"not regexp_full_match({{X}}, '{NUMBER}')")),
        (r"a finite number", _number(f"regexp_full_match(lower({{X}}), '{NOT_FINITE}')", WRITTEN | {"float"})),
        (r"set on every row.*", _simple("{X} is null")),
        (r"one of the allowed values|Correction or null", _allowed),
        (r"null when ChargeCategory is Tax", _simple("ChargeCategory = 'Tax' and {X} is not null")),
        (rf"null when (\w+) is null{_NEW}", _when("{Y} is null and {X} is not null")),
        (rf"set when (\w+) is set{_NEW}", _when("{Y} is not null and {X} is null")),
        (r"set when \(ChargeCategory is Usage or .* is not Correction", _simple(_CHARGED)),
        (r"set when ChargeClass is not Correction and .*", _simple(_CHARGED)),
        (r"set on Usage and Purchase rows, Corrections aside", _simple(_CHARGED)),
        (r"not negative", _simple("value({X}) < 0")),
        (r"unit format", _simple("not focus_is_unit({X})", distinct=True)),
        (r"a JSON object", _simple("not focus_is_object({X})", distinct=True)),
        (r"JSON object of distinct keys with scalar values", _simple("not focus_is_flat({X})", distinct=True)),
        (r"UTC in the form .*", _time_form),
        (r"ISO 4217 code, or a virtual currency name where allowed", _currency_form),
        (r"an ISO 4217 national currency", _currency_code),
    )
)
