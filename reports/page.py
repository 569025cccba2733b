"""The comparison page: one self-contained `report.html` that a sceptic can open anywhere.

Everything is inside the file: data, charts (TradingView's lightweight-charts), the glyphs of the
characters on the page.  A content security policy forbids any request, so "asks no host" is enforced by
the reader's own browser.  Both languages are in the page; a button shows one.
"""

from pathlib import Path
from typing import Any

from ..core.calendar import PER_YEAR
from . import model_charts, quality_table, refusal_tables, summary, tables
from .charts import RED_UP, payload
from .facts import classifier_facts, provenance
from .files import write_whole
from .inputs import ReportInput
from .sentences import warned
from .template import asset, environment, library, script_json, with_font
from .words import both, named


def write_report(inputs: ReportInput, path: Path) -> Path:
    """Write the page to `path`, whole or not at all, and return the path.

    Every text from outside (names, descriptions, config, reasons, facts) is escaped.
    """
    return write_whole(render(inputs), path)


def render(inputs: ReportInput) -> str:
    """The page as one string of HTML.

    The same inputs give the same bytes: nothing of the moment or the machine is added here.
    """
    words = environment(both=both, named=named)
    return with_font(words.get_template("report.html.j2").render(**_context(inputs)))


def _context(inputs: ReportInput) -> dict[str, Any]:
    data = payload(inputs)
    first, last = inputs.window
    per_year = PER_YEAR[inputs.bars.calendar]
    symbols = inputs.bars.symbols
    drawn = len(data["symbols"])
    tested = inputs.bars.sessions
    warnings, folded = warned(inputs)
    at_close = any(r.conditions.get("filled") == "next close" for r in inputs.results)
    return {
        "inputs": inputs,
        "first": f"{first:%Y-%m-%d}",
        "last": f"{last:%Y-%m-%d}",
        "sessions": int(((tested >= first) & (tested <= last)).sum()),
        "symbols": symbols[:12],
        "symbols_left": max(0, len(symbols) - 12),
        "per_year": per_year,
        "filled": both("filled_close" if at_close else "filled_open"),
        "red_up": inputs.bars.calendar in RED_UP,
        "warnings": warnings,
        "folded": folded,
        "short": summary.in_short(inputs),
        "strategies": tables.strategies(inputs) if inputs.results else None,
        "unlike": len({r.conditions_hash for r in inputs.results}) > 1,
        "quality": quality_table.quality(inputs),
        "intervals": quality_table.intervals(inputs),
        "by_step": model_charts.error_by_step(inputs.quality),
        "reliability": model_charts.reliability_plots(inputs.reliability),
        "losses": model_charts.loss_plots(inputs.fits),
        "importance": model_charts.importance_plots(inputs.importance),
        "against": _against(data["forecasts"]),
        "refusals": refusal_tables.by_reason(inputs),
        "largest_refusals": refusal_tables.largest(inputs),
        "data_table": tables.data(inputs),
        "fits": tables.fits(inputs),
        "alignment": tables.alignment(inputs),
        "classifier": classifier_facts(inputs.classifier),
        "provenance": provenance(inputs.facts),
        "classifier_check": tables.classifier_check(inputs),
        "drawn_note": both("drawn_some", drawn=drawn, all=len(symbols))
        if drawn < len(symbols)
        else None,
        "has_panic": bool(data["panic"]),
        "css": asset("report.css"),
        "library": library(),
        "script": asset("kit.js") + asset("forecast.js") + asset("report.js"),
        "payload": script_json(data),
    }


def _against(found: dict[str, Any]) -> dict[str, Any] | None:
    """What the template needs of the forecast charts: what was left out, and whether steps differ."""
    if not found:
        return None
    return {
        "capped": both("capped", kept=found["kept"], drawn=found["drawn"], all=found["all"]),
        "steps": any(len(model["steps"]) > 1 for model in found["models"]),
    }
