"""Kronos (Shi et al. 2025): candles become tokens, a decoder draws the tokens of the coming candles.

    x = clip((candle - mean of the window) / (spread of the window + 1e-5), -5, 5)
    x --tokenizer--> (s1, s2) a row;  p(s1 | past), p(s2 | past, s1) are drawn a step at a time
    drawn tokens --tokenizer--> x --> candles, whose closes are the forecast

The windows of this package hold closes and features, not candles.  So a candle is made of closes: its
open is the close before, its high and low are the greater and the smaller of the two; volume and amount
are 0, which the authors' code also puts where there are none.  With `candle = true` open, high and low
come from the features of that name instead: open and spread exactly, what the high and the low reach
beyond the body in equal shares.  A model that was trained on full candles sees less than it could
either way: read its results so.

Future rows are dated by weekdays: which of them are holidays is not asked.  The nets, and what of them
was checked against the authors' code: `_kronos.py`.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field

from ...core import DataError, FitError
from ..windows import Float64Array, Int64Array, Windows
from ._foundation import Opened, Sampling
from ._kronos import KronosDecoder, KronosTokenizer

_CLIP = 5.0
_CLOSE = 3
_CANDLE = ("gap", "body", "spread")


class _Nets(NamedTuple):
    decoder: KronosDecoder
    tokenizer: KronosTokenizer


class Kronos(Sampling):
    """Zero-shot forecasts of closes by a Kronos model, one window at a time.

    model
        A folder with config.json and *.safetensors, or a hub id such as "NeoQuasar/Kronos-small".
    tokenizer
        The same of the tokenizer that the model was trained with, such as
        "NeoQuasar/Kronos-Tokenizer-base".
    knowledge_cutoff
        Last day that may be in the data the model was trained on.
    contaminated
        Whether sessions up to that day are forecast all the same, and marked.
    context
        Candles that the model is shown; the authors' limit is 512, of Kronos-mini 2048.
    quantiles
        Levels of the quantiles that are answered, ascending.
    samples
        Paths that are drawn for each window.
    temperature
        Below 1 likely tokens become more likely still, above 1 less.
    top_p
        Only the likeliest tokens whose probabilities add up to it are drawn.
    candle
        Whether open, high and low come from the features `candle`, within the window's rows; the
        walk-forward must then leave features as they are (scaling = "none").
    device, threads
        Where it computes, and CPU threads.

    >>> Kronos(model="NeoQuasar/Kronos-small", tokenizer="NeoQuasar/Kronos-Tokenizer-base",
    ...        knowledge_cutoff="2025-06-30").kind
    'kronos'
    """

    tokenizer: str = Field(min_length=1)
    temperature: float = Field(default=1.0, gt=0)
    top_p: float = Field(default=0.9, gt=0, le=1)
    candle: bool = False

    @property
    def sources(self) -> tuple[str, ...]:
        """The decoder's and the tokenizer's folder or hub id."""
        return self.model, self.tokenizer

    @classmethod
    def open(cls, folders: tuple[Path, ...]) -> _Nets:
        """Both nets; `DataError` where they do not belong together."""
        nets = _Nets(KronosDecoder.read(folders[0]), KronosTokenizer.read(folders[1]))
        known = (
            nets.decoder.embedding.emb_s1.num_embeddings,
            nets.decoder.embedding.emb_s2.num_embeddings,
        )
        spoken = 2**nets.tokenizer.coarse_bits, 2 ** (nets.tokenizer.bits - nets.tokenizer.coarse_bits)
        if known != spoken:
            raise DataError(
                f"the Kronos model reads {known[0]} x {known[1]} tokens, the tokenizer writes "
                f"{spoken[0]} x {spoken[1]}: use the tokenizer that the model was trained with"
            )
        if nets.tokenizer.embed.in_features != 6:
            raise DataError(
                f"the tokenizer reads candles of {nets.tokenizer.embed.in_features} numbers, "
                "Kronos has 6: open, high, low, close, volume, amount"
            )
        return nets

    def paths(self, opened: Opened, windows: Windows) -> tuple[Float64Array, Float64Array]:
        """Mean and quantiles of the log returns along the drawn paths."""
        for net in opened.network:
            net.to(opened.device)
        found = np.empty((len(windows), self.samples, windows.horizon))
        for which in range(len(windows)):
            rows = self._rows(windows, which)
            candles = self._candles(windows, rows)
            dates = _calendar(windows.panel.sessions[rows], windows.horizon)
            with self.randomness(opened, windows, which):
                closes = self._drawn(opened, candles, dates, windows.horizon)
            if (closes <= 0).any():
                raise FitError(
                    f"Kronos drew a price of 0 or less for {windows.symbols[which]} after "
                    f"{windows.sessions[which].astype('datetime64[D]')}: lower temperature or top_p"
                )
            found[which] = np.log(closes / candles[-1, _CLOSE])
        return found.mean(axis=1), np.moveaxis(np.quantile(found, self.quantiles, axis=1), 0, -1)

    def _rows(self, windows: Windows, which: int) -> Int64Array:
        """Rows of the candles that the window is forecast from."""
        end = int(windows.ends[which])
        first = int(windows.panel.first[end])
        longest = min(self.context, int(windows.lengths[which])) if self.candle else self.context
        # A candle that is made of closes needs the close before it.
        earliest = first if self.candle else first + 1
        rows = np.arange(max(end - longest + 1, earliest), end + 1, dtype=np.int64)
        if len(rows) == 0:
            raise DataError("kronos makes a candle of two closes: raise lookback to 2 or more")
        return rows

    def _candles(self, windows: Windows, rows: Int64Array) -> Float64Array:
        """Open, high, low, close, volume and amount, [rows, 6], where the last close is 100."""
        panel = windows.panel
        close = panel.close[rows]
        if self.candle:
            opening, beyond = self._shape(windows, rows)
        else:
            opening, beyond = panel.close[rows - 1], np.ones(len(rows))
        top, bottom = np.maximum(opening, close) * beyond, np.minimum(opening, close) / beyond
        prices = np.stack([opening, top, bottom, close], axis=1) / close[-1] * 100
        return np.hstack([prices, np.zeros((len(rows), 2))])

    def _shape(self, windows: Windows, rows: Int64Array) -> tuple[Float64Array, Float64Array]:
        """Opens, and by how much high and low go beyond the body, from the features `candle`."""
        panel = windows.panel
        absent = [name for name in _CANDLE if name not in panel.names]
        if absent:
            raise DataError(f"kronos with candle = true needs the features {absent}: set candle = true")
        gap, body, spread = (
            panel.values[rows, panel.names.index(name)].astype(np.float64) for name in _CANDLE
        )
        close = panel.close[rows]
        if not np.allclose((gap + body)[1:], np.diff(np.log(close)), rtol=0, atol=1e-4):
            raise DataError(
                "kronos with candle = true needs the features as they are, these are scaled: "
                'set scaling = "none" in the walk-forward'
            )
        return close * np.exp(-body), np.exp(np.maximum(spread - np.abs(body), 0) / 2)

    def _drawn(
        self, opened: Opened, candles: Float64Array, dates: npt.NDArray[np.int64], horizon: int
    ) -> Float64Array:
        """Closes along the drawn paths, [samples, horizon]."""
        nets: _Nets = opened.network
        mean, spread = candles.mean(axis=0), candles.std(axis=0) + 1e-5
        scaled = np.clip((candles - mean) / spread, -_CLIP, _CLIP).astype(np.float32)
        coarse, fine = nets.tokenizer.encode(torch.from_numpy(scaled)[None].to(opened.device))
        calendar = torch.from_numpy(dates)[None].to(opened.device)
        for step in range(horizon):
            stop = len(candles) + step
            start = max(0, stop - self.context)
            scores, states = nets.decoder.coarse(
                coarse[:, start:stop], fine[:, start:stop], calendar[:, start:stop]
            )
            if step == 0:  # all paths share the past: it is read once
                scores, states = (x.repeat_interleave(self.samples, 0) for x in (scores, states))
                coarse, fine, calendar = (
                    x.repeat_interleave(self.samples, 0) for x in (coarse, fine, calendar)
                )
            first = self._draw(scores)
            second = self._draw(nets.decoder.fine(states, first))
            coarse = torch.cat([coarse, first[:, None]], dim=1)
            fine = torch.cat([fine, second[:, None]], dim=1)
        decoded = nets.tokenizer.decode(coarse[:, -self.context :], fine[:, -self.context :])
        closes = decoded[:, -horizon:, _CLOSE].double().cpu().numpy()
        return np.asarray(closes * spread[_CLOSE] + mean[_CLOSE], dtype=np.float64)

    def _draw(self, scores: torch.Tensor) -> torch.Tensor:
        """One token a path, [B], from the likeliest that add up to `top_p`."""
        probabilities, order = (scores / self.temperature).softmax(-1).sort(-1, descending=True)
        before = probabilities.cumsum(-1) - probabilities
        kept = probabilities.masked_fill(before > self.top_p, 0.0)
        return order.gather(1, torch.multinomial(kept, 1)).squeeze(1)


def _calendar(sessions: npt.NDArray[np.datetime64], horizon: int) -> npt.NDArray[np.int64]:
    """Minute, hour, weekday, day and month of the rows and of the `horizon` weekdays after them."""
    days = sessions.astype("datetime64[D]")
    coming = np.busday_offset(days[-1], np.arange(1, horizon + 1), roll="backward")
    days = np.concatenate([days, coming])
    months = days.astype("datetime64[M]")
    weekday = (days.astype(np.int64) + 3) % 7  # 1970-01-01 was a Thursday
    day = (days - months).astype(np.int64) + 1
    month = months.astype(np.int64) % 12 + 1
    none = np.zeros(len(days), dtype=np.int64)
    return np.stack([none, none, weekday, day, month], axis=1)
