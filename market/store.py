"""Bars kept on disk: one Parquet file a (name, symbol), grown session by session.

An update asks the source only for what is new, plus a few sessions that are already stored.  If those
agree, the new sessions are appended; if not, the history was changed at the source (a corrected price,
a series adjusted again after a dividend) and appending would splice two histories that do not fit: the
whole series is fetched again and replaces the old one, and the report says so.
Every symbol is written as soon as it is fetched, so an interrupted update goes on where it stopped.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote, unquote

import pandas as pd

from ..core import QUIET, Bars, ConfigError, DataError, MissingExtraError, Progress, QushiError
from ..core.errors import near_names
from . import clock
from .bar_file import read_about, read_bars, write_bars
from .joining import cannot_join, join
from .sources._base import BarSource

OVERLAP = 5
"""Stored sessions fetched again to see whether the source still says the same."""

Outcome = Literal["new", "appended", "unchanged", "replaced", "failed"]
_RESERVED = {"CON", "PRN", "AUX", "NUL", *(f"{d}{n}" for d in ("COM", "LPT") for n in range(1, 10))}


@dataclass(frozen=True)
class SymbolUpdate:
    """What an update did for one symbol.

    `added` counts sessions not stored before; `late`: the last session that is over has no row yet.
    """

    symbol: str
    outcome: Outcome
    added: int = 0
    detail: str = ""
    late: bool = False


@dataclass(frozen=True)
class UpdateReport:
    """What an update did, a row a symbol in the order asked, and the notes of the source."""

    name: str
    updates: tuple[SymbolUpdate, ...]
    notes: tuple[str, ...] = ()

    @property
    def failed(self) -> tuple[SymbolUpdate, ...]:
        """The symbols that were not brought up to date, each with its reason in `detail`."""
        return tuple(u for u in self.updates if u.outcome == "failed")


class BarStore:
    """Bars under one folder, by name (usually the source's kind) and symbol.

    >>> store = BarStore(Path("data"))
    >>> store.path("akshare", "600519.SH").as_posix()
    'data/akshare/600519.SH.parquet'
    """

    def __init__(self, root: Path) -> None:
        self.root = Path(root)

    def path(self, name: str, symbol: str) -> Path:
        """Where a symbol's file lies; whatever the symbol, the file name is safe on every system."""
        return self.root / _safe(name) / f"{_safe(symbol)}.parquet"

    def read(self, name: str, symbol: str) -> Bars:
        """The stored bars of one symbol; `DataError` with near names where there are none."""
        path = self.path(name, symbol)
        if not path.is_file():
            if not path.parent.is_dir():
                names = [unquote(p.name) for p in _folders(self.root)]
                raise DataError(f"no bars stored under {name!r}: {near_names(name, names)}")
            raise DataError(
                f"no bars of {symbol!r} under {name!r}: {near_names(symbol, self.symbols(name))}"
            )
        return read_bars(path)

    def write(self, name: str, bars: Bars, *, source: str = "", asked_from: str | None = None) -> None:
        """Store bars, a file a symbol, replacing what was there."""
        about = {
            "source": source or name,
            "asked_from": asked_from,
            "fetched_at": clock.now().isoformat(timespec="seconds"),
        }
        for symbol in bars.symbols:
            write_bars(bars.select([symbol]), self.path(name, symbol), about)

    def symbols(self, name: str) -> tuple[str, ...]:
        """Symbols stored under a name, sorted."""
        return tuple(sorted(unquote(p.stem) for p in (self.root / _safe(name)).glob("[!.]*.parquet")))

    def list(self) -> pd.DataFrame:
        """What is stored: name, symbol, calendar, adjustment, source, rows, first, last, fetched_at."""
        columns = [
            "name",
            "symbol",
            "calendar",
            "adjustment",
            "source",
            "rows",
            "first",
            "last",
            "fetched_at",
        ]
        rows = []
        for folder in _folders(self.root):
            for path in sorted(folder.glob("[!.]*.parquet")):
                facts = read_about(path)
                rows.append([unquote(folder.name), *(facts.get(c, "") for c in columns[1:])])
        table = pd.DataFrame(rows, columns=columns)
        return table.astype({"rows": "int64"})

    def update(
        self,
        name: str,
        source: BarSource,
        symbols: Sequence[str],
        start: str | None = None,
        end: str | None = None,
        progress: Progress = QUIET,
        *,
        refetch: bool = False,
    ) -> UpdateReport:
        """Bring symbols up to date; one that fails is named in the report and costs no other.

        Only sessions that are over are stored.  Without `start`, what is stored goes on from where it
        ends; a `start` earlier than the one asked for before, and `refetch`, fetch everything again.
        A live source that still answers with the bars of yesterday is not taken for complete: the
        symbol is `late`, the notes say so, and the next update asks again.
        """
        updates: list[SymbolUpdate] = []
        notes: list[str] = []
        task = f"bars {name}"
        progress.begin(task, len(symbols))
        for symbol in symbols:
            try:
                done = self._update_one(name, source, symbol, start, end, refetch=refetch)
            except (ConfigError, MissingExtraError):
                raise  # a wrong setting, a missing token or package: it concerns every symbol alike
            except (QushiError, OSError) as error:
                done = SymbolUpdate(symbol, "failed", detail=str(error))
            for said in (*source.take_notes(), *_worth_saying(done)):
                progress.note(said)
                notes.append(said)
            updates.append(done)
            progress.advance(task)
        for said in _about_late(updates):
            progress.note(said)
            notes.append(said)
        return UpdateReport(name, tuple(updates), tuple(notes))

    def _update_one(
        self,
        name: str,
        source: BarSource,
        symbol: str,
        start: str | None,
        end: str | None,
        *,
        refetch: bool,
    ) -> SymbolUpdate:
        path = self.path(name, symbol)
        kind = type(source).__module__.rpartition(".")[2]
        if not path.is_file():
            fetched = _over(source.fetch(symbol, start, end))
            self.write(name, fetched, source=kind, asked_from=start)
            return _done(symbol, "new", len(fetched), source, fetched, end)
        about = read_about(path)
        asked_from = about.get("asked_from")
        earlier = None not in (start, asked_from) and pd.Timestamp(start) < pd.Timestamp(asked_from)
        if not earlier and not refetch and _up_to_date(about, end):
            return SymbolUpdate(symbol, "unchanged")
        stored = read_bars(path)
        if not earlier and not refetch:
            overlap = stored.sessions[-OVERLAP:]
            fetched = _over(source.fetch(symbol, f"{overlap[0]:%Y-%m-%d}", end))
            reason = cannot_join(stored, fetched, overlap)
            if not reason:
                whole = join(stored, fetched)
                self.write(name, whole, source=kind, asked_from=asked_from)
                added = len(whole) - len(stored)
                return _done(symbol, "appended" if added else "unchanged", added, source, whole, end)
        else:
            reason = "asked for an earlier start" if earlier else "asked to fetch everything again"
        first = start if earlier else asked_from
        beyond = end is None or pd.Timestamp(end) >= stored.sessions[-1]
        whole = _over(source.fetch(symbol, first, end if beyond else f"{stored.sessions[-1]:%Y-%m-%d}"))
        _refuse_loss(stored, whole, symbol, reason)
        self.write(name, whole, source=kind, asked_from=first)
        added = len(whole.sessions.difference(stored.sessions))
        return _done(symbol, "replaced", added, source, whole, end, reason)


def _folders(root: Path) -> list[Path]:
    return sorted(p for p in root.glob("*") if p.is_dir())


def _wanted_last(calendar: str, end: str | None) -> pd.Timestamp:
    last = clock.last_finished(calendar)
    return last if end is None else min(last, pd.Timestamp(end))


def _up_to_date(about: Mapping[str, Any], end: str | None) -> bool:
    """Whether a stored file needs no request: it has the last session, or there can be no later one."""
    if pd.Timestamp(about["last"]) >= _wanted_last(about["calendar"], end):
        return True
    delisted = (about.get("listing") or {}).get("delisted")
    fetched_at = about.get("fetched_at")
    if delisted is None or not fetched_at:
        return False
    return bool(pd.Timestamp(delisted) <= pd.Timestamp(fetched_at).tz_convert(None).normalize())


def _done(
    symbol: str,
    outcome: Outcome,
    added: int,
    source: BarSource,
    bars: Bars,
    end: str | None,
    why: str = "",
) -> SymbolUpdate:
    """What was done, and whether the last session that is over is missing."""
    last, wanted = bars.sessions[-1], _wanted_last(bars.calendar, end)
    gone = bars.listings[symbol].delisted if symbol in bars.listings else None
    late = source.live and last < wanted and (gone is None or gone > wanted)
    if late:
        why = f"{why}; " if why else ""
        why += f"the source has nothing after {last:%Y-%m-%d}, though {wanted:%Y-%m-%d} is over"
    return SymbolUpdate(symbol, outcome, added, why, late)


def _about_late(updates: Sequence[SymbolUpdate]) -> tuple[str, ...]:
    """One sentence for all symbols whose last session is not there yet."""
    late = [u for u in updates if u.late]
    if not late:
        return ()
    named = ", ".join(u.symbol for u in late[:3]) + (f" and {len(late) - 3} more" if late[3:] else "")
    lacks = f"{named} lacks" if len(late) == 1 else f"{len(late)} symbols ({named}) lack"
    return (f"{lacks} the last session that is over: suspended, or the source is late; ask again later",)


def _over(bars: Bars) -> Bars:
    """Without a session that is still running."""
    return bars.between(None, clock.last_finished(bars.calendar))


def _refuse_loss(stored: Bars, fetched: Bars, symbol: str, reason: str) -> None:
    """A replacement of another kind, or with fewer sessions, would lose what is stored."""
    if (fetched.adjustment, fetched.calendar) != (stored.adjustment, stored.calendar):
        raise DataError(
            f"{symbol} is stored as {stored.adjustment} bars of {stored.calendar}, the source now gives "
            f"{fetched.adjustment} bars of {fetched.calendar}: store them under another name"
        )
    lost = stored.sessions.difference(fetched.sessions)
    if len(lost):
        raise DataError(
            f"{symbol}: {reason}, but the source no longer has {len(lost)} stored sessions "
            f"(the first {lost[0]:%Y-%m-%d}): what is stored was kept"
        )


def _worth_saying(done: SymbolUpdate) -> tuple[str, ...]:
    if done.outcome in ("failed", "replaced"):
        return (f"{done.symbol} {done.outcome}: {done.detail}",)
    return ()


def _safe(text: str) -> str:
    """A file name for any symbol, reversible with `unquote`, legal on every system."""
    if not text:
        raise DataError("a name or symbol is empty")
    safe = quote(text, safe="^=-_")
    if safe.startswith(".") or safe.partition(".")[0].upper() in _RESERVED:
        safe = f"%{ord(safe[0]):02X}{safe[1:]}"
    return safe
