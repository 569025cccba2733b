"""`qushi rules`: what an exchange demanded on a day, since when, and who says so."""

from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .shell import Json, emit, emit_table, guarded

if TYPE_CHECKING:
    from ..market import MarketRules

app = typer.Typer(help="The dated trading rules.", no_args_is_help=True)

Tables = Annotated[
    str, typer.Option("--tables", metavar="FILE", help="A TOML file of yours with dated rows.")
]


@app.command()
@guarded
def show(
    symbol: Annotated[str, typer.Argument(help="A symbol like 300750.SZ, 0050.TW, AAPL.")],
    on: Annotated[
        str | None, typer.Option(help="The day, YYYY-MM-DD; default: the last session.")
    ] = None,
    st: Annotated[bool, typer.Option("--st", help="Under special treatment on that day.")] = False,
    listed: Annotated[
        str | None, typer.Option(help="First session on the exchange, YYYY-MM-DD.")
    ] = None,
    close: Annotated[
        float | None, typer.Option(help="The reference price: the close before, after any dividend.")
    ] = None,
    tables: Tables = "",
    json: Json = False,
) -> None:
    """What applied to a symbol on a day: limits, tick, lot, settlement, fees and taxes."""
    from ..core import DataError
    from ..core.calendar import calendar_of
    from ..market import rules_for
    from ..market.clock import last_finished

    if not symbol.strip():
        raise DataError("the symbol is empty: write one like 600519.SH or AAPL")
    if close is not None and not 0 < close < float("inf"):
        raise DataError(f"--close is {close:g}: write a price above 0")
    rules = rules_for(calendar_of(symbol), tables=tables)
    day = _date(on, "--on") or last_finished(rules.calendar).date()
    first = _date(listed, "--listed")
    found = rules.describe(symbol, day, st=st, listed=first)
    band = None if close is None else rules.price_band(symbol, day, close, st=st, listed=first)
    session, following = _session(rules, day)
    if json:
        asked = {"symbol": symbol, "on": day, "session": session, "next_session": following, "st": st}
        rows = [vars(row) for row in found]
        emit({**asked, "listed": first, "close": close, "band": band, "rules": rows})
        return
    typer.echo(f"{symbol} on {day}: {_about(rules, day, session, following)}")
    rows = [{**vars(row), "since": row.since and str(row.since)} for row in found]
    if close is not None:
        said = "none" if band is None else f"{band[0]:.10g} to {band[1]:.10g}"
        rows.insert(2, {"rule": "band", "value": said, "since": None, "source": f"from {close:.10g}"})
    _print(rows)


@app.command("list")
@guarded
def list_(
    table: Annotated[
        str | None, typer.Argument(help="One table: price_limit, tick, lot, …; default: all.")
    ] = None,
    market: Annotated[
        str, typer.Option(help="Exchange calendar: XSHG (mainland), XNYS (US), XTAI (Taiwan).")
    ] = "XSHG",
    tables: Tables = "",
    json: Json = False,
) -> None:
    """Every dated row of a market, in the order of the tables."""
    from ..core import ConfigError
    from ..core.errors import near_names
    from ..market import rules_for
    from ..market.rules.rows import TABLES

    if table is not None and table not in TABLES:
        raise ConfigError(f"no table {table!r}: {near_names(table, TABLES)}")
    rows = []
    for name, row in rules_for(market, tables=tables).rows():
        if table in (None, name):
            until = "" if row.until is None else str(row.until)
            whom = ", ".join((*row.boards, *row.symbols))
            head = {"table": name, "since": str(row.since), "until": until, "for": whom}
            rows.append({**head, "value": row.value, "source": row.source})
    if json:
        emit(rows)
    else:
        _print(rows)


def _print(rows: list[dict[str, Any]]) -> None:
    import pandas as pd

    if rows:
        emit_table(pd.DataFrame(rows, dtype=object), as_json=False)
    else:
        typer.echo("no rows")


def _date(text: str | None, option: str) -> date | None:
    from ..core import ConfigError

    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"{option} is {text!r}: write a date as YYYY-MM-DD") from None


def _session(rules: "MarketRules", day: date) -> tuple[bool, date | None]:
    """Whether the exchange was open, and the next session; None where that is not known yet."""
    import pandas as pd

    from ..core.calendar import sessions

    known = sessions(rules.calendar)
    later = known[known > pd.Timestamp(day)]
    return pd.Timestamp(day) in known, later[0].date() if len(later) else None


def _about(rules: "MarketRules", day: date, session: bool, following: date | None) -> str:
    if session:
        return f"a session of {rules.calendar}"
    if following is None:
        return f"after the last session of {rules.calendar} that is known"
    return f"no session of {rules.calendar}, the next one is {following}; the rules in force were"
