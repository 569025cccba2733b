"""The tables of an experiment file, each the keyword arguments of one class.

Kinds are looked up elsewhere (`config.py`); here stands what may be written, and what is assumed where
nothing is.
"""

from datetime import date
from pathlib import Path
from typing import Any, Literal
from zoneinfo import available_timezones

from pydantic import Field, field_validator, model_validator

from ..backtests import Broker
from ..core import Settings
from ..core.errors import near_names
from ..forecasters import FeatureSet, WalkForward
from ..forecasters.series import Form
from ..sentiment import LinearSettings, PanicSettings, TrainingSettings
from ..sentiment.cleaning.cleaner import TextCleaning
from ..sentiment.cleaning.naming import NameSettings
from ..sentiment.index.sectors import SectorSettings
from ..sentiment.scorers.scoring import Precision, ScorerKind
from ..sentiment.study.settings import StudySettings

Language = Literal["en", "zh"]
Window = tuple[str | None, str | None]


class SourceWindow(Settings):
    """`start` and `end` of a source's table: both days included, everything where left out."""

    start: date | None = None
    end: date | None = None

    @property
    def days(self) -> tuple[str | None, str | None]:
        """Both as the sources take them."""
        start = None if self.start is None else f"{self.start}"
        return start, None if self.end is None else f"{self.end}"


class BarsWindow(SourceWindow):
    """What `[bars]` says beside its source: which symbols, from when to when.

    No symbols, or the word "all", are all that the source lists.
    """

    symbols: tuple[str, ...] = ()

    @field_validator("symbols", mode="before")
    @classmethod
    def _all(cls, given: object) -> object:
        return () if given == "all" else given


class BenchmarkSettings(Settings):
    """`[benchmark]`: the series every strategy is held against; default: equal weight of the symbols."""

    symbol: str
    source: dict[str, Any] | None = None
    """A table like `[bars]`, where the benchmark comes from another source than the bars."""


class SeriesSettings(Settings):
    """One `[[series]]`: values from outside the bars that `[features]` can name.

    symbol, source
        Closes of another symbol; `source` is a table like `[bars]` where it comes from elsewhere.
    file
        Or a CSV or Parquet file, with its columns `date` and `value`.
    date_format
        As in `strptime`; empty reads ISO dates, with or without clock and zone.
    zone
        Zone of dates without one; empty: that of the bars' exchange.
    published
        Local time at which the value of a date is known; empty: at the end of that date.
    forms, lag, max_age
        As in `forecasters.series`.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9_]+$")
    symbol: str | None = None
    source: dict[str, Any] | None = None
    file: Path | None = None
    date: str = "date"
    value: str = "value"
    date_format: str = ""
    zone: str = ""
    published: str = Field(default="", pattern=r"^(([01]\d|2[0-3]):[0-5]\d)?$")
    forms: tuple[Form, ...] = Field(default=("level",), min_length=1)
    lag: int = Field(default=0, ge=0)
    max_age: int = Field(default=10, ge=0)

    @field_validator("zone")
    @classmethod
    def _a_zone(cls, zone: str) -> str:
        if zone and zone not in available_timezones():
            raise ValueError(f"no such time zone: {near_names(zone, available_timezones())}")
        return zone

    @model_validator(mode="after")
    def _one_of_two(self) -> "SeriesSettings":
        if (self.symbol is None) == (self.file is None):
            raise ValueError(f"the series {self.name!r} takes either a 'symbol' or a 'file'")
        if self.file is not None and self.source is not None:
            raise ValueError(f"the series {self.name!r} has a file: leave out 'source'")
        told = ("date", "value", "date_format", "zone", "published")
        fields = type(self).model_fields
        idle = [key for key in told if getattr(self, key) != fields[key].default]
        if self.symbol is not None and idle:
            raise ValueError(f"the series {self.name!r} has no file: leave out {idle[0]!r}")
        return self


class ForecastFile(Settings):
    """`[forecasts]`: forecasts made elsewhere, as CSV or Parquet.

    Columns: `session` (known at its close), `symbol`, `expected_return` and/or `p_up`, optionally
    `model` and `seed`.  Nothing is known of how they were fitted, and the report says so.
    """

    file: Path


class CheckSettings(Settings):
    """`[classifier.check]`: texts labelled by hand, to measure the classifier where it is used.

    `label`, `text` and `time` name the columns; a labelled text that is found among the experiment's
    texts (same moment, same words) is counted for its symbol.  None of them may stand in training.
    """

    path: str
    label: str = "label"
    text: str = "text"
    time: str = "time"


class ClassifierSettings(Settings):
    """`[classifier]`: what reads the texts: a trained model, labels to train one from, or word lists.

    kind
        "transformer", "linear" (character TF-IDF with logistic regression) or "dictionary".
    model
        A local folder or hub id; of a dictionary its name.
    labels
        `"sample"`, or a file of labelled texts: CSV, Parquet, JSON, JSON lines.
    label, text, time
        Its columns; without `time` the labels are undated.
    label_names
        What its labels mean, where they are not the usual words: `{ 利好 = "pos", 利空 = "neg" }`.
    linear
        How a linear classifier is trained.
    refit_every
        Train again every so many sessions, on the labels known by then: each text is read by a model
        that is older than it.  Left out: one model, from all labels.
    label_delay
        Days after its time from which a label may be learned from.
    min_labels
        Labels that the first of several models needs.
    contaminated
        Whether a classifier may read texts that it may have learned from.  Otherwise that is an error.
    precision
        How a transformer computes; each is another scorer with scores of its own.
    output_names
        What a transformer's outputs mean where it does not say: `["neg", "neu", "pos"]` in their order,
        or a table of its own names: `{ LABEL_0 = "neg", LABEL_1 = "pos" }`.
    """

    kind: ScorerKind = "transformer"
    model: str | None = None
    labels: str | None = None
    label: str = "label"
    text: str = "text"
    time: str = ""
    label_names: dict[str, str] = Field(default_factory=dict)
    precision: Precision = "float32"
    output_names: tuple[str, ...] | dict[str, str] = ()
    training: TrainingSettings = TrainingSettings()
    linear: LinearSettings = LinearSettings()
    refit_every: int | None = Field(default=None, ge=1)
    label_delay: float = Field(default=1.0, ge=0)
    min_labels: int = Field(default=200, ge=10)
    contaminated: bool = False
    check: CheckSettings | None = None

    @model_validator(mode="after")
    def _one_of_two(self) -> "ClassifierSettings":
        if self.kind == "dictionary":
            if self.labels is not None:
                raise ValueError("a dictionary is not trained: leave out 'labels'")
        elif (self.model is None) == (self.labels is None):
            raise ValueError(
                "[classifier] takes either 'model' (a trained one) or 'labels' (to train from)"
            )
        if self.kind != "transformer" and (self.precision != "float32" or self.output_names):
            idle = "precision" if self.precision != "float32" else "output_names"
            raise ValueError(f"a {self.kind} scorer has no {idle!r}: leave it out")
        return self

    @model_validator(mode="after")
    def _dated(self) -> "ClassifierSettings":
        if self.refit_every is not None and (self.labels is None or not self.time):
            raise ValueError("refit_every needs 'labels' and the column of their times, 'time'")
        return self

    @property
    def source(self) -> str | None:
        """What `load_scorer` takes; None where the model is trained from labels."""
        if self.kind == "dictionary" and not (self.model or "").startswith("dictionary:"):
            return f"dictionary:{self.model}" if self.model else "dictionary"
        return self.model


class ReportSettings(Settings):
    """`[report]`."""

    tear_sheets: Literal["all", "none"] | tuple[str, ...] = "all"
    """Results that get a QuantStats page of their own."""
    importance: bool = False
    """Whether to measure what each model looks at, by permutation."""


class BacktestSettings(Broker):
    """`[backtest]`: the broker's settings and the window (default: from the first forecast on)."""

    start: date | None = None
    end: date | None = None


