"""What a file is, detected from its bytes: compression, container, column names.

Nothing here trusts a file's name.  CSV (BOM, quotes, embedded newlines), Parquet, JSON lines and answers of APIs; none, gzip, zstd and zip.
"""

from __future__ import annotations

import gzip
import io
import itertools
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

import duckdb
import zstandard

from common.errors import BadBill
from common.formats import answers
from common.formats.bounds import MAX_LINE_BYTES, MOST_COLUMNS, TRUNCATED, breaks_off, check_bounds, too_wide
from common.formats.cells import cells_of, count_cells, first_cells_of
from common.formats.content import Content, between, file_at
from common.formats.displayed import is_displayed
from common.formats.ranges import Range
from common.formats.strict_json import NotStrict, parse_line
from common.formats.zipped import member
from common.ports import Readable

MAGIC = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"PK\x03\x04": "zip", b"PK\x05\x06": "zip"}
_UTF8_MARK = b"\xef\xbb\xbf"
_SAMPLE_LINES = 500
_MAX_HEADER_BYTES = 1 << 20
_OTHER_DELIMITERS = {";": "semicolon", "\t": "tab", "|": "pipe"}
MOST_FOOTER_BYTES = 64 << 20
MOST_UNPACKED_BYTES = 256 << 20
"""What is unpacked may lie in memory, since that is where a function's temporary folder is."""
MOST_PAGE_BYTES = 12 << 20
"""Of one answer of an API: with its request it is a line of JSON lines, in which its quotes are escaped."""


@dataclass(frozen=True)
class Container:
    """A file that can be read as rows.

    content: never zipped, but perhaps gzip or zstd.  kind: csv, parquet, json (lines), answers (of an API, with their requests), or page:
    one answer alone, which is read only with others (`common/providers/answer_pages.py`).  names: the file's column names, nested
    fields with dots.  nested: names of list, map and record columns (JSON text when read).  top_level: Parquet's own columns.
    lenient: CSV lines end in more than one way, or text in Parquet is not UTF-8, which DuckDB reads only
    when told so.  shown_as: what DuckDB calls a column of Parquet
    whose name differs from that of an earlier one by case at most; it tells no case in names.  empty: columns of Parquet that have no type,
    since they hold nulls only; DuckDB takes them for another type than it gives them.  range: what is read of the file, None for all.
    displayed: a spreadsheet saved the CSV as it displays cells (displayed.py).
    """

    content: Content
    kind: str
    compression: str
    names: tuple[str, ...]
    nested: frozenset[str] = frozenset()
    top_level: frozenset[str] = frozenset()
    lenient: bool = False
    shown_as: Mapping[str, str] = field(default_factory=dict)
    empty: frozenset[str] = frozenset()
    range: Range | None = None
    displayed: bool = False


@contextmanager
def opened(source: Readable | Path, label: str, only: Range | None = None) -> Iterator[Container]:
    """Look at a file; what had to be unpacked for it lasts as long as the context.

    source: what an object store gives, or a path on this machine.  label: how messages call the file.  only: what is read of it; its
    columns are those of the whole.  Raises BadBill for what is
    empty, broken, or neither CSV, Parquet nor JSON lines; an error of the store that DuckDB met while it read leaves as it was.
    """
    content = Content(source if isinstance(source, Readable) else file_at(source))
    if content.size_bytes == 0:
        raise BadBill(f"{label} is empty (0 bytes); export it again")
    with content.open() as stream:
        compression = compression_of(stream.read(4))
    with tempfile.TemporaryDirectory(prefix="costwire-") as folder:
        if compression == "zip":
            content, compression = member(content, label)
            if compression == "gzip" and _starts_with(b"PAR1", content, compression, label):
                content, compression = (
                    _unpacked(content, compression, 0, Path(folder), f"{label}, a zipped Parquet file,"),
                    "none",
                )
        found = _look(content, compression, label)
        if found.kind in ("json", "answers") and _starts_with(_UTF8_MARK, content, compression, label):
            found = _without_mark(found, Path(folder), label)
        if only is not None:
            found = ranged(found, only)
        try:
            yield found
        except duckdb.Error as error:
            if found.content.failure is None:
                raise
            raise found.content.failure from error


