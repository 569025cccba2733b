"""The classifier of an experiment: trained once, found again, measured where labels allow it."""

import pandas as pd
import pytest

from qushi.app.classify import check_by_symbol, prepare_classifier
from qushi.app.experiment_file import ClassifierSettings
from qushi.app.workspace import Workspace
from qushi.core import ConfigError, Texts

TRAINING = {"hidden": 16, "heads": 2, "layers": 1, "epochs": 1, "vocabulary": 300}
LABELLED = [
    ("neg", "跌停了，亏麻了"),
    ("pos", "涨停了，赚翻了"),
    ("neg", "割肉走人"),
    ("pos", "满仓加仓"),
]


class Recorder:
    def __init__(self):
        self.tasks, self.notes = [], []

    def begin(self, task, total):
        self.tasks.append(task)

    def advance(self, task, steps=1):
        pass

    def note(self, message):
        self.notes.append(message)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return Workspace(tmp_path_factory.mktemp("store"), tmp_path_factory.mktemp("runs"))


def settings(**more):
    return ClassifierSettings.parse({"labels": "sample", "training": TRAINING, **more}, "[classifier]")


def test_classifier_is_trained_once_and_found_again(place):
    first, second = Recorder(), Recorder()
    one = prepare_classifier(settings(), place, progress=first)
    two = prepare_classifier(settings(), place, progress=second)
    assert "training the classifier" in first.tasks
    assert "training the classifier" not in second.tasks
    assert one.classifier.fingerprint == two.classifier.fingerprint
    assert one.check.empty
    changed = settings(training={**TRAINING, "seed": 1})
    assert prepare_classifier(changed, place).classifier.fingerprint != one.classifier.fingerprint


def test_interrupted_training_goes_on_after_its_last_whole_epoch(tmp_path):
    class Stops(Recorder):
        def advance(self, task, steps=1):
            self.steps = getattr(self, "steps", 0) + steps
            if self.steps > half:
                raise KeyboardInterrupt

    class Counts(Recorder):
        def begin(self, task, total):
            super().begin(task, total)
            self.total, self.calls = total, []

        def advance(self, task, steps=1):
            self.calls.append(steps)

    place = Workspace(tmp_path / "store", tmp_path / "runs")
    twice = settings(training={**TRAINING, "epochs": 2})
    whole = Counts()
    expected = prepare_classifier(twice, Workspace(tmp_path / "whole", tmp_path), progress=whole)
    half = whole.total // 2
    with pytest.raises(KeyboardInterrupt):
        prepare_classifier(twice, place, progress=Stops())
    resumed = Counts()
    ready = prepare_classifier(twice, place, progress=resumed)
    assert resumed.calls == [half] + [1] * half
    assert ready.classifier.fingerprint == expected.classifier.fingerprint
    assert not list((place.checkpoints / "classifier").iterdir())


def posts():
    at = pd.to_datetime(["2024-01-02 10:00", "2024-01-02 10:00", "2024-01-03 09:00"])
    at = at.tz_localize("Asia/Shanghai").tz_convert("UTC")
    table = pd.DataFrame({"id": ["a", "b", "c"], "published_at": at, "audience": "public"})
    table["symbol"] = ["600519.SH", "000001.SZ", "000001.SZ"]
    table["body"] = ["跌停了，亏麻了！", "涨停了，赚翻了", "割肉走人"]
    return Texts.from_frame(table)


def test_check_counts_each_text_for_the_symbol_of_the_same_moment_and_words(place):
    ready = prepare_classifier(settings(), place)
    labelled = pd.DataFrame(LABELLED, columns=["label", "text"])
    labelled["time"] = ["2024-01-02 10:00", "2024-01-02 10:00", "2024-01-04 09:00", "2024-01-02 10:00"]
    found = check_by_symbol(ready.classifier, labelled, posts()).set_index("symbol")
    assert found["texts"].to_dict() == {"000001.SZ": 1, "600519.SH": 1, "all": 4}
    assert found.loc["all", "majority"] == 0.5


def test_check_texts_are_taken_out_of_training(place, tmp_path):
    from qushi.sentiment import sample_labels

    known = sample_labels().head(3).assign(time="2024-01-02 10:00")
    known.to_csv(tmp_path / "check.csv", index=False)
    recorder = Recorder()
    ready = prepare_classifier(
        settings(check={"path": str(tmp_path / "check.csv")}), place, posts(), recorder
    )
    rows = len(sample_labels())
    facts = ready.classifier.facts
    assert (facts["rows"], facts["held_out"], facts["kept"]) == (rows, 3, rows - 3)
    assert any("3 held out for an evaluation" in note for note in recorder.notes)
    assert ready.check.set_index("symbol").loc["all", "texts"] == 3


def test_classifier_needs_a_model_or_labels_and_not_both():
    for table in ({}, {"labels": "sample", "model": "somewhere"}):
        with pytest.raises(ConfigError, match="either 'model'"):
            ClassifierSettings.parse(table, "[classifier]")
