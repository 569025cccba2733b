"""What `qushi sentiment train` and `evaluate` print: the same tables for both."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import typer

from ..core import ConfigError
from ..sentiment import Evaluation, TrainingReport
from .shell import emit_table
from .tables import write_table

_SHOWN = 5  # conflicting texts that a terminal names


def read_names(items: Sequence[str] | None) -> dict[str, str] | None:
    """`--labels 利好=pos,利空=neg`, repeatable, as a table; None where it was not given."""
    names: dict[str, str] = {}
    for part in ",".join(items or []).split(","):
        theirs, equals, ours = part.partition("=")
        if not part.strip():
            continue
        if not equals or not theirs.strip() or not ours.strip():
            raise ConfigError(f"--labels takes NAME=pos,NAME=neg, received {part.strip()!r}")
        names[theirs.strip()] = ours.strip()
    return names or None


def show_figures(found: Evaluation, table: pd.DataFrame) -> None:
    """Accuracy in a sentence, then scorers side by side, labels, and what was taken for what."""
    typer.echo(
        f"accuracy {found.accuracy:.1%} on {found.rows} texts, macro F1 {found.macro_f1:.3f}; "
        f"always naming the most frequent label gets {found.majority:.1%}"
    )
    if not table.empty:
        emit_table(table, as_json=False, digits=3)
    emit_table(found.per_label.rename_axis("label").reset_index(), as_json=False, digits=3)
    counts = found.confusion.rename_axis("labelled, read as").reset_index()
    emit_table(counts, as_json=False)
    if not found.reliability.empty:
        emit_table(found.reliability, as_json=False, digits=2)


def show_conflicts(conflicts: pd.DataFrame, file: Path | None) -> None:
    """The first texts that carry several labels; all of them go to `file`."""
    if conflicts.empty:
        return
    typer.echo(f"{len(conflicts)} texts carry several labels; none of them was used")
    emit_table(conflicts.head(_SHOWN), as_json=False)
    if file is None:
        typer.echo("all of them: --conflicts FILE")
    else:
        typer.echo(f"all of them: {file.resolve()}")


def write_conflicts(conflicts: pd.DataFrame, file: Path | None) -> None:
    """Write them to a CSV or Parquet file, where one was asked for."""
    if file is not None:
        write_table(conflicts, file)


def train_json(report: TrainingReport) -> Mapping[str, Any]:
    """A training as one JSON document."""
    return {
        "folder": str(report.folder.resolve()),
        **report.evaluation.as_json(),
        "judged_on": "validation" if report.test is None else "test",
        "validation": report.validation.as_json(),
        "temperature": report.temperature,
        "comparison": report.comparison.to_dict("records"),
        "cleaning": {
            "rows": report.clean.rows,
            "empty": report.clean.empty,
            "duplicates": report.clean.duplicates,
            "conflicting": report.clean.conflicting,
            "held_out": report.clean.held_out,
            "kept": report.clean.kept,
            "conflicts": report.clean.conflicts.to_dict("records"),
        },
        "epochs": [vars(epoch) for epoch in report.epochs],
        "best_epoch": report.best_epoch,
        "knowledge_cutoff": report.knowledge_cutoff,
        "seconds": report.seconds,
        "warnings": list(report.warnings),
    }
