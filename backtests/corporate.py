"""What a corporate action gives to the holder of shares, and when it is due.

An action takes effect before the open of its ex session, for shares held at the close before; where
the symbol has no bar in that session, at its next one, as `Actions.factor` counts.  Two ways to hold
over it:

    cash       dividends arrive as money (at the pay session), bonus and split as shares, rights are
               subscribed or lapse: what happens to a real account
    reinvest   1 share becomes previous close / reference price shares: what the back-adjusted price
               series stands for

Where only a factor is known, and not the actions behind it, only "reinvest" can be counted.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from math import floor

import pandas as pd

from ..core import Actions, Bars
from .holdings import DUST, money

_FACE_VALUE = 1.0  # yuan: what a bonus share counts as income, whatever it is worth
_MOVED = 1e-9  # relative change of a factor that is only a rounding of its source


@dataclass(frozen=True)
class Action:
    """One row of `Actions`, amounts a share held before."""

    symbol: str
    ex_session: pd.Timestamp
    cash: float
    bonus: float
    split: float
    rights: float
    rights_price: float
    pay_session: pd.Timestamp | None

    @property
    def growth(self) -> float:
        """Shares that one share becomes without paying for any."""
        return 1 + self.bonus + self.split

    @property
    def taxable(self) -> float:
        """Income a share for the tax on dividends: the cash, and bonus shares at their face value."""
        return self.cash + self.bonus * _FACE_VALUE


@dataclass(frozen=True)
class Change:
    """What became of one holding.

    shares
        Shares that came, below 0 where they went.
    paid_out
        Money for the part of a share that cannot be held, in currency.
    """

    shares: float
    paid_out: float


def grown(held: float, growth: float, reference: float, *, whole: bool) -> Change:
    """A holding whose every share becomes `growth` shares.

    Where only whole shares can be held, the fraction is paid out at the reference price, rounded
    half-up to the cent.
    """
    after = held * growth
    if not whole:
        return Change(after - held, 0.0)
    kept = float(floor(after + 1e-6))
    fraction = after - kept
    return Change(kept - held, money(fraction, reference) if fraction > DUST else 0.0)


class Schedule:
    """Actions in the order of their ex sessions, handed out once as sessions go by."""

    def __init__(self, actions: Actions) -> None:
        self._coming = sorted(_rows(actions), key=lambda a: (a.ex_session, a.symbol), reverse=True)
        self._due: dict[str, list[Action]] = defaultdict(list)

    def due(self, session: pd.Timestamp) -> tuple[str, ...]:
        """Symbols with actions up to `session` that were not yet taken."""
        while self._coming and self._coming[-1].ex_session <= session:
            action = self._coming.pop()
            self._due[action.symbol].append(action)
        return tuple(self._due)

    def take(self, symbol: str) -> list[Action]:
        """The symbol's actions that are due, oldest first; they are due no more."""
        return self._due.pop(symbol, [])


def reinvested_symbols(bars: Bars) -> tuple[str, ...]:
    """Symbols whose factor moves while their actions are not known: dividends count as reinvested."""
    factor = bars.frame["factor"].groupby(level="symbol", sort=True)
    moved = factor.max() > factor.min() * (1 + _MOVED)
    return tuple(str(s) for s in moved.index[moved] if s not in bars.actions.known)


def moved(before: float, after: float) -> float:
    """How much a factor grew between two bars; 1 where it did not, or where it is not known."""
    growth = after / before if before > 0 and after > 0 else 1.0
    return growth if abs(growth - 1) > _MOVED else 1.0


def _rows(actions: Actions) -> Iterable[Action]:
    for row in actions.frame.itertuples():
        symbol, ex_session = row.Index
        paid = None if pd.isna(row.pay_session) else row.pay_session
        yield Action(
            symbol, ex_session, row.cash, row.bonus, row.split, row.rights, row.rights_price, paid
        )
