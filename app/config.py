"""Experiment files: TOML in, checked objects out.

    name = "csi300"
    seeds = [0, 1]
    [bars]            kind, its settings, symbols, start, end
    [benchmark]       symbol, source (where it comes from elsewhere)
    [features]        [[series]]         name, and symbol or file
    [walk_forward]    [[forecasters]]  or  [forecasts] file         [tune]
    [texts]           [classifier]       [panic]
    [[strategies]]    [backtest]         [rules]            [report]

Every table is the keyword arguments of one class.  A wrong key is answered with the near name and the
line it stands on.
"""

import copy
import re
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import tomli_w

from ..core import ConfigError, InputError, Settings
from ..core.calendar import calendar_of
from ..core.extensions import build, kinds, outside
from ..forecasters import Forecaster
from ..market import BarSource, MarketRules, rules_for
from ..sentiment import TextSource
from ..strategies import Strategy
from .experiment_file import BarsWindow, ExperimentFile, ForecastFile, SourceWindow, Window


@dataclass(frozen=True)
class UserStrategy:
    """A user's own `bt.Strategy`, by path, with its params."""

    path: str
    params: Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Experiment:
    """An experiment file with every kind looked up and every setting checked."""

    settings: ExperimentFile
    rules: MarketRules
    source: BarSource
    symbols: tuple[str, ...]
    window: Window
    benchmark_source: BarSource
    forecasters: tuple[tuple[str, Forecaster], ...]
    text_source: TextSource | None
    text_window: Window
    strategies: tuple[tuple[str, Strategy | UserStrategy], ...]
    series_sources: Mapping[str, BarSource]

    @property
    def name(self) -> str:
        """The experiment's name, safe as a folder."""
        return self.settings.name

    def with_forecasts(self, file: Path) -> "Experiment":
        """The same experiment, trading on the forecasts of a file instead of its own models."""
        settings = self.settings.model_copy(
            update={"forecasts": ForecastFile(file=file), "forecasters": ()}
        )
        return replace(self, settings=settings, forecasters=())

    def to_toml(self) -> str:
        """The experiment with every default written out; reads back to the same experiment."""
        table = self.settings.model_dump(mode="json", exclude_none=True)
        table["forecasters"] = [_dump(f, name) for name, f in self.forecasters]
        table["strategies"] = [_dump(s, name) for name, s in self.strategies]
        return tomli_w.dumps({k: v for k, v in table.items() if v not in ({}, [])})


def read_experiment(path: Path) -> Experiment:
    """Read an experiment file; relative paths in it are relative to the file.

    Raises `ConfigError` with the line where it can be told.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(f"no experiment file {str(path)!r}: check the path") from None
    except (IsADirectoryError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not a UTF-8 TOML file: {error}") from None
    _make_importable(path.parent)
    try:
        return parse_experiment(tomllib.loads(text), folder=path.parent)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not valid TOML: {error} (symbol codes need quotes)") from None
    except InputError as error:
        key = getattr(error, "key", None)
        raise ConfigError(f"{path}{_line(text, key)}: {error}", key=key) from None


def parse_experiment(table: Mapping[str, Any], folder: Path = Path()) -> Experiment:
    """Check an experiment given as a mapping; `folder` is where relative paths start."""
    settings = ExperimentFile.parse(_anchored(table, folder), "the experiment")
    source, rest = _bar_source(settings.bars, "[bars]")
    benchmark = settings.benchmark
    benchmark_source = source
    if benchmark is not None and benchmark.source is not None:
        benchmark_source = _other_source(benchmark.source, "benchmark", "[benchmark]")
    symbols = rest.symbols or source.symbols()
    if not symbols:
        raise ConfigError("[bars]: the key 'symbols' is missing: this source cannot list its own")
    if settings.forecasters and settings.forecasts is not None:
        raise ConfigError("give [[forecasters]] or a [forecasts] file, not both", key="forecasts")
    beside = [one.symbol for one in settings.series if one.symbol is not None]
    for symbol in (*symbols, *beside, *([] if benchmark is None else [benchmark.symbol])):
        calendar_of(symbol)  # refuses a bare code, which would otherwise pass for an American symbol
    if "calendar" in settings.rules:
        raise ConfigError("[rules]: leave 'calendar' out, it follows from the symbols", key="calendar")
    texts = settings.texts
    if texts is not None and settings.classifier is None:
        raise ConfigError("[texts] needs a [classifier]: give 'model' or 'labels'", key="texts")
    text_source, text_window = _text_source(texts, rest.days[1])
    return Experiment(
        settings=settings,
        rules=rules_for(calendar_of(symbols[0]), **settings.rules),
        source=source,
        symbols=symbols,
        window=rest.days,
        benchmark_source=benchmark_source,
        forecasters=tuple(_forecasters(settings.forecasters)),
        text_source=text_source,
        text_window=text_window,
        strategies=tuple(_strategies(settings.strategies)),
        series_sources={
            one.name: source if one.source is None else _other_source(one.source, "series", one.name)
            for one in settings.series
        },
    )


def _text_source(table: Mapping[str, Any] | None, last: str | None) -> tuple[TextSource | None, Window]:
    """The source of `[texts]` and its window, which ends with the bars unless told otherwise."""
    if table is None:
        return None, (None, None)
    window, rest = _split(table, SourceWindow)
    start, end = SourceWindow.parse(window, "[texts]").days
    return build("qushi.sentiment.sources", rest, TextSource, "[texts]"), (start, end or last)


def _split(table: Mapping[str, Any], ours: type[Settings]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The keys that are ours, and those of the source."""
    mine = {k: v for k, v in table.items() if k in ours.model_fields}
    return mine, {k: v for k, v in table.items() if k not in mine}


