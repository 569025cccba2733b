"""Sina's packed bars: the inverse of the JavaScript that akshare runs to unpack them.

A stream of bits, the lowest first, six to a character.  Every row states its date in full, lengths are
fixed in the first row, prices are differences from the last close.
"""

from collections.abc import Sequence
from datetime import date

import pandas as pd

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_ORIGIN = date(1990, 12, 19)
_KIND, _VERSION = 3466, 63
_PRICE, _COUNT = 24, 60  # bits


class _Bits:
    def __init__(self) -> None:
        self.bits: list[int] = []

    def put(self, value: int, width: int) -> None:
        self.bits += [(value >> k) & 1 for k in range(width)]

    def step(self, change: int) -> None:
        """A signed change in unary: the sign, then ones up to a zero; nothing at all for no change."""
        self.put(change != 0, 1)
        if change:
            self.put(change > 0, 1)
            self.put((1 << (abs(change) - 1)) - 1, abs(change))

    def text(self) -> str:
        padded = self.bits + [0] * (-len(self.bits) % 6)
        sixes = [padded[k : k + 6] for k in range(0, len(padded), 6)]
        return "".join(_ALPHABET[sum(bit << k for k, bit in enumerate(six))] for six in sixes)


def packed(rows: Sequence[tuple], decimals: int = 2) -> str:
    """Rows of (day, open, high, low, close, shares, amount) as Sina sends them.

    An eighth field is the close before, said only where it is not that of the row before.
    """
    bits = _Bits()
    bits.put(_KIND, 12)
    bits.put(_VERSION, 6)
    close = shares = amount = 0
    for number, (day, *fields) in enumerate(rows):
        scaled = [round(price * 10**decimals) for price in fields[:4]]
        before = round(fields[6] * 10**decimals) if len(fields) > 6 and fields[6] else None
        _head(bits, first=number == 0, decimals=decimals)
        bits.put(1, 1)
        bits.put(1, 3)
        bits.put((pd.Timestamp(day).date() - _ORIGIN).days, 18)
        bits.put(before is not None, 1)
        if before is not None:
            bits.put(0, 1)
            bits.put(before - close, _PRICE)
            close = before
        first, high, low, last = scaled
        for change in (first - close, high - first, first - low, last - first):
            bits.put(change, _PRICE)
        for change in (int(fields[4]) - shares, int(fields[5]) - amount):
            bits.put(change, _COUNT)
        close, shares, amount = last, int(fields[4]), int(fields[5])
    bits.put(0b00011, 5)
    return bits.text()


def _head(bits: _Bits, *, first: bool, decimals: int) -> None:
    """Up to the date of a row; the first one says the units, and how wide the fields are."""
    bits.put(0b11, 2)
    bits.put(first, 1)
    if first:
        bits.put(1, 1)
        bits.put(0b0001, 5)  # the amount stands for itself, not beside an average price
        bits.step(3 * (decimals - 2))
        bits.put(0, 2)
    bits.put(1, 1)
    for width, default in ((_PRICE, 3),) * 4 + ((_COUNT, 5),) * 2:
        bits.step((width // 3 - default) if first else 0)
