"""Texts from a folder into which files are put: exports, crawls, what a colleague drops there.

A file is taken once, and again when its size or time of change is another.  One that is still being
written is left for next time: it changed a moment ago, or it cannot be read to its end, or it changed
while it was read.
"""

import time
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from pydantic import Field, PrivateAttr

from ...core import DataError, Texts
from ...core.places import expand
from ._assembly import assembled, no_rows
from ._base import Declared, within
from ._mapping import MappedTexts
from ._readers import UnreadableError, read_csv, read_jsonl, read_parquet

_BETWEEN = "|"
_JSON_LINES = (".json", ".jsonl", ".ndjson")


class FolderTexts(MappedTexts):
    """All files of a folder, read by one mapping; see `MappedTexts` for the settings files share.

    folder
        The folder; it may be empty.
    pattern
        Which files in it, as in a shell; `**/*.csv` goes into folders inside.  Names that begin with a
        dot are passed over.
    separator
        What stands between two fields of a CSV.
    encoding
        Encoding of CSV and JSON files.
    quiet
        Seconds for which a file must not have changed.

    A file's name says what it is: `.csv`, `.jsonl` (`.json`, `.ndjson`), these also `.gz`, `.parquet`.
    """

    folder: str
    pattern: str = "*"
    separator: str = ","
    encoding: str = "utf-8"
    quiet: float = Field(default=5.0, ge=0)

    _taken: set[str] = PrivateAttr(default_factory=set)

    @property
    def declared(self) -> Declared:
        """What the settings say; a file's columns may say more of each text."""
        precision = "second" if self.precision == "auto" else self.precision
        return Declared(self.audience, precision, self.delay, "the files of the folder")

    @property
    def _outside_key(self) -> tuple[str, ...]:
        return ("quiet", "pattern")

    def parts(self, start: str | None = None, end: str | None = None) -> Sequence[str]:
        """Each file by name, size and time of change, oldest change first; see `quiet`."""
        files = sorted((path.stat().st_mtime_ns, path) for path in self._files())
        old = time.time_ns() - int(self.quiet * 1e9)
        for changed, path in files:
            if changed > old:
                self.note(f"{path.name} changed a moment ago: left for next time")
        folder = self._folder()
        return tuple(_part_of(path, folder) for changed, path in files if changed <= old)

    def settled(self, part: str) -> bool:
        """Whether the file that the part names was read whole."""
        return part in self._taken

    def fetch(
        self, start: str | None = None, end: str | None = None, symbol: str | None = None
    ) -> Texts:
        """The texts of all files; one that stands in two of them with other words has two versions."""
        tables = [self._read_part(part) for part in self.parts(start, end)]
        return within(self._made([table for table in tables if table is not None]), start, end, symbol)

    def fetch_part(self, part: str) -> Texts:
        """The texts of one file; none, and a note, where it is not ready.

        `DataError` where the file is whole and does not fit the mapping.
        """
        table = self._read_part(part)
        return self._made([] if table is None else [table])

    def _made(self, tables: list[tuple[pd.DataFrame, int]]) -> Texts:
        table = pd.concat([table for table, _ in tables], ignore_index=True) if tables else no_rows()
        rows = sum(count for _, count in tables)
        found = assembled(table, rows, self.calendar, synthetic=self.synthetic)
        self._counts, self._gone = found.counts, dict(found.gone)
        return found.texts

    def _read_part(self, part: str) -> tuple[pd.DataFrame, int] | None:
        """The usable rows of a file and how many it has; None, and a note, where it is not ready."""
        folder = self._folder()
        path = folder / part.rsplit(_BETWEEN, 2)[0]
        try:
            rows = self._rows(path) if _part_of(path, folder) == part else None
            if rows is None or _part_of(path, folder) != part:
                self.note(f"{path.name} has just changed: left for next time")
                return None
        except (UnreadableError, FileNotFoundError) as error:
            self.note(f"left for next time: {error}")
            return None
        table = no_rows() if rows.empty else self._table(rows, path.name, folder.name)
        self._taken.add(part)
        return table, len(rows)

    def _rows(self, path: Path) -> pd.DataFrame:
        kind = _kind(path)
        if kind == ".parquet":
            return read_parquet(path)
        if kind in _JSON_LINES:
            return read_jsonl(path, self.encoding)
        return read_csv(path, self.separator, self.encoding)

    def _folder(self) -> Path:
        folder = expand(self.folder)
        if not folder.is_dir():
            raise DataError(f"there is no folder {str(folder)!r} of texts")
        return folder

    def _files(self) -> list[Path]:
        """The files of the pattern that can hold texts; the others are noted."""
        folder = self._folder()
        found = [
            path
            for path in folder.glob(self.pattern)
            if path.is_file() and not any(n.startswith(".") for n in path.relative_to(folder).parts)
        ]
        other = sorted(path.name for path in found if not _kind(path))
        if other:
            self.note(f"passed over, no CSV, JSON lines or Parquet: {', '.join(other)}")
        return [path for path in found if _kind(path)]


def _kind(path: Path) -> str:
    """The ending that says what the file is; "" where it says nothing known."""
    ending = Path(path.stem).suffix if path.suffix == ".gz" else path.suffix
    if ending == ".parquet" and path.suffix == ".gz":
        return ""
    return ending if ending in (".csv", ".parquet", *_JSON_LINES) else ""


def _part_of(path: Path, folder: Path) -> str:
    found = path.stat()
    name = path.relative_to(folder).as_posix()
    return _BETWEEN.join((name, str(found.st_size), str(found.st_mtime_ns)))
