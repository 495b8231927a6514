"""Source formats: which columns they have, and which one a file is in, detected from its columns alone.

One TOML file per format in its provider's folder, found automatically.  Column names are compared without case and punctuation
(`lineItem/UnblendedCost`, `line_item_unblended_cost` and `LineItemUnblendedCost` are one), so that a format lists an alias only where the
letters differ.  A localized portal writes `Ressourcengruppe (ResourceGroup)`: the name in parentheses counts.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cache, cached_property
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from common.errors import UnknownFormat

_NOWHERE: Traversable = files("common.providers")
_LOCALIZED = re.compile(r".*\S\s*[(\uff08]\s*([A-Za-z][A-Za-z0-9 _]*?)\s*[)\uff09]\s*")
"""A name in another language with the English one behind it in parentheses, which some languages write full-width."""
_READS_LIKE_A_NAME = re.compile(r"[A-Za-z_][\w /:.()-]{0,79}")


def squeeze(name: str) -> str:
    """A column name without case and signs: how names are compared."""
    return re.sub(r"[^0-9a-z]", "", name.casefold())


@dataclass(frozen=True)
class Bag:
    """Columns of a tag or label kind, gathered into one JSON object.

    prefixes: raw column names that start so belong to it, the rest of the name is the key.  map: the one column (MAP, STRUCT,
    list of key and value, or JSON text) that holds the whole object where there is such a column.  strip: beginnings of keys to drop.
    rest: the bag takes, under their whole names, the columns that start with its prefixes, canonical ones among them,
    and all that belong to nothing else (which stay `unknown`).  leave: canonical columns that such a bag does not repeat.
    """

    prefixes: tuple[str, ...] = ()
    map: str | None = None
    strip: tuple[str, ...] = ()
    rest: bool = False
    leave: tuple[str, ...] = ()


@dataclass(frozen=True)
class Pair:
    """Two views of one month, exported apart, that belong together.  billed, effective: the roles of their files.

    The billed view has what is invoiced, the effective one spreads it.  span_hours: how far apart the two may be delivered.
    alone: role -> what is to be said of a delivery with that view only.  not_known: role -> the cost column that it then lacks.
    """

    billed: str
    effective: str
    span_hours: int
    alone: Mapping[str, str]
    not_known: Mapping[str, str]

    @property
    def roles(self) -> frozenset[str]:
        """Both."""
        return frozenset({self.billed, self.effective})

    def half_of(self, roles: Iterable[str]) -> str | None:
        """The role of the view that is present without the other; None where both are, or neither."""
        present = self.roles & set(roles)
        return min(present) if len(present) == 1 else None


@dataclass(frozen=True)
class Answers:
    """How the rows of a bill stand in the answers of an API.

    rows: the lists that lead to a row, from the outside in: ("data", "results") are the results of each entry of `data`; a row has the
    fields of all it stands in.  A step may lead through objects (`coreInvoice.lines`); of one that ends with `?` the entry may stand alone,
    without the list.  month: the field of a month's number, where the billing period is stated as a year and a month.
    seconds: columns that are Unix seconds, read as ISO 8601.  cents: the cost is in hundredths.
    usage: fields of the rows of answers about usage, any one of them: such answers lie beside a bill and are none.
    A step `*` are the values of a map.  parts: the cost is the sum of these fields of a row, and no number where one of them is null or
    they differ from the field `stated` by more than rounding to `digits` behind the point explains; a part that is missing is 0.
    nested: columns that are maps, whose keys are no columns.  currency: of answers that name none.
    counted: what such a row counts -> the fields that hold it, which add up (day, model, key, tier, batch, requests, input, whole_input,
    cache_read, cache_write, output).
    """

    rows: tuple[str, ...]
    seconds: frozenset[str] = frozenset()
    cents: bool = False
    usage: frozenset[str] = frozenset()
    parts: tuple[str, ...] = ()
    stated: str = ""
    digits: int = 0
    nested: frozenset[str] = frozenset()
    currency: str | None = None
    month: str | None = None
    counted: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)

    @property
    def tolerance(self) -> Decimal:
        """How far the sum of rounded parts may lie from the rounded total."""
        return Decimal(5 * (len(self.parts) + 1)).scaleb(-self.digits - 1) if self.parts else Decimal(0)


@dataclass(frozen=True)
class SourceFormat:
    """What is known of one source format.  cost, currency, billing_period and billing_account name columns.

    columns: canonical names, dots for nested fields (`invoice.month`).  nested: those that hold lists or records, given as JSON
    text.  required: without them the format is not recognised.  row_id: the column with the provider's own line id, where there is
    one.  cost_also: a nested list of records whose `amount` adds to the cost (Google's credits).  adds_up: each file brings new
    rows of the month, where others restate the month.  billing_period_else: the column to go by on lines whose billing period is
    empty (Azure leaves it so while a month is open).  currency_falls_back: a line without a currency is in that of the
    others; currency_is: the provider has one currency and does not say it.  null_texts: words that mean null in CSV, beside the empty cell.
    localized: names may stand in parentheses behind their translation.  pair: where a month is exported in two views.
    fewer_rows, more_rows: why a bill gives fewer, or more, rows than it has lines, beside those in quarantine.
    answers: how the answers of an API are read, where the format is one of these.  genai: its mapping gives the columns of GENAI_COLUMNS;
    kubernetes: those of KUBERNETES_COLUMNS; given: others of ours.  proves: the column of its rows that the source's cost becomes.
    by_day: of files named after a day the newest of each day adds up; a file of another name restates the month.
    provider_of_row: its mapping gives each row's provider, `x_provider_of_row`; else all rows have the integration's.
    displayed: columns that are read as a spreadsheet displays them too.
    folder: the provider's, where its mapping lies.
    """

    name: str
    provider: str
    title: str
    cost: str
    currency: str
    billing_period: str
    billing_account: str
    required: tuple[str, ...]
    columns: tuple[str, ...]
    aliases: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    nested: frozenset[str] = frozenset()
    bags: Mapping[str, Bag] = field(default_factory=dict)
    row_id: str | None = None
    adds_up: bool = False
    cost_also: str | None = None
    billing_period_else: str | None = None
    currency_falls_back: bool = False
    currency_is: str | None = None
    null_texts: tuple[str, ...] = ()
    localized: bool = False
    pair: Pair | None = None
    fewer_rows: str | None = None
    more_rows: str | None = None
    answers: Answers | None = None
    genai: bool = False
    kubernetes: bool = False
    proves: str = "BilledCost"
    by_day: bool = False
    given: tuple[str, ...] = ()
    provider_of_row: bool = False
    displayed: tuple[str, ...] = ()
    folder: Traversable = field(default=_NOWHERE, compare=False, repr=False)

    @property
    def all_columns(self) -> tuple[str, ...]:
        """Every canonical column, bags aside, once, in the order of the file."""
        perhaps = filter(None, (self.row_id, self.cost_also, self.billing_period_else))
        named = (self.cost, self.currency, self.billing_period, self.billing_account, *perhaps)
        return tuple(dict.fromkeys((*self.columns, *named, *self.required, *self.aliases)))

    @cached_property
    def spellings(self) -> frozenset[str]:
        """What a column's name may be, squeezed."""
        named = (*self.all_columns, *(alias for aliases in self.aliases.values() for alias in aliases))
        return frozenset(squeeze(name) for name in named)

    def key(self, name: str) -> str:
        """How a file's column name is compared: squeezed; of a translated one, what stands in parentheses where that is a known name."""
        whole = squeeze(name)
        english = _LOCALIZED.fullmatch(name) if self.localized and whole not in self.spellings else None
        inner = squeeze(english.group(1)) if english else whole
        return inner if inner in self.spellings else whole


@dataclass(frozen=True)
class Matched:
    """How a file's columns meet a format.

    columns: canonical name -> the file's name.  bags: bag -> {key: the file's name}; a bag's map column stands under the key "".
    unknown: the file's names that belong to nothing.  names: all of the file's names, in its order.
    """

    format: SourceFormat
    columns: Mapping[str, str]
    bags: Mapping[str, Mapping[str, str]]
    unknown: tuple[str, ...]
    names: tuple[str, ...] = ()

    @property
    def json_names(self) -> tuple[str, ...]:
        """Every name that is read in a line of JSON lines, dots for nested fields."""
        canonical = (self.columns.get(name, name) for name in self.format.all_columns)
        bagged = (raw for keys in self.bags.values() for raw in keys.values())
        return tuple(dict.fromkeys((*canonical, *bagged)))

    def with_cost(self, column: str) -> Matched:
        """The same, with another canonical column as the one that is billed and proved."""
        return replace(self, format=replace(self.format, cost=column))


@cache
def formats() -> Mapping[str, SourceFormat]:
    """All formats by name."""
    found = {}
    for folder in sorted(files("common.providers").iterdir(), key=lambda item: item.name):
        for entry in sorted(folder.iterdir(), key=lambda item: item.name) if folder.is_dir() else ():
            if entry.name.endswith(".toml"):
                made = _read(tomllib.loads(entry.read_text(encoding="utf-8")), folder)
                found[made.name] = made
    return found


def _read(table: dict[str, Any], folder: Traversable) -> SourceFormat:
    raw: dict[str, Any] = {**table, "folder": folder}
    for name in ("required", "columns", "null_texts", "given", "displayed"):
        raw[name] = tuple(raw.get(name, ()))
    raw["nested"] = frozenset(raw.get("nested", ()))
    raw["aliases"] = {name: tuple(values) for name, values in raw.get("aliases", {}).items()}
    raw["bags"] = {
        name: Bag(
            tuple(bag.get("prefixes", ())),
            bag.get("map"),
            tuple(bag.get("strip", ())),
            bool(bag.get("rest")),
            tuple(bag.get("leave", ())),
        )
        for name, bag in raw.get("bags", {}).items()
    }
    raw["pair"] = Pair(**raw["pair"]) if "pair" in raw else None
    raw["answers"] = _answers(raw["answers"]) if "answers" in raw else None
    return SourceFormat(**raw)


def _answers(table: dict[str, Any]) -> Answers:
    return Answers(
        tuple(table["rows"]),
        frozenset(table.get("seconds", ())),
        bool(table.get("cents")),
        frozenset(table.get("usage", ())),
        tuple(table.get("parts", ())),
        table.get("stated", ""),
        int(table.get("digits", 0)),
        frozenset(table.get("nested", ())),
        table.get("currency"),
        table.get("month"),
        {name: tuple(fields) for name, fields in table.get("counted", {}).items()},
    )


def match(source_format: SourceFormat, names: Sequence[str]) -> Matched:
    """Find the format's columns among a file's names; of two that squeeze alike the first one counts, the other is unknown.

    `recognise` refuses that for columns that decide about money.
    """
    bags: dict[str, dict[str, str]] = {name: {} for name in source_format.bags}
    free: dict[str, str] = {}
    unknown: list[str] = []
    maps = {squeeze(bag.map): name for name, bag in source_format.bags.items() if bag.map}
    for name in names:
        for bag_name, bag in source_format.bags.items():
            prefix = next((p for p in bag.prefixes if name.startswith(p) and name != p and not bag.rest), None)
            if prefix is not None:
                bags[bag_name][name.removeprefix(prefix)] = name
                break
        else:
            key = source_format.key(name)
            if key in maps:
                bags[maps[key]].setdefault("", name)
            elif key in free:
                unknown.append(name)
            else:
                free[key] = name
    found: dict[str, str] = {}
    for canonical in source_format.all_columns:
        for spelling in (canonical, *source_format.aliases.get(canonical, ())):
            if squeeze(spelling) in free:
                found[canonical] = free[squeeze(spelling)]
                break
    taken = set(found.values())
    unknown.extend(name for name in free.values() if name not in taken)
    for bag_name, bag in source_format.bags.items():
        if bag.rest:
            unknown = _fill_rest(bag, bags[bag_name], names, found, unknown)
    return Matched(source_format, found, bags, tuple(unknown), tuple(names))


def _fill_rest(
    bag: Bag, keys: dict[str, str], names: Sequence[str], found: Mapping[str, str], unknown: Sequence[str]
) -> list[str]:
    """Put into a rest bag what is its; give the names that are still unknown."""
    left = {found[name] for name in bag.leave if name in found}
    belongs = [name for name in names if name.startswith(bag.prefixes) or name in unknown]
    keys.update({name: name for name in belongs if name not in left})
    return [name for name in unknown if not name.startswith(bag.prefixes)]


def recognise(names: Sequence[str]) -> Matched:
    """The format that has all its required columns among the names; of several, the one that knows most of them.

    Raises UnknownFormat with the columns found, the nearest format and what it lacks; or for a column of money that is there twice.
    """
    candidates = [match(source_format, names) for source_format in formats().values()]
    complete = [one for one in candidates if not lacking(one)]
    if complete:
        return _once_each(max(complete, key=_knows))
    nearest = max(candidates, key=lambda one: (len(one.format.required) - len(lacking(one))) / len(one.format.required))
    raise UnknownFormat(
        f"no known format: found {len(names)} columns ({_shown(names)}); nearest is {nearest.format.title}, "
        f"which also needs {', '.join(lacking(nearest))}"
    )


def provider_of_usage(names: Sequence[str]) -> str | None:
    """Whose answers about usage have these names, of several the one that knows most of them; None where they are nobody's."""
    known = [one for one in formats().values() if one.answers and not one.answers.usage.isdisjoint(names)]
    nearest = max(known, key=lambda one: len({*one.all_columns} & {*names}), default=None)
    return nearest.provider if nearest else None


def _shown(names: Sequence[str]) -> str:
    """The first names, for a message; what does not read like one may be a line of the bill and stays out."""
    readable = [name for name in names if _READS_LIKE_A_NAME.fullmatch(name)]
    if len(readable) < len(names) / 2:
        return "most of them do not look like column names"
    return ", ".join(readable[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")


def _once_each(matched: Matched) -> Matched:
    """The same.  Raises UnknownFormat where two columns have the name of one that decides about money, case and signs aside."""
    kind = matched.format
    deciding = (
        kind.cost, kind.cost_also, kind.currency, kind.billing_period, kind.billing_period_else, kind.billing_account,
    )  # fmt: skip
    for canonical in filter(None, deciding):
        name = matched.columns.get(canonical)
        alike = [one for one in matched.names if name is not None and kind.key(one) == kind.key(name)]
        if len(alike) > 1:
            other = next((one for one in alike if one != name), None)
            words = f"columns {name} and {other} have the same name" if other else f"column {name} occurs twice"
            raise UnknownFormat(f"{words}, and which one applies is not known; export the bill again with one of them")
    return matched


def lacking(matched: Matched) -> list[str]:
    """The required columns that the file does not have."""
    return [name for name in matched.format.required if name not in matched.columns]


def _knows(matched: Matched) -> tuple[int, int]:
    bagged = sum(len(keys) for keys in matched.bags.values())
    return len(matched.columns) + bagged, -len(matched.unknown)
