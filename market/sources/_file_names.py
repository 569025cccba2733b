"""Which file of a folder holds a symbol, and which symbols a folder holds."""

import re
import string
from collections.abc import Iterable
from pathlib import Path

from ...core import DataError
from ...core.calendar import calendar_of
from ...core.errors import near_names
from ..instruments import exchange_of

PLACES = {
    "symbol": r".+",
    "code": r"[^.\\/]+",
    "exchange": "sh|sz|bj|two|tw",
    "EXCHANGE": "SH|SZ|BJ|TWO|TW",
}


def check_pattern(pattern: str) -> str:
    """The pattern, where its placeholders are known ones."""
    for name in _places(pattern):
        if name not in PLACES:
            raise ValueError(f"unknown placeholder {name!r}: {near_names(name, PLACES)}")
    return pattern


def file_of(folder: Path, pattern: str, symbol: str, named: str | None) -> Path:
    """A symbol's file, which `named` tells where the pattern does not."""
    name = _file_name(pattern, symbol) if named is None else named
    if not (folder / name).is_file():
        there = [p.name for p in folder.iterdir() if p.is_file()]
        raise DataError(f"no file {name!r} for {symbol} in {folder}: {near_names(name, there)}")
    return folder / name


def symbols_in(folder: Path, pattern: str, but: Iterable[str]) -> set[str]:
    """The symbols of the files that the pattern fits, `but` the files of these names."""
    pieces = [
        re.escape(text) + (f"(?P<{name}>{PLACES[name]})" if name else "")
        for text, name, _, _ in string.Formatter().parse(pattern)
    ]
    shape, other = re.compile("".join(pieces)), frozenset(but)
    found = set()
    for path in folder.iterdir():
        match = shape.fullmatch(path.name)
        if match is not None and path.name not in other:
            found.add(_symbol_of(match.groupdict()))
    return found - {""}


def one_for_all(pattern: str) -> bool:
    """Whether the pattern is the name of a single file."""
    return not _places(pattern)


def _places(pattern: str) -> list[str]:
    return [name for _, name, _, _ in string.Formatter().parse(pattern) if name is not None]


def _file_name(pattern: str, symbol: str) -> str:
    suffixed = calendar_of(symbol) != "XNYS"
    code = symbol.rpartition(".")[0] if suffixed else symbol
    exchange = symbol.rpartition(".")[2] if suffixed else ""
    name = pattern.format(symbol=symbol, code=code, exchange=exchange.lower(), EXCHANGE=exchange.upper())
    if _places(pattern) == ["code"] and exchange_of(code) not in ("", exchange.upper()):
        raise DataError(
            f"{name!r} would be {code}.{exchange_of(code)}, not {symbol}: "
            f"name the file of {symbol} under 'files'"
        )
    return name


def _symbol_of(parts: dict[str, str]) -> str:
    if "symbol" in parts:
        return parts["symbol"]
    code = parts.get("code", "")
    exchange = parts.get("exchange") or parts.get("EXCHANGE") or exchange_of(code)
    return f"{code}.{exchange.upper()}" if exchange else code