def compression_of(head: bytes) -> str:
    """How a file is compressed, by its first four bytes: gzip, zstd, zip or none."""
    return next((name for magic, name in MAGIC.items() if head.startswith(magic)), "none")


def compressed(source: Readable, label: str) -> tuple[Content, str]:
    """What `decompressed` takes to unpack a file, or the one file in a zip.  Raises BadBill for a zip that cannot be read."""
    content = Content(source)
    with content.open() as stream:
        compression = compression_of(stream.read(4))
    return member(content, label) if compression == "zip" else (content, compression)


def ranged(container: Container, only: Range) -> Container:
    """A range of a file, to be read as one: of CSV behind the header."""
    found = replace(container, range=only, lenient=container.lenient or only.lenient)
    if container.kind == "parquet":
        return found
    head = header_of(container.content) if container.kind == "csv" else b""
    return replace(found, content=between(container.content, only.first, only.end - only.first, head))


def header_of(content: Content) -> bytes:
    """The first line of a plain CSV file with its end, be it LF, CRLF or CR."""
    with content.open() as stream:
        line = stream.readline(_MAX_HEADER_BYTES)
    ended = re.match(rb"[^\r\n]*(?:\r\n|\n|\r)", line)
    return ended[0] if ended else line


def _starts_with(start: bytes, content: Content, compression: str, label: str) -> bool:
    try:
        with decompressed(content, compression) as stream:
            return stream.read(len(start)) == start
    except TRUNCATED as error:
        raise breaks_off(label, compression) from error


def _without_mark(found: Container, folder: Path, label: str) -> Container:
    """JSON lines without their byte order mark, at which DuckDB would refuse the first line."""
    mark = len(_UTF8_MARK)
    if found.compression == "none":
        return replace(found, content=between(found.content, mark, found.content.size_bytes - mark))
    what = f"{label}, compressed JSON lines with a byte order mark,"
    return replace(found, content=_unpacked(found.content, found.compression, mark, folder, what), compression="none")


def _unpacked(content: Content, compression: str, skipped: int, folder: Path, what: str) -> Content:
    """The plain bytes behind the first `skipped`, as a file.  Raises BadBill where that would be a big one."""
    target = folder / "unpacked"
    left = MOST_UNPACKED_BYTES
    try:
        with decompressed(content, compression) as stream, target.open("wb") as out:
            stream.read(skipped)
            while piece := stream.read(1 << 20):
                left -= out.write(piece)
                if left < 0:
                    raise BadBill(
                        f"{what} has more than {MOST_UNPACKED_BYTES >> 20} MB unpacked; unpack it and import that"
                    )
    except TRUNCATED as error:
        raise breaks_off(what, compression) from error
    return Content(file_at(target))


def decompressed(content: Content, compression: str) -> BinaryIO:
    """The plain bytes of a file, streaming."""
    if compression == "gzip":
        return io.BufferedReader(_Gunzipping(content.open()))
    if compression == "zstd":
        return io.BufferedReader(
            zstandard.ZstdDecompressor().stream_reader(content.open(), closefd=True, read_across_frames=True)
        )
    return content.open()


class _Gunzipping(gzip.GzipFile):
    """Closes the file that it reads."""

    def __init__(self, packed: BinaryIO) -> None:
        super().__init__(fileobj=packed, mode="rb")
        self._packed = packed

    def close(self) -> None:
        super().close()
        self._packed.close()


def _look(content: Content, compression: str, label: str) -> Container:
    try:
        with decompressed(content, compression) as stream:
            start = stream.read(4)
            if start == b"PAR1" and compression == "none":
                return _parquet(content, label)
            with decompressed(content, compression) as again:
                text = again.read(_MAX_HEADER_BYTES)
    except TRUNCATED as error:
        raise breaks_off(label, compression) from error
    if not text.strip():
        check_bounds(content, compression, "csv", label)
        raise BadBill(f"{label} holds no text; export it again")
    _check_text(text, label)
    decoded = text.decode("utf-8-sig", errors="replace")
    if decoded.lstrip().startswith("{"):
        return _answers(content, compression, decoded, label) or _json_lines(content, compression, decoded, label)
    return _csv(content, compression, decoded, label)