def _bar_source(table: Mapping[str, Any], where: str) -> tuple[BarSource, BarsWindow]:
    ours, theirs = _split(table, BarsWindow)
    return build("qushi.market.sources", theirs, BarSource, where), BarsWindow.parse(ours, where)


def _other_source(table: Mapping[str, Any], what: str, owner: str) -> BarSource:
    """The source of one symbol that stands elsewhere than the bars."""
    source, window = _bar_source(table, f"[{what}.source]")
    if window != BarsWindow():
        raise ConfigError(
            f"[{what}.source] has no symbols, start or end of its own: the symbol stands in {owner}, "
            "its window is that of the bars"
        )
    return source


def _forecasters(tables: tuple[dict[str, Any], ...]) -> list[tuple[str, Forecaster]]:
    found: dict[str, Forecaster] = {}
    for number, table in enumerate(tables, start=1):
        name, rest = _named(table, found, f"[[forecasters]] number {number}")
        where = f"[[forecasters]] number {number}"
        found[name] = build("qushi.forecasters.models", rest, Forecaster, where)
    return list(found.items())


def _strategies(tables: tuple[dict[str, Any], ...]) -> list[tuple[str, Strategy | UserStrategy]]:
    found: dict[str, Strategy | UserStrategy] = {}
    for number, table in enumerate(tables, start=1):
        where = f"[[strategies]] number {number}"
        name, rest = _named(table, found, where)
        kind = str(rest.get("kind", ""))
        if ":" in kind and not issubclass(outside(kind), Strategy):
            found[name] = UserStrategy(kind, {k: v for k, v in rest.items() if k != "kind"})
            continue
        found[name] = build("qushi.strategies", rest, Strategy, where)
    return list(found.items())


def _named(
    table: Mapping[str, Any], taken: Mapping[str, object], where: str
) -> tuple[str, dict[str, Any]]:
    rest = dict(table)
    kind = str(rest.get("kind", ""))
    name = str(rest.pop("name", kind.rpartition(":")[2]))
    if name in taken:
        raise ConfigError(
            f"{where}: the name {name!r} is taken: give it a 'name' of its own", key="name"
        )
    return name, rest


def _dump(thing: Settings | UserStrategy, name: str) -> dict[str, Any]:
    """The table that builds this extension again; a wrapped one becomes a table inside it."""
    if isinstance(thing, UserStrategy):
        return {"kind": thing.path, "name": name, **thing.params}
    module, cls = type(thing).__module__, type(thing).__qualname__
    kind = module.rpartition(".")[2] if module.startswith("qushi.") else f"{module}:{cls}"
    table = {"kind": kind, "name": name, **thing.model_dump(mode="json", exclude_none=True)}
    for field in type(thing).model_fields:
        inner = getattr(thing, field)
        if isinstance(inner, Strategy):
            table[field] = {k: v for k, v in _dump(inner, "").items() if k != "name"}
    return table


_PATHS = (
    ("bars", "folder"),
    ("bars", "root"),
    ("benchmark", "source", "folder"),
    ("series", "file"),
    ("series", "source", "folder"),
    ("series", "source", "root"),
    ("texts", "path"),
    ("texts", "folder"),
    ("names", "path"),
    ("sectors", "file"),
    ("forecasts", "file"),
    ("classifier", "labels"),
    ("classifier", "model"),
    ("classifier", "training", "base"),
    ("classifier", "check", "path"),
    ("forecasters", "model"),
    ("forecasters", "tokenizer"),
    ("forecasters", "members", "model"),
    ("forecasters", "members", "tokenizer"),
    ("rules", "tables"),
)
"""Where an experiment file names files."""


def _anchored(table: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The same tables with relative paths starting at the file's own folder.

    A value stays as it is where it is something else that may stand there: the word `sample`, a hub id,
    a path with `~` or `${VARIABLE}`.
    """
    anchored = copy.deepcopy(dict(table))
    for *sections, key in _PATHS:
        for inside in _inside(anchored, sections):
            path = inside.get(key)
            if not isinstance(path, str):
                continue
            other = (key == "labels" and path == "sample") or path.startswith(("$", "~")) or not path
            other = other or (key in ("model", "tokenizer", "base") and not (folder / path).is_dir())
            if not other:
                inside[key] = str(folder / path)
    return anchored


def _inside(table: dict[str, Any], sections: list[str]) -> list[dict[str, Any]]:
    """The tables under these names: one, or each of a list of tables."""
    found: list[Any] = [table]
    for section in sections:
        below = [one.get(section) for one in found]
        found = [x for one in below for x in (one if isinstance(one, list) else [one])]
        found = [x for x in found if isinstance(x, dict)]
    return found


def _make_importable(folder: Path) -> None:
    """Let `kind = "mine:MyModel"` find `mine.py` beside the experiment, or where the command runs.

    At the end of the path: a file called `numpy.py` there must not hide the real one.
    """
    for place in (str(folder.resolve()), str(Path.cwd())):
        if place not in sys.path:
            sys.path.append(place)


def _line(text: str, key: str | None) -> str:
    """`:12` where the key that an error names stands on one line only, else nothing."""
    if not key:
        return ""
    pattern = re.compile(rf"^\s*(\[+\s*)?{re.escape(key)}\s*(=|\]|\.)")
    lines = [n for n, line in enumerate(text.splitlines(), start=1) if pattern.match(line)]
    return f":{lines[0]}" if len(lines) == 1 else ""


def known_kinds() -> dict[str, tuple[str, ...]]:
    """The kinds that come with qushi, by extension point."""
    return {
        "bars": kinds("qushi.market.sources"),
        "forecasters": kinds("qushi.forecasters.models"),
        "texts": kinds("qushi.sentiment.sources"),
        "strategies": kinds("qushi.strategies"),
    }
