"""Where files are cut: where both readers are at the beginning of a line, so that the ranges give what the whole gives."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.formats import container as containers
from common.formats import cutting
from common.formats.engine import engine
from common.formats.source import file_literal
from common.ports import Readable

CELLS = st.text(st.sampled_from('ab1 ,"\n\r'), max_size=6)
ROWS = st.lists(st.tuples(CELLS, CELLS, CELLS), max_size=30)
RAW = st.text(st.sampled_from('ab1 ,,"""\n\n'), max_size=200).map(str.encode)
"""Bytes in which quotes stand anywhere."""
QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def readable(content: bytes) -> Readable:
    return Readable(len(content), lambda: io.BytesIO(content))


def cuts_of(content: bytes, chunk_bytes: int) -> list[cutting.Cut]:
    with containers.opened(readable(content), "bill") as found:
        first = cutting.first_cut(found)
        assert first is not None
        cuts = [first]
        while cuts[-1].at < len(content):
            cuts.append(cutting.next_cut(found, cuts[-1], chunk_bytes))
        return cuts


def stretches(content: bytes, cuts: list[cutting.Cut]) -> list[bytes]:
    return [content[one.first : one.end] for one in cutting.ranges_of(cuts)]


def written(rows: list[tuple[str, str, str]], end: str) -> bytes:
    lines = [",".join(map(cell, row)) for row in [("x", "y", "z"), *rows]]
    return "".join(line + end for line in lines).encode()


def cell(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if set(text) & set(',"\n\r ') else text


def parsed(content: bytes) -> list[list[str]]:
    return [row for row in csv.reader(io.StringIO(content.decode(), newline="")) if row]


@QUICK
@given(ROWS, st.sampled_from(["\n", "\r\n"]), st.integers(1, 100), st.integers(1, 40))
def test_the_ranges_of_csv_have_the_lines_of_the_whole(rows, end, chunk_bytes, piece_bytes) -> None:
    content = written(rows, end)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cutting, "_PIECE_BYTES", piece_bytes)
        cuts = cuts_of(content, chunk_bytes)
    head = content[: cuts[0].at]
    assert head + b"".join(stretches(content, cuts)) == content
    found = [row for one in stretches(content, cuts) for row in parsed(head + one)[1:]]
    assert found == parsed(content)[1:]
    assert len(cuts[-1].ends) == 1
    records = [len(parsed(content[cuts[0].at : cut.at])) for cut in cuts]
    blank = any(row == ("",) * 3 for row in rows)
    assert blank or [cut.lines for cut in cuts] == records


def read_by_duckdb(content: bytes, folder: Path) -> list[tuple]:
    path = folder / "range.csv"
    path.write_bytes(content)
    names = {f"c{number}": "VARCHAR" for number in range(3)}
    with engine(None, 1) as connection:
        rows = connection.execute(
            f"select * from read_csv({file_literal(str(path))}, columns = {names}, auto_detect = false, header = true, delim = ',', "
            "quote = '\"', escape = '\"', store_rejects = true, rejects_limit = 0)"
        ).fetchall()
        refused = connection.execute("select distinct csv_line, line from reject_errors order by line").fetchall()
    return [*rows, *[text.strip("\n") for text, _ in refused]]


def read_by_arrow(content: bytes) -> list:
    refused: list = []

    def keep(row: pa.csv.InvalidRow) -> str:
        refused.append(row.text)
        return "skip"

    options = pa.csv.ReadOptions(column_names=["x", "y", "z"], skip_rows_after_names=1)
    parse = pa.csv.ParseOptions(newlines_in_values=True, invalid_row_handler=keep)
    texts = pa.csv.ConvertOptions(column_types={name: pa.string() for name in "xyz"}, strings_can_be_null=True)
    table = pa.csv.read_csv(io.BytesIO(content), options, parse, texts)
    return [*table.to_pylist(), *refused]


@QUICK
@given(RAW, st.integers(1, 60), st.integers(1, 40))
def test_both_readers_give_the_same_for_ranges_wherever_quotes_stand(tmp_path, body, chunk_bytes, piece_bytes) -> None:
    content = b"x,y,z\n" + body
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cutting, "_PIECE_BYTES", piece_bytes)
        cuts = cuts_of(content, chunk_bytes)
    head = content[: cuts[0].at]
    for read in (read_by_arrow, lambda text: read_by_duckdb(text, tmp_path)):
        whole, ranges = read(content), [row for one in stretches(content, cuts) for row in read(head + one)]
        assert sorted(map(str, whole)) == sorted(map(str, ranges))