def _check_text(text: bytes, label: str) -> None:
    """Raises BadBill for what is no text that can be read, told by how it starts."""
    if text.startswith((b"PAR1", *MAGIC)):
        raise BadBill(f"{label} holds another compressed or Parquet file inside; unpack it and import what is in it")
    first_line = text.split(b"\n", 1)[0]
    if text.startswith((b"\xff\xfe", b"\xfe\xff")) or first_line.count(b"\x00") > len(first_line) // 3:
        raise BadBill(f"{label} is UTF-16 text, expected UTF-8; save it as UTF-8")
    if b"\x00" in first_line or "\ufffd" in first_line[: _MAX_HEADER_BYTES // 2].decode(errors="replace")[:-3]:
        raise BadBill(f"{label} is neither CSV, Parquet nor JSON lines; give the bill as its provider exports it")
    lines = text.split(b"\n")[:-1]
    if sum(not _is_utf8(line) for line in lines) * 2 > len(lines):
        raise BadBill(f"{label} is not UTF-8 text, perhaps Windows-1252 or Latin-1; save it as UTF-8")
    start = text.removeprefix(_UTF8_MARK).lstrip()[:1]
    if start == b"[":
        raise BadBill(f"{label} is a JSON array, expected JSON lines: one object per line; jq -c '.[]' creates them")
    if start == b"<":
        raise BadBill(
            f"{label} is an HTML or XML page, perhaps an error page that was saved as the bill; fetch it again"
        )


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _parquet(content: Content, label: str) -> Container:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with content.open() as stream:
            _check_footer(stream, content.size_bytes, label)
            schema = pq.read_schema(stream)
    except (pa.ArrowInvalid, OSError) as error:
        raise BadBill(f"{label} is a broken Parquet file; fetch it again") from error
    if len(schema.names) > MOST_COLUMNS:
        raise too_wide(label, len(schema.names))
    names: list[str] = []
    nested: set[str] = set()
    empty: set[str] = set()

    def walk(prefix: str, one: Any) -> None:
        name = prefix + one.name
        if pa.types.is_null(one.type):
            empty.add(name)
        if pa.types.is_struct(one.type):
            for child in one.type:
                walk(name + ".", child)
            return
        if pa.types.is_nested(one.type):
            nested.add(name)
        names.append(name)

    for one in schema:
        walk("", one)
    return Container(
        content,
        "parquet",
        "none",
        tuple(names),
        frozenset(nested),
        frozenset(schema.names),
        shown_as=_told_apart(schema.names),
        empty=frozenset(empty),
    )


def _check_footer(stream: BinaryIO, size_bytes: int, label: str) -> None:
    """Raises BadBill for a footer that would be read whole and is no bill's."""
    stream.seek(max(0, size_bytes - 8))
    footer = int.from_bytes(stream.read(4), "little")
    if footer > MOST_FOOTER_BYTES and footer < size_bytes:
        raise BadBill(
            f"{label} has a Parquet footer of {footer >> 20:,} MB, expected at most {MOST_FOOTER_BYTES >> 20}; export it with fewer "
            "columns or larger row groups"
        )
    stream.seek(0)


def _told_apart(names: Sequence[str]) -> dict[str, str]:
    """The names that DuckDB gives to columns whose own is taken, case aside; of two with the very same name the first counts."""
    count: dict[str, int] = {}
    shown: dict[str, str] = {}
    for name in names:
        found = name
        while found.lower() in count:
            found = f"{name}_{count[name.lower()]}"
            count[name.lower()] += 1
        count[found.lower()] = 1
        shown.setdefault(name, found)
    return {name: found for name, found in shown.items() if found != name}


def _answers(content: Content, compression: str, decoded: str, label: str) -> Container | None:
    """A file of answers, or one answer; None for other JSON."""
    if answers.is_envelope(_first_line(content, compression, decoded)):
        with decompressed(content, compression) as stream:
            names, has_costs = answers.column_names(answers.read_pages(_unmarked(stream), label))
        if not has_costs:
            raise BadBill(f"{label} has answers without a cost in them: nothing can be shown")
        return Container(content, "answers", compression, names)
    page = _page(content, compression, decoded, label)
    if page is None:
        return None
    names, _ = answers.column_names([page])
    if not names:
        raise BadBill(f"{label} is an answer without a row in it; it counts only beside others of the same question")
    return Container(content, "page", compression, names)


def _first_line(content: Content, compression: str, decoded: str) -> str:
    """The first line that is not blank; of a page, which may be longer than what was looked at, all of it."""
    first = next(filter(str.strip, decoded.split("\n")), "")
    if len(decoded.encode()) < _MAX_HEADER_BYTES or "\n" in decoded.strip():
        return first
    with decompressed(content, compression) as stream:
        return stream.readline(MAX_LINE_BYTES).decode("utf-8-sig", errors="replace")


def _unmarked(stream: BinaryIO) -> Iterator[bytes]:
    """The lines, without the byte order mark of the first."""
    for number, line in enumerate(stream):
        yield line.removeprefix(_UTF8_MARK) if number == 0 else line


def _page(content: Content, compression: str, decoded: str, label: str) -> answers.Page | None:
    first, _, rest = decoded.strip().partition("\n")
    if rest and _is_object(first):
        return None  # JSON lines
    with decompressed(content, compression) as stream:
        whole = stream.read(MOST_PAGE_BYTES + 1)
    try:
        page = answers.read_page(whole.decode("utf-8-sig", errors="replace"), label)
    except BadBill:
        return None
    return page if len(whole) <= MOST_PAGE_BYTES and answers.shape_of(page.value) else None


def _is_object(line: str) -> bool:
    try:
        return bool(parse_line(line.encode(errors="replace"), ()))
    except NotStrict:
        return False


def _json_lines(content: Content, compression: str, decoded: str, label: str) -> Container:
    names: dict[str, None] = {}
    nested: set[str] = set()

    def walk(prefix: str, record: Mapping[str, Any]) -> None:
        for key, value in record.items():
            if isinstance(value, dict) and value:
                walk(f"{prefix}{key}.", value)
                continue
            if isinstance(value, list | dict):
                nested.add(prefix + key)
            names[prefix + key] = None

    lines = decoded.split("\n")
    whole = lines if len(decoded) < _MAX_HEADER_BYTES else lines[:-1]
    readable = 0
    for line in itertools.islice(filter(str.strip, whole), _SAMPLE_LINES):
        try:
            walk("", parse_line(line.encode(errors="replace"), ()))
            readable += 1
            if len(names) > MOST_COLUMNS:
                raise too_wide(label, len(names))
        except NotStrict:
            continue
    if not readable:
        raise BadBill(f"{label} starts like JSON but none of its first lines is a JSON object; give JSON lines")
    return Container(content, "json", compression, tuple(names), frozenset(nested))


def _csv(content: Content, compression: str, decoded: str, label: str) -> Container:
    if len(decoded.encode(errors="replace")) >= _MAX_HEADER_BYTES and "\n" not in decoded and "\r" not in decoded:
        raise BadBill(f"{label} has a first line of more than 1 MB, expected a header line with column names")
    header = cells_of(decoded)
    if len(header) > MOST_COLUMNS:
        raise too_wide(label, len(header))
    for sign, word in _OTHER_DELIMITERS.items():
        if count_cells(decoded, sign) > len(header):
            raise BadBill(
                f"{label} has its cells separated by {word}s, expected commas; export it as comma-separated CSV"
            )
    if len(header) < 2:
        raise BadBill(f"{label} is neither CSV, Parquet nor JSON lines: its first line has a single cell")
    if any("\n" in cell or "\r" in cell for cell in header):
        raise BadBill(f"{label} has a quoted cell in its header that does not end; export it again")
    if any(_is_number(cell) for cell in header):
        raise BadBill(f"{label} starts with a row of values, expected a header line with column names")
    return Container(content, "csv", compression, tuple(header), displayed=is_displayed(first_cells_of(decoded)))


def _is_number(cell: str) -> bool:
    return cell.strip().lstrip("-").replace(".", "", 1).isdigit()
