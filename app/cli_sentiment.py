"""`qushi sentiment`: the classifier that reads the texts."""

from pathlib import Path
from typing import Annotated, Any

import typer

from .options import parse_settings
from .shell import Json, emit, emit_table, guarded, show_path, workspace

app = typer.Typer(help="Text classifier: train, evaluate, score.", no_args_is_help=True)

Model = Annotated[str, typer.Option(help="A model folder, or a hub id.")]
Labels = Annotated[Path, typer.Argument(help="CSV with label (neg, neu, pos) and text, or JSON pairs.")]


@app.command()
@guarded
def train(
    labels: Labels,
    out: Annotated[Path, typer.Option(help="Folder for the trained model.")],
    base: Annotated[
        str, typer.Option(help="Model folder or hub id to fine-tune; default: small, from scratch.")
    ] = "",
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="A training setting, e.g. epochs=3. Repeatable."
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Train a classifier from labelled texts and say how good it is on texts held back."""
    from ..sentiment import TrainingSettings, read_labels, train_classifier
    from .console import ConsoleProgress

    table: dict[str, Any] = parse_settings(set_)
    if base:
        table["base"] = base
    settings = TrainingSettings.parse(table, "--set")
    with ConsoleProgress(quiet=json) as progress:
        unfinished = workspace().checkpoints / "classifier"
        report = train_classifier(read_labels(labels), settings, out, progress, unfinished)
    found = report.validation
    if json:
        emit(
            {
                "folder": str(report.folder.resolve()),
                "accuracy": found.accuracy,
                "majority": found.majority,
                "balanced_accuracy": found.balanced_accuracy,
                "texts": found.rows,
                "seconds": report.seconds,
                "warnings": list(report.warnings),
            }
        )
        return
    typer.echo(
        f"accuracy {found.accuracy:.1%} on {found.rows} texts held back; "
        f"always naming the most frequent label gets {found.majority:.1%}"
    )
    for warning in report.warnings:
        typer.echo(f"note: {warning}")
    show_path("model", report.folder)


@app.command()
@guarded
def evaluate(labels: Labels, model: Model, json: Json = False) -> None:
    """How often a classifier is right on labelled texts, beside the most frequent label."""
    from ..sentiment import Classifier, read_labels
    from ..sentiment import evaluate as evaluate_
    from .console import ConsoleProgress

    table = read_labels(labels)
    with ConsoleProgress(quiet=json) as progress:
        found = evaluate_(Classifier.load(model), table, progress=progress)
    if json:
        emit(
            {
                "texts": found.rows,
                "accuracy": found.accuracy,
                "majority": found.majority,
                "balanced_accuracy": found.balanced_accuracy,
                "confusion": found.confusion.to_dict("index"),
                "per_label": found.per_label.to_dict("index"),
            }
        )
        return
    typer.echo(
        f"accuracy {found.accuracy:.1%} on {found.rows} texts, most frequent label "
        f"{found.majority:.1%}, balanced accuracy {found.balanced_accuracy:.1%}"
    )
    emit_table(found.per_label.rename_axis("label").reset_index(), as_json=False, digits=3)


@app.command()
@guarded
def score(
    file: Annotated[
        Path, typer.Argument(help="CSV or Parquet with a column text; other columns are kept.")
    ],
    model: Model,
    out: Annotated[
        Path | None, typer.Option(help="Write here: .csv or .parquet. Default: print.")
    ] = None,
    text: Annotated[str, typer.Option(help="Name of the text column.")] = "text",
    json: Json = False,
) -> None:
    """Score texts: probability of negative, neutral and positive."""
    from ..core import DataError
    from ..sentiment import Classifier
    from .console import ConsoleProgress
    from .tables import check_writable, read_table, write_table

    if out is not None:
        check_writable(out)
    table = read_table(file)
    if text not in table.columns:
        raise DataError(f"{file.name} has no column {text!r}: it has {list(table.columns)}; see --text")
    texts = table[text].fillna("").astype(str).str.strip().tolist()
    with ConsoleProgress(quiet=json) as progress:
        scores = Classifier.load(model).probabilities(texts, progress=progress)
    for column, name in enumerate(("p_neg", "p_neu", "p_pos")):
        table[name] = scores[:, column]
    if out is None:
        emit_table(table, as_json=json)
        return
    write_table(table, out)
    if json:
        emit({"rows": len(table), "out": str(out.resolve())})
    else:
        show_path("scores", out)
