"""`qushi sentiment`: the classifier that reads the texts."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import counted, pair, parse_settings
from .shell import Json, Store, emit, emit_table, guarded, show_path, workspace

if TYPE_CHECKING:
    import pandas as pd

    from ..core import Progress
    from ..sentiment import TrainingReport
    from ..sentiment.scorers.scoring import Scorer

app = typer.Typer(help="Text classifier: train, evaluate, score.", no_args_is_help=True)

Model = Annotated[str, typer.Option(help="A model folder, or a hub id.")]
ScoringModel = Annotated[
    str, typer.Option("--model", help="A model folder, a hub id, or dictionary, dictionary:NAME.")
]
Labels = Annotated[
    Path, typer.Argument(help="Labelled texts: CSV, Parquet, JSON or JSON lines with label and text.")
]
Names = Annotated[
    list[str] | None,
    typer.Option(
        "--labels",
        metavar="NAME=CLASS,...",
        help="What the file's labels mean, as in 利好=pos,利空=neg; the usual words are known.",
    ),
]
LabelColumn = Annotated[str, typer.Option("--label", help="Name of the column of labels.")]
TextColumn = Annotated[str, typer.Option("--text", help="Name of the column of texts.")]
TimeColumn = Annotated[str, typer.Option("--time", help="Name of the column of times, if any.")]


@app.command()
@guarded
def train(
    labels: Labels,
    out: Annotated[Path, typer.Option(help="Folder for the trained model.")],
    kind: Annotated[
        str, typer.Option(help="transformer, or linear: character TF-IDF and logistic regression.")
    ] = "transformer",
    base: Annotated[
        str, typer.Option(help="Model folder or hub id to fine-tune; default: small, from scratch.")
    ] = "",
    test: Annotated[
        Path | None,
        typer.Option(help="Labelled texts to judge it on; they are taken out of training."),
    ] = None,
    conflicts: Annotated[
        Path | None,
        typer.Option(help="Write the texts that carry several labels here: .csv or .parquet."),
    ] = None,
    names: Names = None,
    label: LabelColumn = "label",
    text: TextColumn = "text",
    time: TimeColumn = "",
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="A training setting, e.g. epochs=3. Repeatable."
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Train a classifier from labelled texts and say how good it is on texts that it has not seen.

    Beside it, on the same texts: TF-IDF with logistic regression, the dictionaries, the most frequent
    label.
    """
    from ..sentiment import read_labels
    from .classifier_tables import (
        read_names,
        show_conflicts,
        show_figures,
        train_json,
        write_conflicts,
    )
    from .console import ConsoleProgress
    from .tables import check_writable

    if conflicts is not None:
        check_writable(conflicts)
    table: dict[str, Any] = parse_settings(set_)
    if base:
        table["base"] = base
    columns: dict[str, Any] = {"label": label, "text": text, "time": time, "labels": read_names(names)}
    rows = read_labels(labels, **columns)
    judged = None if test is None else read_labels(test, **{**columns, "time": ""})
    with ConsoleProgress(quiet=json) as progress:
        report = _train(kind, table, rows, judged, out, progress)
    write_conflicts(report.clean.conflicts, conflicts)
    if json:
        emit(train_json(report))
        return
    show_conflicts(report.clean.conflicts, conflicts)
    show_figures(report.evaluation, report.comparison)
    typer.echo(f"temperature {report.temperature:.2f}, fitted on {report.validation.rows} other texts")
    for warning in report.warnings:
        typer.echo(f"note: {warning}")
    show_path("model", report.folder)


def _train(
    kind: str,
    table: dict[str, Any],
    rows: "pd.DataFrame",
    judged: "pd.DataFrame | None",
    out: Path,
    progress: "Progress",
) -> "TrainingReport":
    from ..core import ConfigError
    from ..core.errors import near_names
    from ..sentiment import LinearSettings, TrainingSettings, train_classifier, train_linear

    if kind == "linear":
        linear = LinearSettings.parse(table, "--set")
        return train_linear(rows, linear, out, progress, test=judged)
    if kind != "transformer":
        raise ConfigError(f"--kind is {kind!r}: {near_names(kind, ('linear', 'transformer'))}")
    settings = TrainingSettings.parse(table, "--set")
    unfinished = workspace().checkpoints / "classifier"
    return train_classifier(rows, settings, out, progress, unfinished, test=judged)