def test_a_range_begins_behind_a_quoted_cell_and_not_in_it() -> None:
    line = b'1,"' + b"a line\n" * 50 + b'",2\n'
    content = b"x,y,z\n" + line * 4
    assert stretches(content, cuts_of(content, 100)) == [line] * 4


@pytest.mark.parametrize("odd", [b'1,2"x,3\n', b'1,"2"x",3\n', b'1, "2\n2",3\n', b'1,"2" ,3\n'])
def test_quotes_that_are_odd_do_not_move_later_cuts_into_cells(tmp_path, monkeypatch, odd) -> None:
    monkeypatch.setattr(cutting, "_PIECE_BYTES", 16)
    content = b"x,y,z\n" + odd + b'1,"a\nb\nc\nd",3\n' * 30 + odd + b'1,"e\nf\ng\nh",3\n' * 30
    cuts = cuts_of(content, 40)
    assert len(cuts) > 20
    for one in stretches(content, cuts):
        assert one.startswith((b"1,2", b'1,"2', b'1, "', b'1,"a', b'1,"e'))
    ranges = [row for one in stretches(content, cuts) for row in read_by_duckdb(b"x,y,z\n" + one, tmp_path)]
    assert sorted(map(str, ranges)) == sorted(map(str, read_by_duckdb(content, tmp_path)))


@pytest.mark.parametrize("begin", [b'1, "', b'1, "b,"c'])
def test_no_cut_is_in_a_cell_that_only_one_reader_sees(begin) -> None:
    """DuckDB passes over the space and is in a cell at the first; Arrow does not, and is in one at the second."""
    odd = begin + b"\na" * 50 + b'",3\n'
    content = b"x,y,z\n" + odd + b"1,2,3\n" * 20
    places = [cut.at for cut in cuts_of(content, 20)]
    assert len(places) > 5
    assert not [at for at in places[1:] if at < 6 + len(odd)]


def test_line_ends_of_two_kinds_are_known_in_every_range() -> None:
    content = b"x,y,z\n" + b"1,2,3\n" * 20 + b"1,2,3\r\n" + b'1,"2\r\n",3\n' * 20
    assert {one.lenient for one in cutting.ranges_of(cuts_of(content, 50))} == {True}
    content = b"x,y,z\n" + b'1,"2\r\n\r",3\n' * 40
    assert {one.lenient for one in cutting.ranges_of(cuts_of(content, 50))} == {False}


@given(st.lists(st.integers(1, 300), min_size=1, max_size=20), st.integers(1, 1000))
def test_json_lines_are_cut_at_line_ends(widths, chunk_bytes) -> None:
    content = b"".join(b'{"a": "%s"}\n' % (b"x" * width) for width in widths)
    found = stretches(content, cuts_of(content, chunk_bytes))
    assert b"".join(found) == content
    assert all(one.endswith(b"\n") for one in found)
    assert len(found) == 1 or len(content) > chunk_bytes


def test_parquet_is_cut_between_row_groups(tmp_path) -> None:
    path = tmp_path / "bill.parquet"
    pq.write_table(pa.table({"a": list(range(1000)), "b": ["x"] * 1000}), path, row_group_size=90)
    with containers.opened(path, "bill") as found:
        assert cutting.is_cuttable(found, 200 * cutting.LINE_BYTES)
        assert not cutting.is_cuttable(found, 1000 * cutting.LINE_BYTES)
        ranges = cutting.parquet_ranges(found, 200 * cutting.LINE_BYTES)
    assert [(one.first, one.end) for one in ranges] == [
        (0, 180),
        (180, 360),
        (360, 540),
        (540, 720),
        (720, 900),
        (900, 1000),
    ]


@pytest.mark.parametrize("compress", ["gzip", "zstd"])
def test_what_is_compressed_is_not_cut(compress) -> None:
    content = pa.compress(b"x,y,z\n" + b"1,2,3\n" * 1000, codec=compress, asbytes=True)
    with containers.opened(readable(content), "bill") as found:
        assert not cutting.is_cuttable(found, 10)
