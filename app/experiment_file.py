"""The tables of an experiment file, each the keyword arguments of one class.

Kinds are looked up elsewhere (`config.py`); here stands what may be written, and what is assumed where
nothing is.
"""

from datetime import date
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from ..backtests import Broker
from ..core import Settings
from ..forecasters import FeatureSet, WalkForward
from ..sentiment import PanicSettings, TrainingSettings

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
    """`[classifier]`: a trained model, or labels to train one from.

    model
        A local folder or hub id.
    labels
        `"sample"`, a CSV with `label` and `text`, or a JSON list of [text, label] pairs.
    """

    model: str | None = None
    labels: str | None = None
    training: TrainingSettings = TrainingSettings()
    check: CheckSettings | None = None

    @model_validator(mode="after")
    def _one_of_two(self) -> "ClassifierSettings":
        if (self.model is None) == (self.labels is None):
            raise ValueError(
                "[classifier] takes either 'model' (a trained one) or 'labels' (to train from)"
            )
        return self


class ReportSettings(Settings):
    """`[report]`."""

    tear_sheets: Literal["all", "none"] | tuple[str, ...] = "all"
    """Results that get a QuantStats page of their own."""


class BacktestSettings(Broker):
    """`[backtest]`: the broker's settings and the window (default: from the first forecast on)."""

    start: date | None = None
    end: date | None = None


class ExperimentFile(Settings):
    """The tables of an experiment file, before their kinds are looked up."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")
    description: str = ""
    language: Language = "en"
    seeds: tuple[int, ...] = Field(default=(0,), min_length=1)
    bars: dict[str, Any]
    benchmark: BenchmarkSettings | None = None
    features: FeatureSet = FeatureSet()
    walk_forward: WalkForward = WalkForward()
    forecasters: tuple[dict[str, Any], ...] = ()
    forecasts: ForecastFile | None = None
    texts: dict[str, Any] | None = None
    classifier: ClassifierSettings | None = None
    panic: PanicSettings = PanicSettings()
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
