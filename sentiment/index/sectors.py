"""Sectors: lists of symbols, as they were at the time of a text.

A sector's index counts every text that names one of its members, once however many it names.  Members
change, so a row may say since and until when it holds; what counts is the text's own session.  A list of
today's members looks ahead: those that failed are not on it.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import ConfigDict, model_validator

from ...core import ConfigError, DataError, Settings
from ...core.places import expand

_COLUMNS = ("sector", "symbol", "since", "until")
_OPEN = (pd.Timestamp.min, pd.Timestamp.max)


@dataclass(frozen=True, eq=False)
class Sectors:
    """Which symbols belong to which sector, and when.

    frame
        `sector`, `symbol`, `since` and `until` (days without zone, both included; NaT: open).

    >>> wine = Sectors.of({"wine": ["600519.SH", "000858.SZ"]})
    >>> wine.names
    ('wine',)
    """

    frame: pd.DataFrame

    def __post_init__(self) -> None:
        missing = [c for c in _COLUMNS if c not in self.frame.columns]
        if missing:
            raise DataError(f"sectors lack the column {missing[0]!r}; received {list(self.frame)}")
        for name in ("sector", "symbol"):
            empty = self.frame[name].isna() | (self.frame[name].astype(str).str.strip() == "")
            if empty.any():
                raise DataError(f"row {int(np.flatnonzero(empty)[0]) + 1} of the sectors has no {name}")
        turned = self.frame["until"] < self.frame["since"]
        if turned.any():
            row = self.frame[turned].iloc[0]
            raise DataError(
                f"{row['symbol']} is in the sector {row['sector']!r} since {row['since']:%Y-%m-%d}, "
                f"which is after its end {row['until']:%Y-%m-%d}"
            )

    @classmethod
    def of(cls, lists: dict[str, list[str]] | dict[str, tuple[str, ...]]) -> Self:
        """From lists of symbols by sector, which hold at all times."""
        rows = [(sector, symbol) for sector, symbols in lists.items() for symbol in symbols]
        frame = pd.DataFrame(rows, columns=["sector", "symbol"], dtype=object)
        return cls(frame.assign(since=pd.NaT, until=pd.NaT).astype(_DAYS))

    @classmethod
    def read(cls, path: Path) -> Self:
        """From a CSV with `sector`, `symbol` and, where members change, `since` and `until` (ISO)."""
        try:
            frame = pd.read_csv(path, dtype=str, encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
            raise ConfigError(f"the sectors {path}: {error}", key="file") from None
        for name in ("since", "until"):
            given = frame[name] if name in frame else pd.Series(None, index=frame.index, dtype=object)
            days = pd.to_datetime(given, format="%Y-%m-%d", errors="coerce")
            wrong = days.isna() & given.notna()
            if wrong.any():
                row = int(np.flatnonzero(wrong)[0])
                raise DataError(
                    f"{path}: {name} is {given[row]!r} in row {row + 1}: write days like 2024-06-28"
                )
            frame[name] = days
        for name in frame.columns.intersection(["sector", "symbol"]):
            frame[name] = frame[name].str.strip()
        return cls(frame.astype(_DAYS))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the sectors, sorted."""
        return tuple(sorted(self.frame["sector"].unique()))

    def of_texts(
        self, rows: npt.NDArray[np.int64], symbols: npt.NDArray[np.object_], sessions: pd.DatetimeIndex
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.object_]]:
        """Pairs (row, sector) of texts that name `symbols` in `sessions`; a row at most once a sector.

        The three arguments are of one length; a row that names two symbols stands there twice.  Pairs
        keep the order of `rows`.
        """
        named = pd.DataFrame({"row": rows, "symbol": symbols, "session": sessions})
        found = named.merge(self.frame[list(_COLUMNS)], on="symbol", how="inner")
        since, until = (found[c].fillna(o) for c, o in zip(("since", "until"), _OPEN, strict=True))
        found = found[(since <= found["session"]) & (found["session"] <= until)]
        found = found.drop_duplicates(["row", "sector"]).sort_values("row", kind="stable")
        return found["row"].to_numpy(), found["sector"].to_numpy(dtype=object)


_DAYS = {"since": "datetime64[ns]", "until": "datetime64[ns]"}


class SectorSettings(Settings):
    """`[sectors]`: a list of symbols under each name, or a file.

    file
        CSV with the columns `sector`, `symbol` and, where members change, `since` and `until`.
    """

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, tuple[str, ...]]

    file: Path | None = None

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if self.file is not None and self.lists:
            raise ValueError(f"take either a 'file' or lists, not both: {next(iter(self.lists))!r}")
        for name, symbols in self.lists.items():
            if not name.strip() or not symbols:
                raise ValueError(f"the sector {name!r} needs a name and at least one symbol")
        return self

    @property
    def lists(self) -> dict[str, tuple[str, ...]]:
        """The symbols by sector that the table itself names."""
        return dict(self.__pydantic_extra__)

    def load(self) -> Sectors | None:
        """The sectors, or None where the table names none."""
        if self.file is not None:
            return Sectors.read(expand(self.file))
        return Sectors.of(self.lists) if self.lists else None
