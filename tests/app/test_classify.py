"""The classifier of an experiment: trained once, found again, measured where labels allow it."""

import numpy as np
import pandas as pd
import pytest

from qushi.app.classifier_check import check_by_symbol
from qushi.app.classify import prepare_classifier
from qushi.app.config import parse_experiment
from qushi.app.experiment_file import ClassifierSettings
from qushi.app.panic import read_panic
from qushi.app.workspace import Workspace
from qushi.core import ConfigError, DataError, Texts
from qushi.sentiment import LinearScorer, LinearSettings, sample_labels, train_linear

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
    table = {"labels": "sample", "training": TRAINING, "contaminated": True, **more}
    return ClassifierSettings.parse(table, "[classifier]")


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


def test_undated_labels_are_refused_before_any_training_unless_that_is_said(tmp_path):
    place = Workspace(tmp_path / "store", tmp_path / "runs")
    silent = settings(contaminated=False)
    with pytest.raises(ConfigError, match=r"undated.*say contaminated = true"):
        prepare_classifier(silent, place, posts())
    assert not place.classifiers.exists()
    assert prepare_classifier(settings(kind="linear"), place, posts()).texts is not None


def test_a_loaded_model_that_may_know_the_texts_is_refused(place, tmp_path):
    report = train_linear(sample_labels(), LinearSettings(), tmp_path / "model")
    table = {"kind": "linear", "model": str(report.folder)}
    with pytest.raises(ConfigError, match="undated or unknown"):
        prepare_classifier(ClassifierSettings.parse(table, "[classifier]"), place, posts())
    said = ClassifierSettings.parse({**table, "contaminated": True}, "[classifier]")
    assert prepare_classifier(said, place, posts()).classifier.facts["kind"] == "linear"


DAYS = pd.bdate_range("2024-01-02", "2024-06-28")  # texts and labels of half a year


def dated_labels():
    table = sample_labels().head(520).reset_index(drop=True)
    at = pd.Series(DAYS[:-40]).sample(len(table), replace=True, random_state=0).sort_values()
    return table.assign(time=[f"{day:%Y-%m-%d} 11:00" for day in at])


def dated_texts():
    contents = sample_labels()["text"].iloc[1000:1240].tolist()
    at = pd.Series(DAYS).sample(len(contents), replace=True, random_state=1) + pd.Timedelta(hours=10)
    table = pd.DataFrame({"id": [f"t{n}" for n in range(len(contents))], "audience": "public"})
    table["published_at"] = pd.DatetimeIndex(at).tz_localize("Asia/Shanghai")
    return Texts.from_frame(table.assign(body=contents))


def refit(tmp_path, labels, texts=None, **more):
    tmp_path.mkdir(exist_ok=True)
    labels.to_csv(tmp_path / "labels.csv", index=False)
    chosen = ClassifierSettings.parse(
        {
            "kind": "linear",
            "labels": str(tmp_path / "labels.csv"),
            "time": "time",
            "refit_every": 20,
            "min_labels": 100,
            "linear": {"c": [1.0]},
            **more,
        },
        "[classifier]",
    )
    place = Workspace(tmp_path / "store", tmp_path / "runs")
    recorder = Recorder()
    ready = prepare_classifier(chosen, place, dated_texts() if texts is None else texts, recorder)
    return ready, recorder, place


@pytest.fixture(scope="module")
def refitted(tmp_path_factory):
    return refit(tmp_path_factory.mktemp("refit"), dated_labels())


def scores_of(ready):
    return ready.classifier.score(ready.texts).set_index("id")


def test_every_text_is_read_by_a_model_of_earlier_labels(refitted, tmp_path):
    ready, _, _ = refitted
    labels = dated_labels()
    times = pd.to_datetime(labels["time"]).dt.tz_localize("Asia/Shanghai")
    found = scores_of(ready)
    available = pd.Series(ready.texts.available_at.to_numpy(), index=ready.texts.frame["id"])
    available = available.dt.tz_localize("UTC") if available.dt.tz is None else available
    sinces = ready.refits["since"]
    assert len(ready.refits) >= 4
    assert (ready.refits["knowledge_cutoff"] <= sinces).all()
    for number, since in enumerate(sinces):
        late = (
            sinces.iloc[number + 1] if number + 1 < len(sinces) else pd.Timestamp.max.tz_localize("UTC")
        )
        ids = available.index[(available > since) & (available <= late)]
        known = labels[times + pd.Timedelta(days=1) <= since]
        model = train_linear(known, LinearSettings(c=(1.0,)), tmp_path / str(number))
        contents = ready.texts.frame.set_index("id").loc[ids, "body"].tolist()
        expected = LinearScorer.load(model.folder).probabilities(contents)
        assert len(ids) > 0
        np.testing.assert_array_equal(found.loc[ids].to_numpy(), expected)


