"""Symbol embeddings: one net for all symbols that may still tell them apart (Guo & Berkhahn 2016).

    row' = [row, e(symbol)],    e a table of vectors, learned with the net

The panel gets one more column that holds the symbol's number, so a batch is gathered as ever.  Number 0
is the unknown symbol.  While training, each window is taken for unknown with probability 0.1: so that
vector means "some symbol" rather than nothing, and answers for symbols that come later.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field
from torch import Tensor, nn

from ...core import Settings
from ..windows import Panel, Windows

UNKNOWN = 0.1
"""Share of the training windows whose symbol is hidden from the net."""
TABLE = "table.weight"
"""Name of the vectors among the weights."""


class Embedded(Settings):
    """Settings of a net that may know which symbol it looks at.

    symbol_embedding
        Numbers that stand for a symbol beside its features, learned; 0 for none.
    """

    symbol_embedding: int = Field(default=0, ge=0)


class SymbolEmbedding(nn.Module):
    """A net on features [B, lookback, F + size], made one on [B, lookback, F + 1].

    The last column is the symbol's number, 0 ... symbols.
    """

    def __init__(self, net: nn.Module, symbols: int, size: int) -> None:
        super().__init__()
        self.net = net
        self.table = nn.Embedding(symbols + 1, size)

    def forward(self, rows: Tensor) -> Tensor:
        features, number = rows[:, :, :-1], rows[:, -1, -1].long()
        if self.training:
            number = number * (torch.rand(len(rows), device=rows.device) >= UNKNOWN)
        vectors = self.table(number)[:, None].expand(-1, rows.shape[1], -1)
        # a row of padding stays one: nets that mask padding know it by its being NaN throughout.
        padding = torch.isnan(features).all(2, keepdim=True)
        vectors = vectors.masked_fill(padding, torch.nan)
        answer: Tensor = self.net(torch.cat([features, vectors], dim=2))
        return answer


def vocabulary(known: Iterable[str], train: Windows) -> tuple[str, ...]:
    """The symbols known so far, then the new ones of the training windows in order of their names."""
    before = tuple(known)
    return before + tuple(sorted({str(symbol) for symbol in train.symbols} - {*before}))


def numbered(symbols: tuple[str, ...], *windows: Windows) -> tuple[Windows, ...]:
    """The windows with each row's symbol as their last column; those that share a panel still do."""
    number = {symbol: at for at, symbol in enumerate(symbols, 1)}
    panels = {id(one.panel): one.panel for one in windows}
    made = {key: _with_column(panel, number) for key, panel in panels.items()}
    return tuple(replace(one, panel=made[id(one.panel)]) for one in windows)


def grown(weights: Mapping[str, Tensor], symbols: int) -> dict[str, Tensor]:
    """Weights with a vector for each symbol: new ones start where the unknown symbol stands."""
    table = weights[TABLE]
    missing = symbols + 1 - len(table)
    return {**weights, TABLE: torch.cat([table, table[:1].expand(missing, -1)])}


def pack(symbols: tuple[str, ...]) -> npt.NDArray[np.uint8]:
    """The vocabulary as bytes."""
    return np.frombuffer("\n".join(symbols).encode(), dtype=np.uint8)


def unpack(text: npt.NDArray[np.generic]) -> tuple[str, ...]:
    """The inverse of `pack`."""
    return tuple(np.asarray(text, dtype=np.uint8).tobytes().decode().split("\n"))


def _with_column(panel: Panel, number: Mapping[str, int]) -> Panel:
    column = np.zeros((len(panel.values), 1), dtype=np.float32)
    for start, stop in panel.spans():
        column[start:stop] = number.get(str(panel.symbols[start]), 0)
    values = np.hstack([panel.values, column])
    return replace(panel, values=values, names=(*panel.names, "symbol"))
