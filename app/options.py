"""Options that several commands share, and how their texts are read."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="A setting of the source; value in TOML. Repeatable."
    ),
]


def parse_settings(items: list[str] | None, option: str = "--set") -> dict[str, Any]:
    """`--set key=value` as a table; values are TOML, bare words are strings."""
    import tomllib

    table: dict[str, Any] = {}
    for item in items or []:
        key, value = pair(item, option)
        try:
            table[key] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            table[key] = value
    return table


def pair(item: str, option: str) -> tuple[str, str]:
    """The two sides of `KEY=VALUE`."""
    from ..core import ConfigError

    key, equals, value = item.partition("=")
    if not equals or not key:
        raise ConfigError(f"{option} takes KEY=VALUE, received {item!r}")
    return key.strip(), value.strip()


def counted(number: int, what: str) -> str:
    """`1 symbol`, `2 symbols`."""
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def check_symbols(symbols: Sequence[str], where: str = "") -> None:
    """Refuse a bare code, which would be taken for an American symbol."""
    from ..core import ConfigError
    from ..market.instruments import exchange_of

    for symbol in symbols:
        if not symbol.strip():
            raise ConfigError(f"{where}a symbol is empty: write one like 600519.SH or AAPL")
        if exchange_of(symbol):
            raise ConfigError(
                f"{where}the symbol {symbol!r} lacks its exchange: write {symbol}.{exchange_of(symbol)} "
                "for the share, or .SH, .SZ, .BJ, .TW, .TWO as it is"
            )


def read_symbols(file: Path) -> list[str]:
    """The symbols of a text file, one a line; what follows a `#` is a remark."""
    from ..core import DataError

    try:
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise DataError(f"no file {str(file)!r}: check the path") from None
    except UnicodeDecodeError:
        raise DataError(f"{file} is not a UTF-8 text file: write one symbol a line") from None
    lines = [line.partition("#")[0].strip() for line in text.splitlines()]
    for number, line in enumerate(lines, start=1):
        if line:
            check_symbols([line], f"{file}:{number}: ")
    return [line for line in lines if line]


def check_day(option: str, day: str | None) -> None:
    """Refuse what is no date of the form YYYY-MM-DD."""
    import datetime

    from ..core import ConfigError

    try:
        datetime.date.fromisoformat(day or "2000-01-01")
    except ValueError:
        raise ConfigError(f"{option} is {day!r}: write a date as YYYY-MM-DD") from None
