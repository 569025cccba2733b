"""How much of an order an account can fill, and why not all of it.

What binds, in this order, the last one giving the reason:

    purchase   legal quantity, the session's volume, the cash (price and costs)
    sale       shares held, shares settled (T+1), legal quantity, the session's volume, the cash (costs)
"""

from typing import TYPE_CHECKING

from ..core.result import Reason
from .holdings import DIGITS, DUST

if TYPE_CHECKING:
    from .account import Account


def buyable(
    account: "Account", symbol: str, wanted: float, price: float, room: float
) -> tuple[float, Reason]:
    """The shares that a purchase can fill at this session, and the reason for less than `wanted`.

    `room` is the most shares that the session's volume leaves.
    """
    held = account.shares(symbol)
    quantity = account.legal(symbol, "buy", wanted, held)
    reason: Reason = "lot" if quantity < wanted - DUST else ""
    if quantity > room + DUST:
        quantity, reason = account.legal(symbol, "buy", room, held), "volume_cap"
    if _paid(account, symbol, quantity, price) > account.cash:
        quantity, reason = _affordable(account, symbol, quantity, held, price), "cash"
    return quantity, reason


def sellable(
    account: "Account", symbol: str, wanted: float, price: float, room: float
) -> tuple[float, Reason]:
    """The shares that a sale can fill at this session, and the reason for less than `wanted`."""
    held, settled = account.shares(symbol), account.settled(symbol)
    quantity = wanted
    reason: Reason = ""
    if quantity > held + DUST:
        quantity, reason = held, "short"
    if quantity > settled + DUST:
        quantity, reason = settled, "t_plus_1"
    legal = account.legal(symbol, "sell", quantity, settled)
    if legal < quantity - DUST:
        reason = "lot"
    if legal > room + DUST:
        legal, reason = account.legal(symbol, "sell", room, settled), "volume_cap"
    if abs(legal - held) <= DUST:
        legal = held  # leave no crumbs behind
    charged = account.costs(symbol, "sell", legal, price).total + account.tax(symbol, legal)
    if round(account.cash + legal * price - charged, DIGITS) < 0:
        return 0.0, "cash"  # costs above the proceeds, and no money to pay them
    return legal, reason


def _paid(account: "Account", symbol: str, quantity: float, price: float) -> float:
    """Money that a purchase takes from the account, costs included."""
    return round(quantity * price + account.costs(symbol, "buy", quantity, price).total, DIGITS)


def _affordable(account: "Account", symbol: str, most: float, held: float, price: float) -> float:
    """The largest legal quantity whose price and costs the cash covers, by bisection."""

    def rounded(quantity: float) -> float:
        return account.legal(symbol, "buy", quantity, held)

    def fits(quantity: float) -> bool:
        return _paid(account, symbol, rounded(quantity), price) <= account.cash

    high = min(most, account.cash / price)
    if fits(high):
        return rounded(high)
    grain = 1.0 if account.lots else 1e-6
    spare = account.cash - account.costs(symbol, "buy", high, price).total
    low = max(0.0, spare / price - grain)
    low = low if fits(low) else 0.0
    while high - low > grain:
        middle = (high + low) / 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return rounded(low)
