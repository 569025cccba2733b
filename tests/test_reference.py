"""docs/experiments*.md name every table, kind and key of an experiment file as the code has them.

A section is a heading: `## [bars]` is a table, `### csv, parquet` below it what these kinds share.
"""

import json
import re
import sys
import tomllib
from collections import defaultdict
from datetime import date
from pathlib import Path
from typing import Literal, NamedTuple, get_args, get_origin

import pytest
from annotated_types import Ge, Gt, Le, Lt
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

import qushi
from qushi.app.config import _PATHS, known_kinds, parse_experiment
from qushi.app.experiment_file import BarsWindow, ExperimentFile, SourceWindow
from qushi.app.run import run_experiment
from qushi.app.workspace import Workspace
from qushi.core import Settings
from qushi.core.extensions import find
from qushi.forecasters import Forecaster
from qushi.market import BarSource, MarketRules, rules_for
from qushi.sentiment import TextSource
from qushi.strategies import Strategy

ROOT = Path(qushi.__file__).parent
REQUIRED, NOTHING, BY_MARKET = "<required>", "<nothing>", "<by market>"
WORDS = {
    "docs/experiments.md": {"required": REQUIRED, "–": NOTHING, "by market": BY_MARKET},
    "docs/experiments.zh.md": {"必填": REQUIRED, "–": NOTHING, "按市场": BY_MARKET},
}
MINIMAL = {"name": "x", "bars": {"kind": "sample", "symbols": ["000300.SH"]}}
EXTENSIONS = {
    "bars": ("qushi.market.sources", BarSource),
    "forecasters": ("qushi.forecasters.models", Forecaster),
    "texts": ("qushi.sentiment.sources", TextSource),
    "strategies": ("qushi.strategies", Strategy),
}
SIGNS = {Ge: "≥", Gt: ">", Le: "≤", Lt: "<"}
in_both_languages = pytest.mark.parametrize("page", WORDS)


class Key(NamedTuple):
    """What is known of a key: its default, and what its row must say of the values it takes."""

    default: object
    limits: frozenset[str] = frozenset()


# What the code has ---------------------------------------------------------------------------------


def limits_of(annotation, metadata=()):
    """`≥ 1` for bounds, `"raw"` in backticks for choices, of a type and of the types inside it."""
    bounds = {f"{sign} {getattr(m, type(m).__name__.lower()):g}" for m in metadata for sign in signs(m)}
    nested = [m.metadata for m in getattr(annotation, "__metadata__", ()) if isinstance(m, FieldInfo)]
    inner = get_args(annotation)
    if get_origin(annotation) is Literal:
        return bounds | {f'`"{choice}"`' for choice in inner}
    if annotation is bool:
        return bounds | {"`true`", "`false`"}
    if nested:
        return bounds | limits_of(inner[0], nested[0])
    return bounds.union(*(limits_of(a) for a in inner if a is not type(None)))


def signs(bound):
    return [SIGNS[type(bound)]] if type(bound) in SIGNS else []


def key_of(field):
    default = field.get_default(call_default_factory=True)
    if default is PydanticUndefined:
        default = REQUIRED
    elif default is None or isinstance(default, Settings):
        default = NOTHING
    return Key(default, frozenset(limits_of(field.annotation, field.metadata)))


def keys_of(model):
    return {name: key_of(field) for name, field in model.model_fields.items()}


def tables_inside(model):
    """(name of the key, settings class) for every key of a model that is a table of its own."""
    for name, field in model.model_fields.items():
        for found in (field.annotation, *get_args(field.annotation)):
            if isinstance(found, type) and issubclass(found, Settings) and found.model_fields:
                yield name, found


def sections_of_code():
    """(table, kind or table inside) -> its keys; "" for the table itself."""
    inside = dict(tables_inside(ExperimentFile))
    loose = {"bars", "forecasters", "texts", "strategies", "rules"}
    plain = {n: k for n, k in keys_of(ExperimentFile).items() if n not in inside and n not in loose}
    found = {(", ".join(plain), ""): plain}
    for name, model in inside.items():
        several = get_origin(ExperimentFile.model_fields[name].annotation) is tuple
        table = f"[[{name}]]" if several else f"[{name}]"
        found[table, ""] = keys_of(model)
        for part, nested in tables_inside(model):
            found[table, part] = keys_of(nested)
    kind, named = {"kind": Key(REQUIRED)}, {"name": Key(NOTHING)}
    found["[bars]", ""] = kind | keys_of(BarsWindow)
    found["[texts]", ""] = kind | keys_of(SourceWindow)
    found["[[forecasters]]", ""] = found["[[strategies]]", ""] = kind | named
    for point, offered in known_kinds().items():
        table = next(t for t, part in found if t.strip("[]") == point)
        for offer in offered:
            model = find(EXTENSIONS[point][0], offer, EXTENSIONS[point][1])
            found[table, offer] = keys_of(model)
            for part, nested in tables_inside(model):
                found[table, part] = keys_of(nested)
    rules = {n: k for n, k in keys_of(MarketRules).items() if n != "calendar"}  # the symbols say it
    for name in ("commission", "commission_minimum"):
        rules[name] = Key(BY_MARKET, rules[name].limits)
    found["[rules]", ""] = rules
    return found


# What a page says ----------------------------------------------------------------------------------