@pytest.mark.parametrize("future", ["cut", "poisoned"])
def test_what_comes_later_changes_no_score(refitted, tmp_path, future):
    cut = pd.Timestamp("2024-04-10 15:00", tz="Asia/Shanghai")
    labels, texts = dated_labels(), dated_texts()
    late = pd.to_datetime(labels["time"]).dt.tz_localize("Asia/Shanghai") > cut
    if future == "cut":
        labels, texts = labels[~late], texts.until(cut)
    else:
        labels.loc[late, "label"] = labels.loc[late, "label"].map(
            {"neg": "pos", "pos": "neg", "neu": "neg"}
        )
        labels.loc[late, "text"] = labels.loc[late, "text"] + dated_labels()["text"].iloc[0]
    ready, _, _ = refit(tmp_path / "again", labels, texts)
    before = ready.texts.until(cut).frame["id"]
    assert len(before) > 50
    np.testing.assert_array_equal(
        scores_of(ready).loc[before].to_numpy(), scores_of(refitted[0]).loc[before].to_numpy()
    )


def test_texts_before_the_first_model_are_left_out_and_counted(refitted):
    ready, recorder, _ = refitted
    everything = dated_texts()
    first = ready.refits["since"].iloc[0]
    early = int((everything.available_at <= first).sum())
    assert early > 0
    assert len(ready.texts) == len(everything) - early
    assert any(f"{early} of {len(everything)} texts are older" in note for note in recorder.notes)
    with pytest.raises(DataError, match=f"{early} texts are older than the first model"):
        ready.classifier.score(everything)


def test_without_new_labels_the_model_before_goes_on(refitted):
    ready, _, place = refitted
    assert len(list(place.classifiers.iterdir())) == len(ready.refits)
    labelled_until = pd.to_datetime(dated_labels()["time"]).max().tz_localize("Asia/Shanghai")
    late = ready.refits["since"] > labelled_until + pd.Timedelta(days=30)
    assert not late.any(), "the last forty sessions have no labels of their own"


def test_a_longer_delay_keeps_labels_out(refitted, tmp_path):
    slow, _, _ = refit(tmp_path, dated_labels(), label_delay=20.0)
    merged = slow.refits.merge(refitted[0].refits, on="since", suffixes=("_slow", ""))
    assert len(merged)
    assert (merged["labels_slow"] < merged["labels"]).iloc[:-1].all()
    gap = merged["since"] - merged["knowledge_cutoff_slow"]
    assert (gap >= pd.Timedelta(days=20)).all()


def test_no_block_with_enough_labels_is_one_sentence(tmp_path):
    with pytest.raises(DataError, match="lower min_labels, or give earlier labels"):
        refit(tmp_path, dated_labels(), min_labels=5000)


def test_check_of_a_refitted_classifier_reads_each_text_at_its_time(tmp_path):
    check = sample_labels().iloc[1300:1360].assign(time="2024-05-20 10:00")
    check.iloc[:7, check.columns.get_loc("time")] = "2024-01-02 10:00"
    check.iloc[7:9, check.columns.get_loc("time")] = ""
    check.to_csv(tmp_path / "check.csv", index=False)
    ready, _, _ = refit(tmp_path, dated_labels(), check={"path": str(tmp_path / "check.csv")})
    assert ready.check.set_index("symbol").loc["all", "texts"] == 51, "nine have no model that is older"


def test_an_index_holds_no_text_that_is_older_than_the_first_model(tmp_path):
    days = pd.bdate_range("2020-03-02", "2020-05-29")
    at = pd.Series(days).sample(400, replace=True, random_state=0)
    labels = sample_labels().head(400).assign(time=[f"{day:%Y-%m-%d} 11:00" for day in at])
    labels.to_csv(tmp_path / "labels.csv", index=False)
    classifier = {"kind": "linear", "labels": str(tmp_path / "labels.csv"), "time": "time"}
    table = {
        "name": "refit",
        "bars": {"kind": "sample", "symbols": ["000300.SH"], "start": "2020-01-02", "end": "2020-08-31"},
        "texts": {"kind": "sample", "start": "2020-01-02", "end": "2020-08-31"},
        "classifier": {**classifier, "refit_every": 10, "min_labels": 50, "linear": {"c": [1.0]}},
    }
    found = read_panic(parse_experiment(table), Workspace(tmp_path / "store", tmp_path / "runs"))
    first = found.ready.refits["since"].iloc[0]
    assert first > pd.Timestamp("2020-03-03", tz="UTC") > found.inputs.texts.available_at.min()
    assert found.reading.texts.available_at.min() > first
    index = found.panic.frame
    early = index["session"] <= first.tz_convert("Asia/Shanghai").tz_localize(None).normalize()
    assert len(index)
    assert not early.any(), "the index begins with the first model"


def test_refit_needs_labels_with_times():
    for table in ({"labels": "sample"}, {"model": "somewhere", "time": "time"}):
        with pytest.raises(ConfigError, match="refit_every needs 'labels'"):
            ClassifierSettings.parse({**table, "refit_every": 20}, "[classifier]")
