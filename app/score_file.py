"""Scoring a file of texts of any size: read, scored and written in blocks.

CSV, Parquet and JSON lines, by the file's name.  Every column is kept, `p_neg`, `p_neu` and `p_pos` are
added.  The output is whole or absent; scores that an archive keeps are not computed again, so that an
interrupted call goes on from there.
"""

import json
import os
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TextIO

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from ..core import QUIET, DataError, Progress
from ..sentiment import TextArchive
from ..sentiment.scorers.scoring import PROBABILITIES, Scorer
from .tables import check_writable

ROWS = 20_000
"""Rows in memory at a time."""

_LINES = (".jsonl", ".ndjson")
_TASK = "scoring the file"


@dataclass(frozen=True, eq=False)
class Block:
    """Some rows of a file: their texts, and the rows as a table or, of JSON lines, as they stand."""

    texts: list[str]
    rows: "pa.Table | list[dict[str, Any]]"


class Sink(Protocol):
    """Takes scored rows."""

    def __call__(self, rows: "pa.Table | list[dict[str, Any]]") -> None:
        """Append some."""


def score_file(
    scorer: Scorer,
    file: Path,
    out: Path,
    *,
    text: str = "text",
    archive: TextArchive | None = None,
    progress: Progress = QUIET,
    surveyed: tuple[int, list[str]] | None = None,
) -> int:
    """Score the column `text` of a file into the file `out`; the number of rows.

    `surveyed` is what `survey` has found, where it was asked already.  Raises `DataError` for a file
    without that column and for one that cannot be read.
    """
    check_output(file, out)
    total, names = surveyed or survey(file, text)
    within = _Within(progress)
    progress.begin(_TASK, total)
    with (
        _whole(out) as unfinished,
        _sink(unfinished, out.suffix, names) as append,
        closing(blocks(file, text)) as read,
    ):
        for block in read:
            append(scored(scorer, block, archive, within))
            within.finish(len(block.texts))
    return total


def survey(file: Path, text: str) -> tuple[int, list[str]]:
    """How many rows there are, and every column that any of them has or will have.

    Reads the whole file once, so that what is wrong with it is told before a model is loaded.
    """
    total, names = 0, dict[str, None]()
    for block in blocks(file, text):
        total += len(block.texts)
        if isinstance(block.rows, list):
            names |= {name: None for row in block.rows for name in row}
        else:
            names |= dict.fromkeys(block.rows.column_names)
    if not total:
        raise DataError(f"{file.name} has no row to score")
    return total, list(names | dict.fromkeys(PROBABILITIES))


class _Within:
    """Progress within a block, told as progress of the whole file."""

    def __init__(self, progress: Progress) -> None:
        self._progress, self._done = progress, 0
        self._noted: set[str] = set()

    def begin(self, task: str, total: int) -> None:
        self._done = 0

    def advance(self, task: str, steps: int = 1) -> None:
        self._done += steps
        self._progress.advance(_TASK, steps)

    def note(self, message: str) -> None:
        if message not in self._noted:
            self._noted.add(message)
            self._progress.note(message)

    def finish(self, rows: int) -> None:
        """Texts that stand in the block twice are scored once."""
        self._progress.advance(_TASK, rows - self._done)


def check_output(file: Path, out: Path) -> None:
    """Whether `score_file` can write `out`; asked before the work, not after it."""
    if out.suffix not in _LINES:
        check_writable(out)
    elif out.is_dir():
        raise DataError(f"cannot write {str(out)!r}: it is a folder")
    if out.suffix == ".parquet" and file.suffix in _LINES:
        raise DataError(f"rows of {file.name} need not have the same columns: write .jsonl or .csv")


def scored(
    scorer: Scorer, block: Block, archive: TextArchive | None = None, progress: Progress = QUIET
) -> Any:
    """The block's rows with the three probabilities added."""
    values = scorer.probabilities(block.texts, archive, progress=progress)
    if isinstance(block.rows, list):
        numbers = values.tolist()
        return [
            {**row, **dict(zip(PROBABILITIES, three, strict=True))}
            for row, three in zip(block.rows, numbers, strict=True)
        ]
    table = block.rows
    for column, name in enumerate(PROBABILITIES):
        if name in table.column_names:
            table = table.drop_columns([name])
        table = table.append_column(name, pa.array(values[:, column]))
    return table


