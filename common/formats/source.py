"""A file's rows as canonical text columns: the `source` relation that mapping SQL and control totals read.

Every scalar is VARCHAR (a binary float as the shortest decimal text of it), every list, map or record is JSON text, what the file does
not have is null, and `source_row_id` says which line of the file a row is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import TypeVar

import duckdb

from common.formats.answers import CURRENCY, EACH, OR_ALONE
from common.formats.bounds import MAX_LINE_BYTES
from common.formats.container import Container
from common.formats.displayed import plain_sql
from common.formats.recognition import Answers, Bag, Matched
from common.formats.strict_json import MOST_LEVELS, records_of

Result = TypeVar("Result")
BUFFER_BYTES = 2 * MAX_LINE_BYTES
"""How much of a CSV file is read at once.  DuckDB would take 16 of the longest lines: slower, and more than its memory."""
_MAY_BE_ODD = r",\s*[}\]]|[:\[,]\s*-?(i|I|[nN][aA])|[\x0b\x0c]|([\[{][^\[{]*){" + str(MOST_LEVELS + 1) + "}"
"""A comma before an end, NaN and infinities, space that is none in JSON, many brackets; or text that looks so."""
_NEED_LENIENCE = ("state machine", "string encoding")
"""Words of DuckDB's, which has no codes: a CSV file's lines end in more than one way; text in Parquet is not UTF-8."""
_STRING_OR_NOT = r'"(?:[^"\\]|\\.)*"|[^"]+'
_NUMBER = r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"
"""Of an answer's text: its strings and what stands between them, and a number in the latter.  DuckDB would make floats of numbers."""
_DIGITS = r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)"
_ZERO = r"[+-]?(0+(\.0*)?|\.0+)([eE][+-]?[0-9]+)?"
NUMBER_END = "|"
"""Ends the number of a numbered line, so that it can be told from what a mapping puts behind it."""


def read_rows(read: Callable[[bool], Result]) -> Result:
    """What `read(lenient)` gives: first strictly; leniently where DuckDB finds that a file needs it, as `Container` says."""
    try:
        return read(False)
    except duckdb.InvalidInputException as error:
        if not any(words in str(error) for words in _NEED_LENIENCE):
            raise
    # not within the handler: DuckDB's words may hold a line of the bill
    return read(True)


def quoted(name: str) -> str:
    """An SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """An SQL text literal."""
    return "'" + text.replace("'", "''") + "'"


def file_pattern(path: str) -> str:
    """A path as DuckDB's readers are told it: they take `*`, `?` and `[` for patterns, and would read other files with it or instead."""
    return re.sub(r"[*?\[]", r"[\g<0>]", path)


def file_literal(path: str) -> str:
    """An SQL text literal that names one file to a reader of DuckDB."""
    return literal(file_pattern(path))


def source_sql(
    container: Container,
    matched: Matched,
    only: frozenset[str] | None = None,
    numbered: bool = False,
    undecodable: bool = False,
) -> str:
    """A SELECT over the file that gives the format's canonical columns, its bags, and `source_row_id`.

    It runs on an `engine` that was made while the container was open.
    only: leave out every canonical column but these.  numbered: lines are told by number even where they have an id of their own.
    undecodable: of a Parquet file that is read leniently, those rows that are left out otherwise.
    """
    wanted = [name for name in matched.format.all_columns if only is None or name in only]
    columns = [f"{_column(container, matched, name)} as {quoted(name)}" for name in wanted]
    if only is None:
        for bag_name, bag in matched.format.bags.items():
            keys = matched.bags[bag_name]
            text = _rest(container, matched, keys, bag) if bag.rest else _bag(container, keys, bag)
            columns.append(f"{text} as {quoted(bag_name)}")
    columns.append(f"{_row_id(container, matched, numbered)} as source_row_id")
    rows = _undecodable(container, matched) if undecodable else relation_sql(container, matched)
    return f"select {', '.join(columns)} from {rows}"


def relation_sql(container: Container, matched: Matched) -> str:
    """The file's rows as DuckDB's readers give them, to be read by `cell_sql`."""
    return _READERS[container.kind](container, matched)


def usage_sql(container: Container, matched: Matched) -> str | None:
    """A SELECT of the answers about usage that lie beside the bill's rows, one row each; None where the file is none of answers.

    fields: the row's own, as JSON with numbers as texts.  above: of what it stands in.  A file without any gives no rows.
    """
    kind = matched.format.answers
    if container.kind != "answers" or kind is None:
        return None
    levels = [f"level_{number}" for number in range(len(kind.rows), 0, -1)]
    above = levels[-1] if len(levels) > 1 else "null"
    return f"select {levels[0]} as fields, {above} as above from {_entries(container, kind)} where is_usage"