def text_of(page):
    return (ROOT / page).read_text(encoding="utf-8")


def spans(text):
    return re.findall(r"`([^`\n]+)`", text)


def cells_of(line):
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def sections_of_page(page):
    """(table, kind or table inside) -> the rows of its tables of keys, cells by column."""
    found = defaultdict(list)
    table, parts, in_keys = "", [], False
    for line in text_of(page).splitlines():
        if line.startswith("## "):
            table, parts = ", ".join(spans(line)), [""]
        elif line.startswith("### "):
            parts = spans(line)
        elif line.startswith(("| key |", "| 键 |")):
            in_keys = True
        elif not line.startswith("|"):
            in_keys = False
        for part in parts if table else ():
            rows = found[table, part]
            if in_keys and line.startswith("| `"):
                rows.append(cells_of(line))
    return dict(found)


def row_key(row):
    return row[0].strip("`")


def value_of(cell, words):
    return words[cell] if cell in words else tomllib.loads(f"x = {cell.strip('`')}")["x"]


def blocks(page):
    return re.findall(r"```toml\n(.*?)```", text_of(page), re.DOTALL)


# -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def code():
    return sections_of_code()


@in_both_languages
def test_reference_has_a_section_for_every_table_and_kind_and_no_other(page, code):
    assert set(sections_of_page(page)) == set(code)


@in_both_languages
def test_reference_names_every_key_in_its_section_once_and_no_other(page, code):
    for section, rows in sections_of_page(page).items():
        assert sorted(map(row_key, rows)) == sorted(code[section]), section


@in_both_languages
def test_reference_states_the_defaults_of_the_code(page, code):
    for section, rows in sections_of_page(page).items():
        for row in rows:
            has = code[section][row_key(row)].default
            # As JSON: true is not 1 there, and 5.0 not 5.
            assert json.dumps(value_of(row[2], WORDS[page])) == json.dumps(has), (section, row_key(row))


@in_both_languages
def test_reference_states_every_bound_and_every_choice(page, code):
    for section, rows in sections_of_page(page).items():
        for row in rows:
            said = f"{row[1]} {row[3]}"
            for limit in code[section][row_key(row)].limits:
                assert limit in said, (section, row_key(row), limit)


@in_both_languages
def test_reference_states_the_commission_of_every_market(page):
    markets = [
        cells_of(line) for line in text_of(page).splitlines() if re.match(r"\| `X[A-Z]{3}`", line)
    ]
    assert len(markets) == 3
    for row in markets:
        rules = rules_for(row[0].strip("`"))
        assert [float(cell.strip("`")) for cell in row[2:4]] == [
            rules.commission,
            rules.commission_minimum,
        ]


@in_both_languages
def test_reference_says_which_paths_start_at_the_file(page):
    line = next(line for line in text_of(page).splitlines() if line.startswith("| `[bars] folder`"))
    assert set(spans(cells_of(line)[0])) == {f"[{'.'.join(tables)}] {key}" for *tables, key in _PATHS}


@pytest.fixture
def own_classes(tmp_path, monkeypatch):
    """The modules that the README writes, where an experiment finds them."""
    readme = text_of("README.md")
    named = dict(re.findall(r"<!-- file: (\w+)\.py -->\n```python\n(.*?)```", readme, re.DOTALL))
    for module, body in named.items():
        (tmp_path / f"{module}.py").write_text(body, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    yield
    for module in named:
        sys.modules.pop(module, None)


@pytest.mark.usefixtures("own_classes")
@in_both_languages
def test_reference_examples_are_read_as_they_stand(page):
    found = blocks(page)
    assert len(found) >= 5
    for block in found:
        table = tomllib.loads(block)
        read = parse_experiment(MINIMAL | table)
        assert read.name == table.get("name", "x")


def test_reference_pages_have_the_same_sections_examples_and_files():
    english, chinese = WORDS
    assert list(sections_of_page(english)) == list(sections_of_page(chinese))
    assert blocks(english) == blocks(chinese)
    heads = [re.findall(r"^#+", text_of(page), re.MULTILINE) for page in WORDS]
    assert heads[0] == heads[1]
    first_cells = [re.findall(r"^\| (`.*?) \|", text_of(page), re.MULTILINE) for page in WORDS]
    assert [spans(c) for c in first_cells[0]] == [spans(c) for c in first_cells[1]]


@in_both_languages
def test_reference_links_lead_somewhere(page):
    for target in re.findall(r"\]\((?!https?://)([^)#]+)", text_of(page)):
        assert (ROOT / page).parent.joinpath(target).exists(), target


def test_reference_names_every_file_that_a_run_leaves_behind(tmp_path):
    bars = {**MINIMAL["bars"], "start": date(2018, 1, 2), "end": date(2020, 12, 31)}
    table = {
        **MINIMAL,
        "bars": bars,
        "features": {"indicators": []},
        "forecasters": [{"kind": "drift"}],
        "strategies": [{"kind": "trend_follow"}],
        "report": {"tear_sheets": "none"},
    }
    workspace = Workspace(tmp_path / "store", tmp_path / "runs")
    folder = run_experiment(parse_experiment(table), workspace).folder
    left = {path.name for path in folder.iterdir()}
    assert "forecasts.parquet" in left
    for page in WORDS:
        assert left <= set(spans(text_of(page))), page
