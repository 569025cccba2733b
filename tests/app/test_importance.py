import numpy as np
import pandas as pd
import pytest

from qushi.app.config import read_experiment
from qushi.app.importance import importance_of
from qushi.app.page import write_page
from qushi.app.run import run_experiment
from qushi.app.workspace import Workspace
from qushi.core import FitError
from qushi.forecasters import Forecaster, LastFold, Prediction, Windows
from qushi.forecasters.windows import Panel
from tiny import write_tiny


class Notes:
    """Keeps what is said."""

    def __init__(self):
        self.said, self.tasks = [], []

    def begin(self, task, total):
        self.tasks.append((task, total))

    def advance(self, task, steps=1):
        pass

    def note(self, message):
        self.said.append(message)


class First(Forecaster):
    """Says its first feature, or fails where it is told to."""

    fails: bool = False

    def fit(self, train, valid, *, seed=0, progress=None, checkpoint=None):
        raise NotImplementedError

    def predict(self, windows):
        if self.fails:
            raise FitError("too hot to think")
        return Prediction(value=windows.last()[:, 0].astype(float))


def last_fold(model: Forecaster, known: int = 30) -> LastFold:
    rng = np.random.default_rng(0)
    days = np.arange("2020-01-01", 40, dtype="datetime64[D]").astype("datetime64[ns]")
    values = rng.normal(size=(40, 2)).astype(np.float32)
    symbols = np.repeat("a", 40).astype(object)
    panel = Panel(values, ("x", "y"), np.ones(40), symbols, days, np.zeros(40, dtype=np.int64))
    label = np.where(np.arange(40) < known, values[:, 0].astype(float), np.nan)
    return LastFold(model, Windows(panel, np.arange(40), 1), label)


def test_importance_has_the_model_and_the_seed_beside_each_feature():
    table = importance_of({("first", 0): last_fold(First()), ("first", 3): last_fold(First())})
    assert table[["model", "seed", "feature"]].to_numpy().tolist() == [
        ["first", 0, "x"],
        ["first", 0, "y"],
        ["first", 3, "x"],
        ["first", 3, "y"],
    ]
    assert set(table["windows"]) == {30}
    assert (table.loc[table["feature"] == "x", "loss_increase"] > 0.5).all()


def test_a_model_that_fails_costs_its_own_rows_and_is_told():
    notes = Notes()
    folds = {("bad", 1): last_fold(First(fails=True)), ("good", 0): last_fold(First())}
    table = importance_of(folds, notes)
    assert set(table["model"]) == {"good"}
    assert len(notes.said) == 1
    assert "bad (seed 1)" in notes.said[0]
    assert "too hot to think" in notes.said[0]


@pytest.mark.parametrize("folds", [{}, {("young", 0): last_fold(First(), known=1)}])
def test_without_outcomes_there_is_nothing(folds):
    notes = Notes()
    assert importance_of(folds, notes).empty
    assert notes.said == []
    assert len(notes.tasks) == len(folds)


def test_run_draws_importance_where_it_is_asked_for_and_only_there(tmp_path):
    asked = {'tear_sheets = "none"': 'tear_sheets = "none"\nimportance = true'}
    path = write_tiny(tmp_path, **asked)
    place = Workspace(tmp_path / "store", tmp_path / "runs")
    folder = run_experiment(read_experiment(path), place).folder
    table = pd.read_parquet(folder / "importance.parquet")
    assert set(table["model"]) == {"momentum", "lstm"}
    rule = table[table["model"] == "momentum"]
    assert (rule["loss_increase"] == 0).all()
    assert table.loc[table["model"] == "lstm", "loss_increase"].abs().max() > 0
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert 'id="by-feature"' in page
    assert 'id="by-epoch"' in page
    # An older run has neither table: its page is drawn without them.
    for name in ("importance", "fits"):
        (folder / f"{name}.parquet").unlink()
    older = write_page(folder).read_text(encoding="utf-8")
    assert 'id="by-feature"' not in older
    assert 'id="by-epoch"' not in older

    plain = run_experiment(read_experiment(write_tiny(tmp_path)), place)
    assert not (plain.folder / "importance.parquet").exists()