def _column(container: Container, matched: Matched, name: str) -> str:
    if container.kind == "answers":
        return _answered(matched, name)
    if container.kind == "json":
        return cell_sql(container, matched.columns.get(name, name))
    if name not in matched.columns:
        # a struct asked for whole (tags that were written as one) stands there under its fields only
        return (
            f"cast(to_json({_parquet_path(name, container)}) as varchar)"
            if name in container.top_level
            else "cast(null as varchar)"
        )
    cell = cell_sql(container, matched.columns[name])
    return plain_sql(cell) if container.displayed and name in matched.format.displayed else cell


def cell_sql(container: Container, raw: str) -> str:
    """A column of `relation_sql` by the file's own name, as text."""
    if container.kind == "csv":
        return f"c{container.names.index(raw)}"
    if container.kind == "json":
        return quoted(_json_path(raw))
    if raw in container.empty:
        return "cast(null as varchar)"
    if raw in container.nested:
        return f"cast(to_json({_parquet_path(raw, container)}) as varchar)"
    return f"cast({_parquet_path(raw, container)} as varchar)"


def _json_path(raw: str) -> str:
    return "$" + "".join(f'."{step}"' for step in raw.split("."))


def _parquet_path(raw: str, container: Container) -> str:
    # a top-level column may itself have dots in its name; nested ones are reached step by step
    shown = container.shown_as
    if raw in container.top_level:
        return quoted(shown.get(raw, raw))
    root, *steps = raw.split(".")
    return ".".join(quoted(step) for step in (shown.get(root, root), *steps))


def _bag(container: Container, keys: Mapping[str, str], bag: Bag) -> str:
    if "" in keys:
        text = cell_sql(container, keys[""])
        for beginning in bag.strip:
            pattern = '([{,]\\s*)"' + beginning
            text = f"regexp_replace({text}, {literal(pattern)}, '\\1\"', 'g')"
        return text
    if not keys:
        return "cast(null as varchar)"
    parts = []
    for key, raw in keys.items():
        name = next((key.removeprefix(start) for start in bag.strip if key.startswith(start) and key != start), key)
        head = literal(_json_text(name) + ":")
        cell = cell_sql(container, raw)
        parts.append(f"case when {cell} is not null then {head} || to_json({cell}) end")
    return "'{' || concat_ws(',', " + ", ".join(parts) + ") || '}'"


def _rest(container: Container, matched: Matched, keys: Mapping[str, str], bag: Bag) -> str:
    """The bag of what has no place elsewhere.  Of JSON lines: the line itself without the known columns."""
    if container.kind == "json":
        aliases = [spelling for spellings in matched.format.aliases.values() for spelling in spellings]
        spelled = dict.fromkeys((*matched.format.all_columns, *aliases, *matched.columns.values()))
        known = [name for name in spelled if name in bag.leave or not name.startswith(bag.prefixes)]
        gone = "{" + ",".join(f"{_json_text(name)}:null" for name in known) + "}"
        return f"nullif(cast(json_merge_patch(line, {literal(gone)}) as varchar), '{{}}')"
    if not keys:
        return "cast(null as varchar)"
    parts = []
    for key, raw in keys.items():
        cell = cell_sql(container, raw)
        value = cell if raw in container.nested else f"to_json({cell})"
        parts.append(f"case when {cell} is not null then {literal(_json_text(key) + ':')} || {value} end")
    return "nullif('{' || concat_ws(',', " + ", ".join(parts) + ") || '}', '{}')"


def _json_text(text: str) -> str:
    import json

    return json.dumps(text, ensure_ascii=False)


def _row_id(container: Container, matched: Matched, numbered: bool) -> str:
    row_id = matched.format.row_id
    if row_id is not None and row_id in matched.columns and not numbered:
        return cell_sql(container, matched.columns[row_id])
    before = container.range.rows if container.range else 0
    number = "file_row_number + 1" if container.kind == "parquet" else f"row_number() over () + {before}"
    if container.kind == "answers":
        number = "place"
    return f"cast({number} as varchar)" + (f" || {literal(NUMBER_END)}" if numbered else "")


def _csv(container: Container, matched: Matched) -> str:
    columns = ", ".join(f"'c{number}': 'VARCHAR'" for number in range(len(container.names)))
    nulls = ", ".join(literal(text) for text in ("", *matched.format.null_texts))
    return (
        f"read_csv({file_literal(container.content.name)}, hive_partitioning = false, columns = {{{columns}}}, "
        "auto_detect = false, header = true, delim = ',', "
        f"quote = '\"', escape = '\"', nullstr = [{nulls}], compression = {literal(container.compression)}, "
        f"max_line_size = {MAX_LINE_BYTES}, buffer_size = {BUFFER_BYTES}, store_rejects = true, rejects_limit = 0"
        f"{', strict_mode = false' if container.lenient else ''})"
    )


