"""What a panic index remembers between sessions: all that the next one needs, and no text.

A group is a scope and an audience; its number is 3 x the scope's + the place of the audience.
"""

import numpy as np
import numpy.typing as npt
import pandas as pd

from ...core import DataError, PanicIndex
from ...core.panic import ALL, INSTITUTION, PUBLIC, SUMS
from ._formulas import FloatArray
from ._ranking import NO_COUNT, CountArray

AUDIENCES = (ALL, INSTITUTION, PUBLIC)
"""As the index sorts them."""

IntArray = npt.NDArray[np.int64]


class PanicState:
    """The memory of all groups; new scopes are given numbers as they turn up.

    decayed
        [neg neu pos, group] after the last session.
    values, counts
        [group, window]: the last values of bearishness and numbers of texts, right-aligned behind NaN
        and `NO_COUNT`.
    begun
        [group]: whether it has had a text.
    """

    def __init__(self, window: int) -> None:
        self.scopes: dict[str, int] = {}
        self.decayed: FloatArray = np.zeros((3, 0))
        self.values: FloatArray = np.empty((0, window))
        self.counts: CountArray = np.empty((0, window), dtype=np.int32)
        self.begun: npt.NDArray[np.bool_] = np.zeros(0, dtype=bool)

    @property
    def groups(self) -> int:
        """Number of groups, those without a text included."""
        return len(AUDIENCES) * len(self.scopes)

    def number_of(self, scope: str) -> int:
        """The number of a scope, a new one where it has none."""
        return self.scopes.setdefault(scope, len(self.scopes))

    def grow(self) -> None:
        """Make room for the scopes that have turned up."""
        more = self.groups - len(self.begun)
        if more:
            window = self.values.shape[1]
            self.decayed = np.hstack([self.decayed, np.zeros((3, more))])
            self.values = np.vstack([self.values, np.full((more, window), np.nan)])
            self.counts = np.vstack([self.counts, np.full((more, window), NO_COUNT)])
            self.begun = np.append(self.begun, np.zeros(more, dtype=bool))

    def begin(self, texts: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """Which cells of `texts` [group, session] stand at or after the first text of their group."""
        alive: npt.NDArray[np.bool_] = np.logical_or.accumulate(texts > 0, axis=1)
        alive |= self.begun[:, None]
        self.begun = self.begun | alive[:, -1]
        return alive

    def names(self, groups: IntArray) -> tuple[npt.NDArray[np.object_], npt.NDArray[np.object_]]:
        """Scope and audience of each group."""
        scopes = np.array([*self.scopes, ""], dtype=object)
        return scopes[groups // 3], np.array(AUDIENCES, dtype=object)[groups % 3]

    def ranks(self) -> IntArray:
        """Place of each group in the order of the index."""
        names = list(self.scopes)
        place = np.empty(len(names), dtype=np.int64)
        place[sorted(range(len(names)), key=names.__getitem__)] = np.arange(len(names))
        groups = np.arange(self.groups)
        return 3 * place[groups // 3] + groups % 3 if names else groups

    def resume(self, previous: PanicIndex) -> tuple[pd.Timestamp, IntArray]:
        """Remember what a whole index says; gives its last session and the group of each row.

        Raises `DataError` where it lacks the sums, its groups end in different sessions, or its first
        sessions were cut off within the window that the next ones are ranked against.
        """
        frame = previous.frame
        missing = [name for name in SUMS if name not in frame.columns]
        if missing or not len(frame):
            wrong = f"lacks {missing[0]!r}" if missing else "is empty"
            raise DataError(f"the panic index cannot go on: it {wrong}: make it again from its texts")
        groups = self._number(frame)
        self.grow()
        starts = np.flatnonzero(np.diff(groups, prepend=-1))
        ends = np.append(starts[1:], len(groups)) - 1
        last: pd.Timestamp = frame["session"].max()
        if len(starts) != len(set(groups[starts])) or (frame["session"].iloc[ends] != last).any():
            raise DataError("the panic index is not whole: scopes are unsorted or end early")
        self._remember(frame, groups, starts, ends)
        return last, groups

    def _number(self, frame: pd.DataFrame) -> IntArray:
        scope, scopes = pd.factorize(frame["scope"])
        audience, audiences = pd.factorize(frame["audience"])
        numbers = np.array([self.number_of(str(name)) for name in scopes], dtype=np.int64)
        places = np.array([AUDIENCES.index(str(name)) for name in audiences], dtype=np.int64)
        groups: IntArray = len(AUDIENCES) * numbers[scope] + places[audience]
        return groups

    def _remember(self, frame: pd.DataFrame, groups: IntArray, starts: IntArray, ends: IntArray) -> None:
        window = self.values.shape[1]
        here = groups[starts]
        self.begun[here] = True
        self.decayed[:, here] = frame[list(SUMS)].to_numpy()[ends].T
        known = (frame["quality"] != "none").to_numpy()
        after = np.cumsum(known)
        row = np.flatnonzero(known)
        group = np.repeat(np.arange(len(starts)), ends - starts + 1)
        back = after[ends][group[row]] - after[row]  # how many values of the group come later
        row, back = row[back < window], back[back < window]
        self.values[groups[row], window - 1 - back] = frame["bearishness"].to_numpy()[row]
        back = ends[group] - np.arange(len(groups))
        row = np.flatnonzero(back < window)
        self.counts[groups[row], window - 1 - back[row]] = frame["texts"].to_numpy()[row]
        self._refuse_a_cut(frame.iloc[starts], self.values[here])

    def _refuse_a_cut(self, first: pd.DataFrame, values: FloatArray) -> None:
        """A group begins with its first text: where decay has already set in, rows were cut off."""
        own = first["session_bearishness"].to_numpy() == first["bearishness"].to_numpy()
        begins = own & (first["texts"] > 0).to_numpy()
        short = np.isnan(values[:, 0]) & ~begins
        if short.any():
            row = first.iloc[int(np.flatnonzero(short)[0])]
            raise DataError(
                f"the panic index of {row['scope']} ({row['audience']}) was cut at "
                f"{row['session']:%Y-%m-%d}: going on needs the {values.shape[1]} sessions before, so "
                "make it without a start"
            )