def blocks(file: Path, text: str) -> Generator[Block, None, None]:
    """The file's rows in their order."""
    if not file.is_file():
        raise DataError(f"no file {str(file)!r}: check the path")
    try:
        if file.suffix == ".parquet":
            yield from _parquet(file, text)
        elif file.suffix in _LINES:
            yield from _lines(file, text)
        else:
            yield from _csv(file, text)
    except UnicodeDecodeError:
        raise DataError(f"{file} is not in UTF-8: save it as UTF-8 and try again") from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, pa.ArrowException) as error:
        said = str(error).strip()
        raise DataError(f"{file} is no table that can be read: {said}") from None


def _csv(file: Path, text: str) -> Iterator[Block]:
    names = pd.read_csv(file, nrows=0, encoding="utf-8-sig").columns.tolist()
    _check_column(file, text, names)
    given: Any = {"dtype": str, "keep_default_na": False, "encoding": "utf-8-sig"}
    with pd.read_csv(file, **given, chunksize=ROWS) as read:
        for frame in read:
            texts = frame[text].fillna("").str.strip().tolist()
            yield Block(texts, pa.Table.from_pandas(frame, preserve_index=False))


def _parquet(file: Path, text: str) -> Iterator[Block]:
    with pq.ParquetFile(file) as opened:
        _check_column(file, text, opened.schema_arrow.names)
        for batch in opened.iter_batches(batch_size=ROWS):
            table = pa.Table.from_batches([batch])
            texts = ["" if one is None else str(one).strip() for one in table[text].to_pylist()]
            yield Block(texts, table)


def _lines(file: Path, text: str) -> Iterator[Block]:
    rows: list[dict[str, Any]] = []
    with file.open(encoding="utf-8-sig") as opened:
        for number, line in enumerate(opened, start=1):
            if not line.strip():
                continue
            rows.append(_row(file, number, line, text))
            if len(rows) == ROWS:
                yield _line_block(rows, text)
                rows = []
    if rows:
        yield _line_block(rows, text)


def _line_block(rows: list[dict[str, Any]], text: str) -> Block:
    return Block(["" if row[text] is None else str(row[text]).strip() for row in rows], rows)


def _row(file: Path, number: int, line: str, text: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        raise DataError(f"{file}:{number} is no JSON: {error}") from None
    if not isinstance(row, dict):
        raise DataError(f"{file}:{number} is no JSON object: every line needs one")
    _check_column(file, text, list(row), f", line {number},")
    return row


def _check_column(file: Path, text: str, names: list[str], where: str = "") -> None:
    if text not in names:
        raise DataError(f"{file.name}{where} has no column {text!r}: it has {names}; see --text")


@contextmanager
def _whole(out: Path) -> Iterator[Path]:
    out.parent.mkdir(parents=True, exist_ok=True)
    unfinished = out.with_name(f".{out.name}.unfinished")
    try:
        yield unfinished
        os.replace(unfinished, out)
    finally:
        unfinished.unlink(missing_ok=True)


@contextmanager
def _sink(path: Path, suffix: str, names: list[str]) -> Iterator[Sink]:
    """Where rows go, by the suffix of the finished file; `names` are the columns of a CSV."""
    if suffix == ".parquet":
        with _ParquetSink(path) as sink:
            yield sink
        return
    with path.open("w", encoding="utf-8", newline="") as opened:
        yield _LineSink(opened) if suffix in _LINES else _CsvSink(opened, names)


class _ParquetSink:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer: Any = None

    def __enter__(self) -> "_ParquetSink":
        return self

    def __exit__(self, *_: object) -> None:
        if self._writer is not None:
            self._writer.close()

    def __call__(self, rows: Any) -> None:
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._path, rows.schema)
        self._writer.write_table(rows)


class _LineSink:
    def __init__(self, opened: TextIO) -> None:
        self._opened = opened

    def __call__(self, rows: Any) -> None:
        records = rows if isinstance(rows, list) else rows.to_pylist()
        for row in records:
            self._opened.write(json.dumps(row, ensure_ascii=False, default=str) + "\n")


class _CsvSink:
    def __init__(self, opened: TextIO, names: list[str]) -> None:
        self._opened, self._names = opened, names
        pd.DataFrame(columns=names).to_csv(opened, index=False)

    def __call__(self, rows: Any) -> None:
        frame = pd.DataFrame(rows, dtype=object) if isinstance(rows, list) else rows.to_pandas()
        frame.reindex(columns=self._names).to_csv(self._opened, index=False, header=False)
