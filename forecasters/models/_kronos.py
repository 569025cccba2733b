"""The two nets of Kronos (Shi et al. 2025, arXiv 2508.02739), in the layout of its published weights.

A tokenizer turns a candle (open, high, low, close, volume, amount) into bits by binary spherical
quantisation (Zhao, Xiong & Kraehenbuehl 2024), and bits into a candle again:

    z = W encoder(x) / |W encoder(x)|,   bit_i = z_i > 0,   code = (2 bit - 1) / sqrt(bits)

The first half of the bits is the coarse token s1, the second half the fine token s2.  A decoder-only
transformer reads pairs of tokens with the calendar of their rows, and says first p(s1 | past), then
p(s2 | past, s1).

This is a shorter writing of what the authors' code does without gradients (model/module.py and
model/kronos.py of shiyu-coder/Kronos, MIT).  A transcript of that code with random weights, stored as it
stores them, was read by these nets and gave the same tokens, and scores and candles to 1e-6.  It was
not run on the published weights.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...core import DataError

_DERIVED = ("rotary.inv_freq", "bsq.basis", "bsq.group_basis")
"""Buffers that the published files hold and that follow from the sizes."""


class _Stored(nn.Module):
    """A net that is read from config.json and safetensors, all weights or none."""

    @classmethod
    def read(cls, folder: Path) -> Self:
        """The net in a folder; `DataError` where sizes or weights are missing or do not fit."""
        import json

        from safetensors.torch import load_file

        sizes = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        try:
            net = cls(sizes)
        except KeyError as error:
            raise DataError(f"{str(folder)!r} holds no {cls.__name__}: {error} is missing") from error
        weights: dict[str, Tensor] = {}
        for path in sorted(folder.glob("*.safetensors")):
            weights |= load_file(path)
        weights = {k: v.float() for k, v in weights.items() if not k.endswith(_DERIVED)}
        try:
            net.load_state_dict(weights)
        except RuntimeError as error:
            reason = " ".join(str(error).split())[:200]
            raise DataError(f"{str(folder)!r} holds no {cls.__name__}: {reason}") from error
        return net.eval()

    def __init__(self, sizes: Mapping[str, Any]) -> None:
        super().__init__()


class KronosTokenizer(_Stored):
    """Candles to pairs of tokens and back."""

    def __init__(self, sizes: Mapping[str, Any]) -> None:
        super().__init__(sizes)
        width, self.coarse_bits = sizes["d_model"], int(sizes["s1_bits"])
        self.bits = self.coarse_bits + int(sizes["s2_bits"])
        self.embed = nn.Linear(sizes["d_in"], width)
        self.head = nn.Linear(width, sizes["d_in"])
        # One block less than the config says: so the published nets were built.
        self.encoder = _blocks(sizes, sizes["n_enc_layers"] - 1)
        self.decoder = _blocks(sizes, sizes["n_dec_layers"] - 1)
        self.quant_embed = nn.Linear(width, self.bits)
        self.post_quant_embed_pre = nn.Linear(self.coarse_bits, width)  # only its training uses it
        self.post_quant_embed = nn.Linear(self.bits, width)

    def encode(self, candles: Tensor) -> tuple[Tensor, Tensor]:
        """[B, rows, d_in] -> coarse and fine tokens, int64 [B, rows] each."""
        found = self.embed(candles)
        for block in self.encoder:
            found = block(found)
        bits = self.quant_embed(found) > 0  # what the division by the length cannot change
        return _number(bits[..., : self.coarse_bits]), _number(bits[..., self.coarse_bits :])

    def decode(self, coarse: Tensor, fine: Tensor) -> Tensor:
        """Tokens [B, rows] each -> candles [B, rows, d_in]."""
        fine_bits = self.bits - self.coarse_bits
        bits = torch.cat([_bits(coarse, self.coarse_bits), _bits(fine, fine_bits)], dim=-1)
        found = self.post_quant_embed((bits * 2.0 - 1.0) / math.sqrt(self.bits))
        for block in self.decoder:
            found = block(found)
        candles: Tensor = self.head(found)
        return candles


class KronosDecoder(_Stored):
    """Pairs of tokens and their calendar to the distribution of the next pair."""

    def __init__(self, sizes: Mapping[str, Any]) -> None:
        super().__init__(sizes)
        width = sizes["d_model"]
        coarse, fine = 2 ** sizes["s1_bits"], 2 ** sizes["s2_bits"]
        self.embedding = _Pair(coarse, fine, width)
        self.time_emb = _Calendar(width, learned=sizes["learn_te"])
        self.transformer = _blocks(sizes, sizes["n_layers"])
        self.norm = _Norm(width)
        self.dep_layer = _Dependent(width)
        self.head = _Heads(coarse, fine, width)

    def coarse(self, coarse: Tensor, fine: Tensor, calendar: Tensor) -> tuple[Tensor, Tensor]:
        """Scores of the next coarse token [B, 2^s1], and the states [B, rows, width] behind them.

        `calendar` is int64 [B, rows, 5]: minute, hour, weekday from Monday = 0, day, month.
        """
        states = self.embedding(coarse, fine) + self.time_emb(calendar)
        for block in self.transformer:
            states = block(states)
        states = self.norm(states)
        return self.head.proj_s1(states[:, -1]), states

    def fine(self, states: Tensor, coarse: Tensor) -> Tensor:
        """Scores of the next fine token [B, 2^s2], given the coarse one [B]."""
        asked = self.dep_layer(states, self.embedding.emb_s1(coarse)[:, None])
        scores: Tensor = self.head.proj_s2(asked[:, -1])
        return scores


class _Norm(nn.Module):
    """Root mean square normalisation (Zhang & Sennrich 2019)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-5) * self.weight


