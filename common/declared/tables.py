"""The values of one table of a TOML file, each of its type; an error names the table and the key, never a value that may be a secret."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from common.domain.nearest import did_you_mean
from common.errors import BadConfiguration

_MANY = 10**100
"""Beyond every amount, and far below the digits that Python refuses to write."""
_SECRETS = ("credential", "secret", "password", "token", "key")


@dataclass(frozen=True)
class FloatText:
    """A float as the file writes it: refused everywhere, since binary floats do not hold every decimal."""

    text: str


def parse_toml(text: str, name: str) -> dict[str, Any]:
    """The tables of a TOML text; its floats are FloatText.  name: of the file, for errors.  Raises BadConfiguration."""
    try:
        return tomllib.loads(text, parse_float=FloatText)
    except tomllib.TOMLDecodeError as error:
        raise BadConfiguration(f"{name} is not valid TOML: {error}") from None
    except (ValueError, RecursionError):
        raise BadConfiguration(
            f"{name} is not valid TOML: a number has too many digits, or tables are nested too deeply"
        ) from None


class Table:
    """One table.  where: its place in the file, for errors."""

    def __init__(self, where: str, values: object, known: Iterable[str]) -> None:
        if not isinstance(values, dict):
            raise BadConfiguration(f"{where} is {_type(values)}, expected a table")
        self.where, self._values, self._known = where, values, tuple(known)
        for key in values:
            if key not in self._known:
                raise BadConfiguration(f"{where}: unknown key '{key}'{self._advice(key)}")

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def keys(self) -> tuple[str, ...]:
        """The keys that the file gives."""
        return tuple(self._values)

    def text(self, key: str, default: str | None = None) -> str:
        """A text that is not empty.  default None: it must be given."""
        if key not in self._values and default is not None:
            return default
        found = self._required(key)
        if not isinstance(found, str):
            raise self._wrong(key, found, "text in quotes")
        if not found.strip():
            raise BadConfiguration(f"{self.where}: {key} is empty; give a value, or leave the key out")
        return found

    def flag(self, key: str) -> bool:
        """True or false; false where it is not given."""
        found = self._values.get(key, False)
        if not isinstance(found, bool):
            raise self._wrong(key, found, "true or false")
        return found

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts with at least one; empty where it is not given."""
        return tuple(self._list(key, self._values[key])) if key in self._values else ()

    def number(self, key: str) -> str:
        """An exact number, as text: a whole number, or decimal digits in quotes."""
        return self._number(key, self._required(key))

    def numbers(self, key: str) -> tuple[str, ...] | None:
        """Exact numbers as text; None where they are not given."""
        if key not in self._values:
            return None
        found = self._values[key]
        if not isinstance(found, list):
            raise self._wrong(key, found, "a list such as [80, 100]")
        return tuple(self._number(key, one) for one in found)

    def day(self, key: str) -> date | None:
        """A day, as TOML's own or as text; None where it is not given."""
        found = self._values.get(key)
        if isinstance(found, str):
            try:
                return date.fromisoformat(found)
            except ValueError:
                raise BadConfiguration(f"{self.where}: {key} is '{found}', expected a day such as 2026-03-01") from None
        if found is None or (isinstance(found, date) and not isinstance(found, datetime)):
            return found
        raise self._wrong(key, found, "a day such as 2026-03-01")

    def tables(self, key: str) -> list[object]:
        """A list of tables, as `[[key]]` writes it; empty where it is not given."""
        found = self._values.get(key, [])
        if not isinstance(found, list):
            raise BadConfiguration(f"{self.where}: {key} is {_type(found)}, expected tables under [[{key}]]")
        return found

    def below(self, key: str, known: Iterable[str] | None) -> Table:
        """A table within this one, empty where it is not given.  known None: any keys."""
        found = self._values.get(key, {})
        return Table(f"{self.where}, {key}", found, found if known is None and isinstance(found, dict) else known or ())

    def _list(self, key: str, found: object) -> list[str]:
        values = [found] if isinstance(found, str) else found
        if not isinstance(values, list) or not all(isinstance(one, str) for one in values):
            raise self._wrong(key, found, "a list of texts in quotes")
        if not values:
            raise BadConfiguration(f"{self.where}: {key} is an empty list; give a value, or leave the key out")
        return values

    def _number(self, key: str, found: object) -> str:
        if isinstance(found, FloatText):
            raise BadConfiguration(
                f"{self.where}: {key} is {found.text}, a TOML float, which cannot hold every decimal exactly; "
                f'write it in quotes: "{found.text}"'
            )
        if isinstance(found, str):
            return found
        if isinstance(found, int) and not isinstance(found, bool) and abs(found) < _MANY:
            return str(found)
        raise self._wrong(key, found, "a whole number, or a decimal in quotes")

    def _required(self, key: str) -> object:
        if key not in self._values:
            raise BadConfiguration(f"{self.where}: {key} is missing")
        return self._values[key]

    def _wrong(self, key: str, found: object, expected: str) -> BadConfiguration:
        return BadConfiguration(f"{self.where}: {key} is {_type(found)}, expected {expected}")

    def _advice(self, key: str) -> str:
        if any(word in key.lower() for word in _SECRETS):
            return "; credentials do not belong in this file: costwire connect PROVIDER --id ID --credential FILE stores one encrypted"
        return did_you_mean(key, self._known) or f", expected one of {', '.join(self._known)}"


_TYPES: Mapping[type, str] = {
    bool: "true or false",
    str: "text",
    int: "a whole number",
    FloatText: "a float",
    list: "a list",
    dict: "a table",
}


def _type(found: object) -> str:
    return _TYPES.get(type(found), "a date or a time")
