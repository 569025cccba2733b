"""From wanted amounts of money to whole shares, with the least error that the money allows.

A weight hardly ever is a whole number of lots.  Every wish is rounded to one of the two legal holdings
beside it, so that the error of all together is least and the money is enough:

    least  sum |target x price - wanted|     subject to     sum target x price <= money - costs

Rounding each to the nearer one is the answer where that can be paid.  Where it cannot, choosing which
wishes are rounded up is a knapsack of 0 and 1.  It is solved to the cent (Nemhauser and Ullmann 1969,
with Dantzig's bound), because filling it greedily may leave a large wish unmet for two small ones.
(SciPy's HiGHS solves it too, but now and then prints to standard output, where `--json` allows one
document only.)

All wishes together may lack only what the trades cost, or a dividend not yet paid: then all are made
smaller by the same share, so that "all in" ends in shares and not in refusals.  Wishes beyond the money
for another reason stay as large as they are: the broker fills what cash covers, and says so.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor

import numpy as np

_DUST = 1e-6  # shares: a wish of 99.9999999 is a hundred
_CENT = 0.01
_SLACK = 1e-9  # relative: weights that sum to 1 ask for the whole equity, give or take a rounding


@dataclass(frozen=True)
class Wish:
    """What one symbol's decision asks for.

    shares
        Wanted holding, any fraction.
    price, cost
        Last close, and what the trade will cost at most, in currency.
    held
        Shares held now.
    least, step
        A buy order names at least `least` shares, then multiples of `step`; 0: any fraction is legal.

    >>> Wish(shares=1_220, price=10.0, held=1_530, least=100, step=100).beside()
    (1200, 1230)
    """

    shares: float
    price: float
    held: float = 0.0
    cost: float = 0.0
    least: float = 0.0
    step: float = 0.0

    def beside(self, share: float = 1.0) -> tuple[float, float]:
        """The legal holdings next to `share` of the wish, reached by one order: below and above."""
        wanted = self.shares * share
        if not self.step or wanted <= _DUST:
            return (wanted, wanted) if not self.step else (0.0, 0.0)
        if wanted >= self.held - _DUST:
            fewer, more = _next_to(wanted - self.held, self.least, self.step)
            return self.held + fewer, self.held + more
        return self._beside_when_selling(self.held - wanted)

    def _beside_when_selling(self, sold: float) -> tuple[float, float]:
        """An odd remainder below one step goes whole, with or without full steps, or stays."""
        whole = floor(self.held + _DUST)
        odd = whole % self.step if self.step > 1 else 0
        ways = [_next_to(sold, start, self.step) for start in (self.least, odd) if start]
        fewer, more = max(low for low, _ in ways), min(high for _, high in ways)
        return (0.0 if more >= whole else self.held - more), self.held - fewer


def share_targets(wishes: Sequence[Wish], money: float, unpaid: float = 0.0) -> list[float]:
    """The holding to aim at for each wish.

    money
        What the symbols' holdings are worth and the cash there is, in currency.
    unpaid
        Dividends that the account has earned and not received.

    Sums of targets stay within `money` less all costs, unless the wishes rounded down are above it
    already.  The error is never more than that of rounding every wish down.
    """
    spendable = money - sum(wish.cost for wish in wishes)
    wanted = sum(wish.shares * wish.price for wish in wishes)
    short = spendable < wanted <= (money + unpaid) * (1 + _SLACK)
    share = max(spendable, 0.0) / wanted if short else 1.0
    below, above = np.array([wish.beside(share) for wish in wishes], dtype=float).reshape(-1, 2).T
    price = np.array([wish.price for wish in wishes], dtype=float)
    exact = np.array([wish.shares * share for wish in wishes], dtype=float)
    price_of_more = (above - below) * price
    gain = ((exact - below) - (above - exact)) * price
    up = _chosen(gain, price_of_more, spendable - float(below @ price))
    return [float(shares) for shares in np.where(up, above, below)]


def _next_to(quantity: float, start: float, step: float) -> tuple[float, float]:
    """The numbers among 0, start, start + step, ... next to a quantity: below and above."""
    if quantity <= _DUST:
        return 0.0, 0.0
    if quantity < start - _DUST:
        return 0.0, start
    steps = (quantity - start) / step
    return start + floor(steps + _DUST) * step, start + ceil(steps - _DUST) * step


def _chosen(gain: np.ndarray, price: np.ndarray, room: float) -> np.ndarray:
    """Which wishes to round up: the most gain for at most `room` of money."""
    up = (gain > 0) & (price > 0) & (price <= room)
    if float(price[up].sum()) > room:
        at = np.flatnonzero(up)
        up[at] = _knapsack(gain[at], price[at], room)
    return up


def _knapsack(gain: np.ndarray, price: np.ndarray, room: float) -> np.ndarray:
    """Most gain for `room`, one item after the other, the best gain a price first.

    Of all choices so far only those are kept that no other beats in both gain and money, and whose
    bound (the rest filled up in order, the last item in part) is above what is already certain.
    """
    order = np.lexsort((-price, -gain / price))
    gain, price = gain[order], price[order]
    gains, prices = (np.concatenate([[0.0], np.cumsum(x)]) for x in (gain, price))
    rate = np.append(gain / price, 0.0)
    spent = earned = np.zeros(1)
    certain, levels = 0.0, []
    for k in range(len(gain)):
        fits = np.flatnonzero(spent + price[k] <= room)
        origin = np.concatenate([np.arange(len(spent)), fits])
        taken = np.arange(len(origin)) >= len(spent)
        spent, earned = spent[origin] + taken * price[k], earned[origin] + taken * gain[k]
        by_money = np.lexsort((-earned, spent))
        most = np.maximum.accumulate(earned[by_money])
        kept = by_money[np.append(True, most[1:] > most[:-1])]
        left = prices[k + 1] + room - spent[kept]
        end = np.searchsorted(prices, left, side="right") - 1
        sure = earned[kept] + gains[end] - gains[k + 1]
        certain = max(certain, float(sure.max()))
        hopeful = sure + (left - prices[end]) * rate[end] > certain + _CENT
        hopeful[int(np.argmax(sure))] = True
        kept = kept[hopeful]
        spent, earned = spent[kept], earned[kept]
        levels.append((origin[kept], taken[kept]))
    chosen = np.zeros(len(gain), dtype=bool)
    at = int(np.argmax(earned))
    for k in range(len(gain) - 1, -1, -1):
        before, taken = levels[k]
        chosen[order[k]], at = taken[at], int(before[at])
    return chosen