@app.command()
@guarded
def evaluate(
    labels: Labels,
    model: Model,
    trained_on: Annotated[
        Path | None,
        typer.Option(
            help="The labelled texts that the model was trained on, to train TF-IDF on them; a model "
            "trained here has its own beside it."
        ),
    ] = None,
    names: Names = None,
    label: LabelColumn = "label",
    text: TextColumn = "text",
    json: Json = False,
) -> None:
    """How good a classifier is on labelled texts, beside TF-IDF, the dictionaries and the majority.

    Texts are cleaned first: each once, none with two labels, none that trained the classifier.
    """
    from ..sentiment import load_scorer, read_labels
    from ..sentiment.training.baselines import baseline_of, judge, train_baseline
    from ..sentiment.training.report import seen_by
    from .classifier_tables import read_names, show_figures
    from .console import ConsoleProgress

    columns: dict[str, Any] = {"label": label, "text": text, "labels": read_names(names)}
    table = read_labels(labels, **columns)
    with ConsoleProgress(quiet=json) as progress:
        scorer = load_scorer(model)
        linear = baseline_of(model)
        if trained_on is not None:
            linear = train_baseline(read_labels(trained_on, **columns), table, progress)
        found = judge("classifier", scorer, table, linear, progress, seen_by(model))
    if json:
        emit(
            {
                **found.evaluation.as_json(),
                "comparison": found.comparison.to_dict("records"),
                "notes": list(found.notes),
            }
        )
        return
    show_figures(found.evaluation, found.comparison)
    for note in found.notes:
        typer.echo(f"note: {note}")


@app.command()
@guarded
def score(
    model: ScoringModel,
    file: Annotated[
        Path | None,
        typer.Argument(help="CSV, Parquet or JSON lines (.jsonl) with texts; other columns are kept."),
    ] = None,
    archive: Annotated[
        bool, typer.Option("--archive", help="Score the store's texts that it has not scored yet.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="Write here: .csv, .parquet or .jsonl. Default: print.")
    ] = None,
    text: Annotated[str, typer.Option(help="Name of the text column.")] = "text",
    precision: Annotated[
        str, typer.Option(help="float32, bfloat16, int8, onnx or onnx_int8: how a transformer computes.")
    ] = "float32",
    output_names: Annotated[
        str,
        typer.Option(
            metavar="NAME,...",
            help="What a transformer's outputs mean, in order: neg,neu,pos; or LABEL_0=neg,LABEL_1=pos.",
        ),
    ] = "",
    threads: Annotated[int, typer.Option(min=1, help="CPU threads of a transformer.")] = 1,
    store: Store = None,
    json: Json = False,
) -> None:
    """Score texts: probability of negative, neutral and positive.

    What a transformer has scored is kept in the store: an interrupted call goes on from there.
    """
    from ..core import ConfigError
    from .console import ConsoleProgress
    from .score_file import check_output, score_file, survey

    if archive == (file is not None):
        raise ConfigError("give either a FILE of texts or --archive")
    if archive and out is not None:
        raise ConfigError("--archive keeps the scores in the store: leave out --out")
    if file is not None and out is not None:
        check_output(file, out)
    surveyed = None if file is None else survey(file, text)
    place = workspace(store)
    with ConsoleProgress(quiet=json) as progress:
        scorer = _scorer(model, precision, output_names, threads)
        if file is None:
            done = scorer.score_archive(place.archive, progress=progress)
        elif out is None:
            _print_scores(scorer, file, text, json)
            return
        else:
            kept = place.archive if scorer.facts["kind"] == "transformer" else None
            done = score_file(
                scorer, file, out, text=text, archive=kept, progress=progress, surveyed=surveyed
            )
    if json:
        emit({"rows": done, "out": None if out is None else str(out.resolve())})
    elif out is None:
        typer.echo(f"{counted(done, 'text')} scored")
    else:
        show_path("scores", out)


def _scorer(model: str, precision: str, output_names: str, threads: int) -> "Scorer":
    from typing import get_args

    from ..core import ConfigError
    from ..core.errors import near_names
    from ..sentiment import load_scorer
    from ..sentiment.scorers.scoring import Precision

    known = {name: name for name in get_args(Precision)}
    if precision not in known:
        raise ConfigError(f"--precision is {precision!r}: {near_names(precision, known)}")
    parts = [part.strip() for part in output_names.split(",") if part.strip()]
    if any("=" in part for part in parts):
        labels: Any = dict(pair(part, "--output-names") for part in parts)
    else:
        labels = parts
    return load_scorer(model, labels=labels, precision=known[precision], threads=threads)


def _print_scores(scorer: "Scorer", file: Path, text: str, json: bool) -> None:
    """The whole table on standard output."""
    import pandas as pd

    from .score_file import blocks, scored

    rows: list[Any] = []
    for block in blocks(file, text):
        found = scored(scorer, block)
        rows += found if isinstance(found, list) else found.to_pylist()
    emit_table(pd.DataFrame(rows), as_json=json)