class _Attention(nn.Module):
    """Multi-head attention with rotary positions (Su et al. 2021)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q_proj = nn.Linear(width, width)
        self.k_proj = nn.Linear(width, width)
        self.v_proj = nn.Linear(width, width)
        self.out_proj = nn.Linear(width, width)

    def forward(self, asking: Tensor, asked: Tensor, *, causal: bool) -> Tensor:
        query, key, value = self.q_proj(asking), self.k_proj(asked), self.v_proj(asked)
        query, key, value = (
            x.unflatten(2, (self.heads, -1)).transpose(1, 2) for x in (query, key, value)
        )
        if causal:
            query, key = _rotated(query), _rotated(key)
        # else: one query at position 0; the authors' code turns the keys by the query's position too,
        # which is no turn.
        found = functional.scaled_dot_product_attention(query, key, value, is_causal=causal)
        out: Tensor = self.out_proj(found.transpose(1, 2).flatten(2))
        return out


class _FeedForward(nn.Module):
    """Gated by a SiLU (Shazeer 2020)."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.w1 = nn.Linear(width, inner, bias=False)
        self.w3 = nn.Linear(width, inner, bias=False)
        self.w2 = nn.Linear(inner, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.w2(functional.silu(self.w1(x)) * self.w3(x))
        return out


class _Block(nn.Module):
    def __init__(self, width: int, heads: int, inner: int) -> None:
        super().__init__()
        self.norm1 = _Norm(width)
        self.self_attn = _Attention(width, heads)
        self.norm2 = _Norm(width)
        self.ffn = _FeedForward(width, inner)

    def forward(self, x: Tensor) -> Tensor:
        normed = self.norm1(x)
        x = x + self.self_attn(normed, normed, causal=True)
        after: Tensor = x + self.ffn(self.norm2(x))
        return after


class _Pair(nn.Module):
    def __init__(self, coarse: int, fine: int, width: int) -> None:
        super().__init__()
        self.emb_s1 = nn.Embedding(coarse, width)
        self.emb_s2 = nn.Embedding(fine, width)
        self.fusion_proj = nn.Linear(2 * width, width)
        self.scale = math.sqrt(width)

    def forward(self, coarse: Tensor, fine: Tensor) -> Tensor:
        pair = torch.cat([self.emb_s1(coarse), self.emb_s2(fine)], dim=-1)
        out: Tensor = self.fusion_proj(pair * self.scale)
        return out


class _Calendar(nn.Module):
    """Sum of one vector each for minute, hour, weekday, day and month."""

    def __init__(self, width: int, *, learned: bool) -> None:
        super().__init__()
        kind = nn.Embedding if learned else _Fixed
        self.minute_embed = kind(60, width)
        self.hour_embed = kind(24, width)
        self.weekday_embed = kind(7, width)
        self.day_embed = kind(32, width)
        self.month_embed = kind(13, width)

    def forward(self, calendar: Tensor) -> Tensor:
        minute, hour, weekday, day, month = calendar.unbind(-1)
        # In the authors' order: sums of floats depend on it.
        days: Tensor = self.hour_embed(hour) + self.weekday_embed(weekday) + self.day_embed(day)
        found: Tensor = days + self.month_embed(month) + self.minute_embed(minute)
        return found


class _Fixed(nn.Module):
    """Sines and cosines, which the published files hold as weights."""

    def __init__(self, rows: int, width: int) -> None:
        super().__init__()
        self.emb = nn.Embedding(rows, width)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.emb(x)
        return out


class _Dependent(nn.Module):
    """The states, seen from the coarse token that was chosen."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.cross_attn = _Attention(width, 4)
        self.norm = _Norm(width)

    def forward(self, states: Tensor, chosen: Tensor) -> Tensor:
        found: Tensor = self.norm(states + self.cross_attn(chosen, states, causal=False))
        return found


class _Heads(nn.Module):
    def __init__(self, coarse: int, fine: int, width: int) -> None:
        super().__init__()
        self.proj_s1 = nn.Linear(width, coarse)
        self.proj_s2 = nn.Linear(width, fine)


def _blocks(sizes: Mapping[str, Any], count: int) -> nn.ModuleList:
    width, heads, inner = sizes["d_model"], sizes["n_heads"], sizes["ff_dim"]
    return nn.ModuleList(_Block(width, heads, inner) for _ in range(count))


def _rotated(x: Tensor) -> Tensor:
    """Turn the pairs (i, i + d/2) of [B, heads, rows, d] by angles that grow with the row."""
    rows, size = x.shape[2:]
    rate = 1.0 / (10000 ** (torch.arange(0, size, 2, device=x.device).float() / size))
    angle = torch.outer(torch.arange(rows, device=x.device).float(), rate)
    angle = torch.cat([angle, angle], dim=-1)
    first, second = x.chunk(2, dim=-1)
    return x * angle.cos() + torch.cat([-second, first], dim=-1) * angle.sin()


def _number(bits: Tensor) -> Tensor:
    """Booleans [..., bits], lowest first -> int64 [...]."""
    weights = 2 ** torch.arange(bits.shape[-1], device=bits.device)
    return (bits.long() * weights).sum(-1)


def _bits(number: Tensor, bits: int) -> Tensor:
    """The inverse of `_number`."""
    weights = 2 ** torch.arange(bits, device=number.device)
    return (number[..., None] & weights) != 0
