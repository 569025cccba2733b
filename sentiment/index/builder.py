"""The panic index made as texts come: sessions are closed one after the other and never opened again.

What a session needs from before is small and does not grow: of every (scope, audience) the decayed
counts, the last `window` values and the last `window` numbers of texts.  So an archive of any length
streams through, and an index goes on from its own last session.  Whether sessions are closed one by one,
in batches or all at once, the same numbers are added in the same order: the results are bit-equal.
"""

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from ...core import DataError, PanicIndex, Texts
from ...core.calendar import sessions
from ...core.panic import COLUMNS, MARKET, SUMS
from ._formulas import FloatArray, agreement, bearishness, decay, quality, shrink, valued
from ._ranking import abnormal_attention, rank_against_history
from ._state import AUDIENCES, IntArray, PanicState
from .admission import named_scopes, once_a_session, place
from .sectors import Sectors
from .settings import PanicSettings

_DAY = pd.Timedelta(days=1)
_BLOCK = 1 << 22  # cells (group x session) computed at once: 32 MB a column


class PanicBuilder:
    """Makes an index from texts given in order of `available_at`, in as many batches as there are.

    previous
        Goes on after its last session and leaves its rows as they are; texts of its sessions are passed
        over (`late` counts them).
    end
        Texts of later sessions are passed over.

    >>> builder = PanicBuilder("XSHG")
    >>> builder.closed is None
    True
    """

    def __init__(
        self,
        calendar: str,
        settings: PanicSettings | None = None,
        sectors: Sectors | None = None,
        *,
        previous: PanicIndex | None = None,
        end: str | pd.Timestamp | None = None,
    ) -> None:
        self.calendar = calendar
        self.settings = settings or PanicSettings()
        self.sectors = sectors
        self.late = 0
        self._end = None if end is None else pd.Timestamp(end)
        self._state = PanicState(self.settings.window)
        self._pending: list[pd.DataFrame] = []
        self._parts: list[Mapping[str, npt.NDArray[Any]]] = []
        self._groups: list[IntArray] = []
        self._final: pd.Timestamp | None = None
        if previous is not None:
            self._final, groups = self._state.resume(previous)
            self._parts.append({name: previous.frame[name].to_numpy() for name in COLUMNS})
            self._groups.append(groups)
        self._closed = self._final

    @property
    def closed(self) -> pd.Timestamp | None:
        """The last session that is closed, or None."""
        return self._closed

    def feed(self, texts: Texts, scores: pd.DataFrame, *, more: bool = True) -> Self:
        """Take the next texts and their scores; closes the sessions that they leave behind.

        Without `more` texts to come, all is left to `finish`.  Raises `DataError` where a text belongs
        to a session that an earlier batch has closed.
        """
        placed = place(texts, scores, self.calendar, self.settings)
        if self._final is not None:
            late = placed["session"] <= self._final
            self.late += int(late.sum())
            placed = placed[~late]
        if self._end is not None:
            placed = placed[placed["session"] <= self._end]
        if placed.empty:
            return self
        first = placed["session"].min()
        if self._closed is not None and first <= self._closed:
            raise DataError(
                f"the text {placed['id'].iloc[0]!r} belongs to {first:%Y-%m-%d}, which is closed: give "
                "texts in order of their available_at"
            )
        self._pending.append(placed)
        if more:
            self._close(whole=False)
        return self

    def finish(self) -> PanicIndex:
        """Close the sessions up to `end`, or up to the last one that has a text; gives the index.

        Raises `DataError` where there is no text at all.
        """
        if self._pending:
            self._close(whole=True)
        if self._closed is not None and self._end is not None and self._closed < self._end:
            self._compute(sessions(self.calendar, self._closed + _DAY, self._end))
        if not self._parts:
            until = "" if self._end is None else f" by {self._end.date()}"
            raise DataError(f"no text is available{until}: there is no panic index to make")
        groups = np.concatenate(self._groups)
        order = np.argsort(self._state.ranks()[groups], kind="stable")  # sessions ascend already
        columns = {name: np.concatenate([part[name] for part in self._parts])[order] for name in COLUMNS}
        return PanicIndex(pd.DataFrame(columns, copy=False))

    def _close(self, *, whole: bool) -> None:
        """Compute the pending sessions, but for the last while more texts of it may come."""
        pending = self._pending[0]
        if len(self._pending) > 1:
            pending = pd.concat(self._pending, ignore_index=True)
        last = pending["session"].max()
        done = pending["session"] <= last if whole else pending["session"] < last
        self._pending = [pending[~done]] if (~done).any() else []
        if not done.any():
            return
        rows = once_a_session(pending[done])
        first = rows["session"].min() if self._closed is None else self._closed + _DAY
        self._compute(sessions(self.calendar, first, rows["session"].max()), rows)

    def _compute(self, grid: pd.DatetimeIndex, rows: pd.DataFrame | None = None) -> None:
        """Add the rows of the sessions of `grid`, in blocks that fit into memory."""
        groups, at, row = self._members(rows, grid)
        self._state.grow()
        number = self._state.groups
        step = max(1, _BLOCK // number)
        for first in range(0, len(grid), step):
            days = grid[first : first + step]
            mine = (at >= first) & (at < first + step)
            cells = (at[mine] - first) * number + groups[mine]
            size, shape = len(days) * number, (len(days), number)
            texts = np.bincount(cells, minlength=size).reshape(shape)
            counts = np.zeros((3, *shape))
            for place_, name in enumerate(SUMS):
                weights = None if rows is None else rows[name].to_numpy()[row[mine]]
                counts[place_] = np.bincount(cells, weights=weights, minlength=size).reshape(shape)
            self._add(days, texts, counts)
        self._closed = grid[-1]

    def _members(
        self, rows: pd.DataFrame | None, grid: pd.DatetimeIndex
    ) -> tuple[IntArray, IntArray, IntArray]:
        """(group, place in the grid, row) of every count; rows ascend within a group."""
        if rows is None or rows.empty:
            none = np.empty(0, dtype=np.int64)
            return none, none, none
        named, codes, names = named_scopes(rows, self.sectors)
        own = np.array([self._state.number_of(name) for name in (MARKET, *names)], dtype=np.int64)
        row = np.concatenate([np.arange(len(rows)), named])
        scope = np.concatenate([np.full(len(rows), own[0]), own[1:][codes]])
        own_audience = np.array([AUDIENCES.index(a) for a in ("institution", "public")])
        audience = own_audience[(rows["audience"].to_numpy() == "public").astype(int)]
        at = grid.get_indexer(pd.DatetimeIndex(rows["session"]))[row]
        groups = np.concatenate([len(AUDIENCES) * scope, len(AUDIENCES) * scope + audience[row]])
        return groups, np.concatenate([at, at]), np.concatenate([row, row])

    def _add(self, days: pd.DatetimeIndex, texts: npt.NDArray[np.int64], counts: FloatArray) -> None:
        """Steps 3 to 7 for `texts` [session, group] and `counts` [neg neu pos, session, group]."""
        settings, state = self.settings, self._state
        decayed = decay(counts, settings.half_life, state.decayed)
        state.decayed = decayed[:, -1]
        # From here on a row is a group: its sessions stand beside each other in memory.
        texts = np.ascontiguousarray(texts.T)
        neg, neu, pos = (np.ascontiguousarray(x.T) for x in decayed)
        alive = state.begin(texts)
        effective = neg + neu + pos
        b = bearishness(neg, pos)
        standing = rank_against_history(b, alive & valued(effective), state.values, settings)
        attention, state.counts = abnormal_attention(texts, alive, state.counts, settings)
        state.values = standing.remembered
        group, session = np.nonzero(alive)
        scope, audience = state.names(group)
        own_neg, own_pos, weight = counts[0].T[alive], counts[2].T[alive], effective[alive]
        rows = {
            "scope": scope,
            "audience": audience,
            "session": days.to_numpy()[session],
            "texts": texts[alive],
            "effective": weight,
            "session_bearishness": bearishness(own_neg, own_pos),
            "bearishness": b[alive],
            "panic": shrink(standing.panic[alive], weight, settings.n_min),
            "z": standing.z[alive],
            "attention": attention[alive],
            "agreement": agreement(own_neg, own_pos),
            "quality": quality(weight, settings.n_min),
            "neg": neg[alive],
            "neu": neu[alive],
            "pos": pos[alive],
        }
        self._parts.append(rows)
        self._groups.append(group)