class TuneSettings(Settings):
    """`[tune]`: how `qushi tune` searches a model's settings; a run does not read it.

    model
        Name of the model to tune; left out: the only one.
    trials
        Settings to try in all, those of earlier calls counted.
    seconds
        No trial is begun after so long; left out: no limit.
    folds
        Blocks of the inner walk-forward that a trial is validated on.
    pruner
        "median" ends a trial that is worse after a fold than half of the earlier ones were there.
    space
        What to change in the model's own search space.
    """

    model: str | None = None
    trials: int = Field(default=30, ge=1)
    seconds: float | None = Field(default=None, gt=0)
    folds: int = Field(default=3, ge=1)
    pruner: Literal["median", "none"] = "median"
    space: dict[str, Any] = Field(default_factory=dict)


class ExperimentFile(Settings):
    """The tables of an experiment file, before their kinds are looked up."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")
    description: str = ""
    language: Language = "en"
    seeds: tuple[int, ...] = Field(default=(0,), min_length=1)
    bars: dict[str, Any]
    benchmark: BenchmarkSettings | None = None
    features: FeatureSet = FeatureSet()
    series: tuple[SeriesSettings, ...] = ()
    walk_forward: WalkForward = WalkForward()
    forecasters: tuple[dict[str, Any], ...] = ()
    forecasts: ForecastFile | None = None
    tune: TuneSettings | None = None
    texts: dict[str, Any] | None = None
    names: NameSettings | None = None
    text_cleaning: TextCleaning | None = None
    classifier: ClassifierSettings | None = None
    panic: PanicSettings = PanicSettings()
    sectors: SectorSettings = SectorSettings()
    panic_study: StudySettings = StudySettings()
    strategies: tuple[dict[str, Any], ...] = ()
    backtest: BacktestSettings = BacktestSettings()
    rules: dict[str, Any] = Field(default_factory=dict)
    """`[rules]`: commission and exceptions of the market's rules."""
    report: ReportSettings = ReportSettings()

    @field_validator("seeds")
    @classmethod
    def _once(cls, seeds: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(seeds)) != len(seeds):
            raise ValueError("name every seed once")
        return seeds

    @model_validator(mode="after")
    def _series_there(self) -> "ExperimentFile":
        names = [one.name for one in self.series]
        if len(set(names)) != len(names):
            raise ValueError(f"[[series]] have the names {', '.join(names)}: use each of them once")
        asked = [("[features] series", name) for name in self.features.series]
        asked += [("[panic_study] implied", name) for name in self.panic_study.implied]
        for where, name in asked:
            if name not in names:
                raise ValueError(f"{where}: no [[series]] {name!r}: {near_names(name, names)}")
        return self
