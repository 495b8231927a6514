"""JSON in bills: strictly RFC 8259, since JSON readers differ in what else they accept, and in how they interpret it.

A value that one reader accepts as a number or an object and another does not would make the two sides of the proof differ.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

MOST_LEVELS = 100
"""How deep objects and lists may stand in each other."""
_SPACE = b" \t\n\v\f\r"
"""What DuckDB passes over around a line, and what makes a line a blank one."""


class NotStrict(ValueError):
    """Text that is no JSON of this kind; the message says why, where there is more to say, without the text."""


class Doubled(dict[str, Any]):
    """An object with a key that stands there twice; what it holds is the last."""


def shortest(text: str) -> str:
    """A JSON number as the shortest decimal text of the binary float that it stands for."""
    return repr(float(text))


def parse(text: str) -> Any:
    """The value of JSON text: fractions as text, objects with a doubled key as Doubled.  Raises NotStrict."""
    return _parse(text, _DECODER)


def parse_texts(text: str) -> Any:
    """The same with each number as it is written.  Raises NotStrict."""
    return _parse(text, _TEXT_DECODER)


def _parse(text: str, decoder: json.JSONDecoder) -> Any:
    try:
        value = decoder.decode(text)
    except RecursionError:
        raise NotStrict(_TOO_DEEP) from None
    except ValueError as error:
        if "integer string conversion" not in str(error):
            raise NotStrict from None
        value = _parse_long_integers(text)
    if "\\u" in text:
        _check_text(value)
    if text.count("[") + text.count("{") > MOST_LEVELS and _is_deeper(value, MOST_LEVELS):
        raise NotStrict(_TOO_DEEP)
    return value


def parse_line(line: bytes, records: Iterable[str]) -> dict[str, Any]:
    """The object of a line of JSON lines.  Raises NotStrict that says what the line is instead.

    records: the path of every record that a column is read from, dots between the steps; no key may stand in it twice.
    """
    try:
        value = parse(line.strip(_SPACE).decode())
    except UnicodeDecodeError:
        raise NotStrict("the line is not a JSON object") from None
    except NotStrict as error:
        why = f": {error}" if str(error) else ""
        raise NotStrict(f"the line is not a JSON object{why}") from None
    if not isinstance(value, dict):
        raise NotStrict("the line is not a JSON object")
    if isinstance(value, Doubled) or any(isinstance(_reach(value, path), Doubled) for path in records):
        raise NotStrict("a key occurs twice in the line, and which one applies is not known")
    return value


def records_of(names: Iterable[str]) -> tuple[str, ...]:
    """The records that columns are read from: of `usage.amount` it is `usage`."""
    return tuple(dict.fromkeys(path for name in names for path in _above(name)))


def is_blank(line: bytes) -> bool:
    """Whether nothing but ASCII space stands in a line."""
    return not line.strip(_SPACE)


def has_doubled(value: Any) -> bool:
    """Whether an object somewhere in the value has a key twice."""
    return any(isinstance(one, Doubled) for level in _levels(value) for one in level)


def _above(name: str) -> list[str]:
    steps = name.split(".")
    return [".".join(steps[:count]) for count in range(1, len(steps))]


def _reach(value: Any, path: str) -> Any:
    for step in path.split("."):
        value = value.get(step) if isinstance(value, dict) else None
    return value


_TOO_DEEP = f"it is nested deeper than {MOST_LEVELS} levels"


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    return made if len(made) == len(pairs) else Doubled(made)


def _refuse(word: str) -> Any:
    raise ValueError(word)


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_float=shortest, parse_constant=_refuse)
_TEXT_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_float=str, parse_int=str, parse_constant=_refuse)
_LONG_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_float=shortest, parse_int=str, parse_constant=_refuse)


def _parse_long_integers(text: str) -> Any:
    """As `parse`, for text with an integer of more digits than Python turns into a number."""
    try:
        return _LONG_DECODER.decode(text)
    except (ValueError, RecursionError):
        raise NotStrict from None


def _check_text(value: Any) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise NotStrict("it contains half of a surrogate pair") from None


def _is_deeper(value: Any, most: int) -> bool:
    return any(number > most for number, _ in enumerate(_levels(value), start=1))


def _levels(value: Any) -> Iterable[list[Any]]:
    """The lists and objects in a value, level by level."""
    level = [value] if isinstance(value, dict | list) else []
    while level:
        yield level
        inside = (one for outer in level for one in (outer.values() if isinstance(outer, dict) else outer))
        level = [one for one in inside if isinstance(one, dict | list)]