def _json(container: Container, matched: Matched) -> str:
    # all fields of a line at once: an extraction a field would parse the line as often, and hold it in memory as often
    paths = [_json_path(raw) for raw in matched.json_names]
    fields = ", ".join(f"fields[{number}] as {quoted(path)}" for number, path in enumerate(paths, start=1))
    records = records_of(matched.json_names)
    listed = ", ".join(literal(path) for path in ("$", *map(_json_path, records)))
    # DuckDB takes more for JSON than the second reader does: what may be such is looked at by the rule itself
    odd = (
        f"regexp_matches(text, {literal(_MAY_BE_ODD)}) "
        f"or len(list_filter(json_keys(json, [{listed}]), lambda keys: list_unique(keys) <> len(keys))) > 0"
    )
    strict = f"is_strict_line(text, {literal(chr(10).join(records))})"
    return (
        f"(select line, {fields} from (select line, json_extract_string(line, [{', '.join(map(literal, paths))}]) as fields from ("
        f"select case when not ({odd}) or {strict} then json end as line from (select json, cast(json as varchar) as text "
        f"from read_ndjson_objects({file_literal(container.content.name)}, hive_partitioning = false, "
        f"compression = {literal(container.compression)}, "
        f"maximum_object_size = {MAX_LINE_BYTES}, ignore_errors = true)))))"
    )


def _parquet(container: Container, matched: Matched) -> str:
    if not container.lenient:
        return _read_parquet(container)
    return (
        f"(select * from {_read_parquet(container, 'replace')} where file_row_number not in ({_odd_rows(container)}))"
    )


def _undecodable(container: Container, matched: Matched) -> str:
    """The rows with text that is not UTF-8, in which each such byte is a question mark."""
    return f"(select * from {_read_parquet(container, 'replace')} where file_row_number in ({_odd_rows(container)}))"


def _odd_rows(container: Container) -> str:
    """The numbers of those that differ where such bytes are replaced from where they are left out."""
    return (
        f"select replaced.file_row_number from {_read_parquet(container, 'replace')} as replaced "
        f"positional join {_read_parquet(container, 'ignore')} as ignored where replaced is distinct from ignored"
    )


def _read_parquet(container: Container, validation: str = "strict") -> str:
    file = (
        f"read_parquet({file_literal(container.content.name)}, hive_partitioning = false, file_row_number = true, "
        f"utf8_validation = {literal(validation)})"
    )
    if container.range is None:
        return file
    # DuckDB reads only the row groups that hold these rows
    return f"(select * from {file} where file_row_number >= {container.range.first} and file_row_number < {container.range.end})"


def _answers(container: Container, matched: Matched) -> str:
    assert matched.format.answers is not None  # noqa: S101  # only such a format is recognised in answers
    return f"(select * from {_entries(container, matched.format.answers)} where not is_usage)"


def _entries(container: Container, kind: Answers) -> str:
    """The innermost entries of all answers: account, level_1 to level_n from the outside in, place, is_usage."""
    tokens = f"regexp_extract_all(answer, {literal(_STRING_OR_NOT)})"
    quoting = f"case when starts_with(token, '\"') then token else regexp_replace(token, {literal(_NUMBER)}, '\"\\0\"', 'g') end"
    rows = (
        "select account, currency, cast(page as varchar) as place, "
        f"cast(array_to_string(list_transform({tokens}, lambda token: {quoting}), '') as json) as level_0 from ("
        "select json_extract_string(json, '$.account') as account, json_extract_string(json, '$.currency') as currency, "
        "json_extract_string(json, '$.answer') as answer, "
        f"row_number() over () as page from read_ndjson_objects({file_literal(container.content.name)}, hive_partitioning = false, "
        f"compression = {literal(container.compression)}, maximum_object_size = {MAX_LINE_BYTES}))"
    )
    carried = "account, currency"
    for number, step in enumerate(kind.rows, start=1):
        inner = f"cast(json_extract(level_{number - 1}, {literal(_json_path(step))}) as json[])"
        if step.endswith(OR_ALONE):
            path = literal(_json_path(step.removesuffix(OR_ALONE)))
            above = f"level_{number - 1}"
            inner = f"case when json_type({above}, {path}) = 'ARRAY' then cast(json_extract({above}, {path}) as json[]) else [{above}] end"
        if step == EACH:
            inner = f"json_extract(level_{number - 1}, '$.*')"
        above = f", {_without(f'level_{number - 1}', step)} as level_{number - 1}" if number > 1 else ""
        listed = f"select {carried}{above}, place, {inner} as entries from ({rows})"
        carried = f"{carried}, level_{number - 1}" if number > 1 else carried
        rows = (
            f"select {carried}, unnest(entries) as level_{number}, "
            f"place || '.' || unnest(range(1, len(entries) + 1)) as place from ({listed})"
        )
    innermost = f"level_{len(kind.rows)}"
    paths = ", ".join(literal(_json_path(name)) for name in sorted(kind.usage))
    usage = f"list_contains(json_exists({innermost}, [{paths}]), true)" if kind.usage else "false"
    return f"(select *, bool_or({usage}) over (partition by split_part(place, '.', 1)) as is_usage from ({rows}))"


