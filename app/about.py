"""What a run says of itself beside its tables: `about.json`, from which the page is drawn."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..backtests.runs import versions
from ..core.notes import Said
from .config import Experiment
from .experiment import Outcome
from .inputs import Inputs


def about_run(
    experiment: Experiment,
    outcome: Outcome,
    inputs: Inputs,
    notes: Sequence[Said],
    tear_sheets: Mapping[str, str],
    data: Mapping[str, str],
    seconds: float,
) -> dict[str, Any]:
    """JSON-like; `data` holds fingerprints by name, `seconds` what the pipeline took so far."""
    settings = experiment.settings
    return {
        "name": experiment.name,
        "description": settings.description,
        "language": settings.language,
        "notes": [[note.en, note.zh] for note in notes],
        "failures": [list(failure) for failure in outcome.failures],
        "classifier": {} if inputs.classifier is None else shown_facts(inputs.classifier.facts),
        "adjustment": outcome.bars.adjustment,
        "calendar": outcome.bars.calendar,
        "benchmark": str(outcome.benchmark.name),
        "tear_sheets": dict(tear_sheets),
        "facts": _facts(experiment, inputs, data, seconds),
    }


def _facts(
    experiment: Experiment, inputs: Inputs, data: Mapping[str, str], seconds: float
) -> dict[str, str]:
    """Provenance for the page: what stood where, which versions, how long."""
    facts = {
        "qushi": versions().get("qushi", ""),
        "source of bars": type(experiment.source).__name__,
        "seeds": ", ".join(map(str, experiment.settings.seeds)),
    }
    if inputs.texts is not None:
        facts["texts"] = f"{len(inputs.texts):,}"
    facts |= {f"hash of {name}": value[:16] for name, value in data.items()}
    facts |= {name: value for name, value in versions().items() if name != "qushi"}
    return {**facts, "seconds": f"{seconds:.1f}"}


def shown_facts(facts: Mapping[str, Any]) -> dict[str, str]:
    """A classifier's facts as the page shows them: flat, rounded, without the long ones."""
    shown = {}
    for key, value in facts.items():
        if isinstance(value, float):
            shown[key] = f"{value:.3f}"
        elif isinstance(value, list | tuple) and not any(isinstance(v, Mapping) for v in value):
            shown[key] = " – ".join(map(str, value))
        elif isinstance(value, str | int | bool):
            shown[key] = str(value)
        elif value is None:
            shown[key] = "unknown"
    return shown
