"""The page of the panic index: one self-contained file that a sceptic can open anywhere.

Made like the report (`page.py`): data, charts and glyphs are inside, a content security policy forbids
any request, both languages are in it.  It shows what was counted and what was left out, and lets a
reader go from a number to the texts behind it.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.calendar import CLOSES, ZONES
from ..core.notes import Said
from ..core.panic import ALL, DIVERGENCE, MARKET, SECTOR
from .cells import percent
from .charts import RED_UP
from .facts import Fact, classifier_facts, provenance
from .files import write_whole
from .panic_charts import calendar_of, payload
from .panic_inputs import PanicPageInput
from .panic_study import study_section
from .panic_texts import harmless, texts_payload, words_of
from .panic_words import CLEANING, SETTINGS, WEIGHTS, both, named
from .template import asset, environment, library, script_json, with_font

__all__ = ["PanicPageInput", "render_panic_page", "write_panic_page"]

_SHOWN_SOURCES = 3
_MOST_BYTES = 2_900_000
_AROUND = 1_250_000  # library, styles, scripts, a study's pictures, and three thousand glyphs
_LEAST_TEXTS = 200_000
_HASH = re.compile(r"[0-9a-f]{12,}")
_TABLE = ("session", "panic", "quality", "z", "texts", "effective", "attention", "agreement")


@dataclass(frozen=True)
class _Reader:
    """Who read the texts, and how good it is on texts held back."""

    name: str
    said: Said | None


def write_panic_page(inputs: PanicPageInput, path: Path) -> Path:
    """Write the page to `path`, whole or not at all, and return the path.

    Every text from outside (posts, sources, names, facts) is escaped.  Raises `DataError` for texts
    without a usable score.
    """
    return write_whole(render_panic_page(inputs), path)


def render_panic_page(inputs: PanicPageInput) -> str:
    """The page as one string of HTML; the same inputs give the same bytes."""
    template = environment(both=both, named=named).get_template("panic.html.j2")
    data = payload(inputs)
    room = max(_LEAST_TEXTS, _MOST_BYTES - _AROUND - len(script_json(data).encode()))
    data["texts"] = texts_payload(inputs, calendar_of(inputs), data["scopes"], room)
    page = template.render(**_context(inputs, data))
    return with_font(page, words_of(data["texts"]))


def _context(inputs: PanicPageInput, data: dict[str, Any]) -> dict[str, Any]:
    calendar = calendar_of(inputs)
    drawn, scopes = len(data["scopes"]), inputs.panic.scopes
    left = both("scopes_left", drawn=drawn, all=len(scopes)) if drawn < len(scopes) else None
    heads = [both(f"value_{key}") for key in _TABLE]
    implied = [Said(one["name"], one["name"]) for one in data["implied"]]
    return {
        "inputs": inputs,
        "first": f"{calendar[0]:%Y-%m-%d}",
        "last": f"{calendar[-1]:%Y-%m-%d}",
        "sessions": len(calendar),
        "counted": _counted(inputs),
        "sources": _sources(inputs),
        "symbols": sum(s != MARKET and not s.startswith(SECTOR) for s in scopes),
        "reader": _reader(inputs),
        "low": f"{100 - inputs.extreme:g}",
        "high": f"{inputs.extreme:g}",
        "red_up": inputs.calendar in RED_UP,
        "implied": bool(implied),
        "scopes_left": left,
        "unknown": _unknown(inputs),
        "heads": [*heads, *implied, both("value_close")],
        "zone": ZONES[inputs.calendar],
        "texts_left": _texts_left(data["texts"], calendar),
        "study": None if inputs.study is None else study_section(inputs.study),
        "settings_of": {k: f"{v:g}" for k, v in _numbers(inputs).items()},
        "cutoff": inputs.settings.cutoff or both("at_the_close", clock=CLOSES[inputs.calendar]),
        "settings": _settings(inputs),
        "classifier": classifier_facts(inputs.classifier),
        "cleaning": _cleaning(inputs),
        "cleaning_remarks": () if inputs.cleaning is None else inputs.cleaning.remarks,
        "provenance": provenance(inputs.facts),
        "css": asset("report.css") + asset("panic.css"),
        "library": library(),
        "script": asset("kit.js") + asset("panic.js"),
        "payload": script_json(data),
    }


def _unknown(inputs: PanicPageInput) -> Said | None:
    """How much of the view shown first is no information."""
    if inputs.audience == DIVERGENCE:
        share = float(inputs.panic.divergence(inputs.scope).isna().mean())
    else:
        quality = inputs.panic.one(inputs.scope, inputs.audience)["quality"]
        share = float((quality == "none").mean())
    return both("without_information", share=percent(share)) if share else None


def _counted(inputs: PanicPageInput) -> int | None:
    """Texts that the index counted: those of the market, everyone."""
    if MARKET not in inputs.panic.scopes or ALL not in inputs.panic.audiences:
        return None
    return int(inputs.panic.one(MARKET)["texts"].sum())


def _sources(inputs: PanicPageInput) -> Said | None:
    """The sources of the texts, most texts first."""
    if inputs.texts is None:
        return None
    names = [harmless(str(name)) for name in inputs.texts.frame["source"].value_counts().index if name]
    if len(names) > _SHOWN_SOURCES:
        return both("sources_more", name=names[0], n=len(names) - 1, all=len(names))
    return Said(", ".join(names), "、".join(names)) if names else None


def _reader(inputs: PanicPageInput) -> _Reader | None:
    facts = inputs.classifier
    name = facts.get("name") or facts.get("model") or facts.get("kind")
    if name is None:
        return None
    accuracy, majority = (_share(facts.get(key)) for key in ("accuracy", "majority"))
    said = None
    if accuracy is not None and majority is not None:
        said = both("read_better", accuracy=accuracy, majority=majority)
    if _HASH.fullmatch(str(name)):  # a model that was trained for the experiment has no other name
        name = f"{facts.get('kind', '')} {str(name)[:8]}…".strip()
    return _Reader(str(name), said)


def _share(value: object) -> str | None:
    """A share as a percentage, None for what is no number."""
    try:
        return percent(float(str(value)))
    except ValueError:
        return None


def _texts_left(texts: dict[str, Any], calendar: Any) -> list[Said]:
    """What the page does not hold of the texts that were counted."""
    if not texts:
        return [both("no_texts")]
    said = []
    if len(texts["rows"]) < texts["all"]:
        numbers = {"all": f"{texts['all']:,}", "kept": f"{len(texts['rows']):,}", "per": texts["per"]}
        said.append(both("texts_left", **numbers))
    if texts["from"]:
        first = calendar[min(texts["from"], len(calendar) - 1)]
        said.append(both("texts_left_early", first=f"{first:%Y-%m-%d}"))
    return said


def _numbers(inputs: PanicPageInput) -> dict[str, float]:
    found = inputs.settings.model_dump()
    return {k: float(v) for k, v in found.items() if isinstance(v, int | float)}


def _settings(inputs: PanicPageInput) -> tuple[Fact, ...]:
    """Every constant of the index; one that has no words here stands under its own name."""
    found = []
    for key, value in inputs.settings.model_dump(mode="json").items():
        label = SETTINGS.get(key, Said(key, key))
        if key == "cutoff" and not value:
            said = both("at_the_close", clock=CLOSES[inputs.calendar])
        elif isinstance(value, bool):
            said = Said("yes", "是") if value else Said("no", "否")
        else:
            text = f"{value:g}" if isinstance(value, float) else str(value)
            said = WEIGHTS.get(text, Said(text, text)) if key == "weights" else Said(text, text)
        found.append(Fact(label, said))
    return tuple(found)


def _cleaning(inputs: PanicPageInput) -> tuple[Fact, ...]:
    """What cleaning found by reason, and whether that was left out or only counted."""
    report = inputs.cleaning
    if report is None:
        return ()
    found = [
        _count("cleaning_texts", report.texts),
        _count("cleaning_kept", report.texts - report.dropped),
    ]
    rows = report.counts[report.counts["reason"] != ""]
    for (reason, dropped), part in rows.groupby(["reason", "dropped"]):
        label = CLEANING.get(str(reason), Said(str(reason), str(reason)))
        key = "cleaning_dropped" if dropped else "cleaning_counted"
        found.append(Fact(label, both(key, n=f"{int(part['texts'].sum()):,}")))
    return tuple(found)


def _count(key: str, number: int) -> Fact:
    return Fact(both(key), Said(f"{number:,}", f"{number:,}"))