def _without(level: str, step: str) -> str:
    """What an entry has beside the list that a step leads to: carried with each row of the list, the list would outgrow memory."""
    if step == EACH:
        return "cast('{}' as json)"
    patch: object = None
    for name in reversed(step.removesuffix(OR_ALONE).split(".")):
        patch = {name: patch}
    return f"json_merge_patch({level}, {literal(json.dumps(patch))})"  # null takes away (RFC 7396)


def _answered(matched: Matched, name: str) -> str:
    """A canonical column of an entry, or of what it stands in; numbers as they are written."""
    kind = matched.format.answers
    assert kind is not None  # noqa: S101  # only such a format is recognised in answers
    raw = matched.columns.get(name, name)
    if raw == "account":
        return "account"
    path = literal(_json_path(raw))
    levels = ", ".join(f"json_extract_string(level_{number}, {path})" for number in range(len(kind.rows), 0, -1))
    innermost = f"level_{len(kind.rows)}"
    if kind.parts and name == matched.format.cost:
        return _sum_of_parts(kind, innermost)
    text = f"coalesce({levels}{', currency' if raw == CURRENCY else ''})"
    if name == matched.format.billing_period and kind.month:
        month_path = literal(_json_path(kind.month))
        months = ", ".join(
            f"json_extract_string(level_{number}, {month_path})" for number in range(len(kind.rows), 0, -1)
        )
        month = f"coalesce({months})"
        fits = f"regexp_full_match({text}, '[0-9]{{4}}') and regexp_full_match({month}, '[0-9]{{1,2}}')"
        return f"case when {fits} then {text} || '-' || lpad({month}, 2, '0') end"
    if name in kind.seconds:
        moment = f"strftime(make_timestamp(cast({text} as bigint) * 1000000), '%Y-%m-%dT%H:%M:%SZ')"
        return f"case when regexp_full_match({text}, '[0-9]{{9,10}}') then {moment} else {text} end"
    if name == matched.format.currency:
        return f"upper({text})"
    return _answered_cost(text, kind.cents) if name == matched.format.cost else text


def _sum_of_parts(kind: Answers, innermost: str) -> str:
    """A part that is null has a JSON type, and one that is missing has none."""
    paths = [literal(_json_path(name)) for name in (*kind.parts, kind.stated)]
    texts, types = (
        f"{function}({innermost}, [{', '.join(paths)}])" for function in ("json_extract_string", "json_type")
    )
    # numbers are quoted by now
    costs = [f"to_cost({_answered_cost(f'found.texts[{number + 1}]', cents=False)})" for number in range(len(paths))]
    parts = [
        f"case when found.types[{number}] is null then 0 when found.types[{number}] = 'VARCHAR' then {cost} end"
        for number, cost in enumerate(costs[:-1], start=1)
    ]
    total = f"cast({' + '.join(parts)} as decimal(38, 24))"
    return (
        f"(select case when abs({total} - {costs[-1]}) <= {kind.tolerance} then cast({total} as varchar) end "
        f"from (select {texts} as texts, {types} as types) as found)"
    )


def _answered_cost(text: str, cents: bool) -> str:
    """In whole units; any zero is 0, whatever its exponent; null where cents are no number."""
    bare = f"trim({text})"
    zero = f"when regexp_full_match({bare}, {literal(_ZERO)}) then '0'"
    if not cents:
        return f"case {zero} else {text} end"
    exponent = f"cast(replace(regexp_extract({bare}, '[eE](.+)$', 1), '+', '') as integer) - 2"
    return (
        f"case {zero} when regexp_full_match({bare}, {literal(_DIGITS)}) then {bare} || 'E-2' "
        f"when regexp_full_match({bare}, {literal(_DIGITS + '[eE][+-]?[0-9]{1,4}')}) "
        f"then regexp_extract({bare}, '^[^eE]+') || 'E' || ({exponent}) end"
    )


_READERS = {"answers": _answers, "csv": _csv, "json": _json, "parquet": _parquet}
