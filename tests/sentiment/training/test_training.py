"""What a training reports, and on which texts."""

import json

import numpy as np
import pandas as pd
import pytest

from qushi.core import ConfigError, DataError
from qushi.sentiment import (
    Classifier,
    LinearScorer,
    TrainingSettings,
    evaluate,
    sample_labels,
    train_classifier,
)
from qushi.sentiment.training._checkpoints import Epoch, Run
from qushi.sentiment.training.baselines import BASELINE, baseline_of
from qushi.sentiment.training.fitting import Loop, _base_with_head, _given_up
from qushi.sentiment.training.scratch import build_base
from qushi.sentiment.training.splitting import split_labels

TABLE = sample_labels().head(300)
TINY = TrainingSettings(hidden=16, layers=1, heads=2, epochs=4, max_length=32, learning_rate=5e-3)


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    return train_classifier(TABLE, TINY, tmp_path_factory.mktemp("models") / "m")


def test_figures_are_of_texts_that_neither_trained_nor_chose(report):
    rows = split_labels(TABLE, TINY)
    assert report.evaluation is report.test
    assert (report.train_rows, report.validation.rows, report.test.rows) == (240, 30, 30)
    alone = evaluate(Classifier.load(report.folder), rows.part(rows.test))
    assert alone.confusion.equals(report.test.confusion)
    assert alone.log_loss == pytest.approx(report.test.log_loss, abs=1e-5)
    chosen = evaluate(Classifier.load(report.folder), rows.part(rows.valid))
    assert chosen.log_loss == pytest.approx(report.validation.log_loss, abs=1e-5)


def test_temperature_is_in_the_card_and_in_the_scores(report):
    card = json.loads((report.folder / "qushi.json").read_text(encoding="utf-8"))
    assert card["temperature"] == report.temperature != 1.0
    said = Classifier.load(report.folder).probabilities(["跌停了，亏麻了", "涨停，赚翻了"])
    plain = report.folder / "qushi.json"
    before = plain.read_text(encoding="utf-8")
    try:
        plain.write_text(json.dumps({**card, "temperature": 1.0}), encoding="utf-8")
        loaded = Classifier.load(report.folder)
        raw = loaded.probabilities(["跌停了，亏麻了", "涨停，赚翻了"])
        assert loaded.fingerprint != Classifier.load(report.folder, max_length=16).fingerprint
    finally:
        plain.write_text(before, encoding="utf-8")
    assert Classifier.load(report.folder).fingerprint != loaded.fingerprint
    raised = raw ** (1 / report.temperature)
    np.testing.assert_allclose(said, raised / raised.sum(axis=1, keepdims=True), atol=1e-6)


def test_comparison_stands_on_the_test_rows_and_tfidf_on_the_training_rows(report):
    table = report.comparison.set_index("scorer")
    assert table.index[:2].tolist() == ["classifier", "tfidf_logistic"]
    assert {"dictionary:all", "majority"} <= set(table.index)
    assert table["texts"].eq(report.test.rows).all()
    assert table.loc["classifier", "macro_f1"] == report.test.macro_f1
    kept = baseline_of(report.folder)
    assert kept.fingerprint == LinearScorer.load(report.folder / BASELINE).fingerprint
    rows = split_labels(TABLE, TINY)
    beside = evaluate(kept, rows.part(rows.test))
    assert table.loc["tfidf_logistic", "log_loss"] == pytest.approx(beside.log_loss)
    assert kept.facts["train_rows"] == report.train_rows


def test_report_says_when_a_plain_model_is_no_worse(tmp_path):
    lazy = TINY.model_copy(update={"epochs": 1, "learning_rate": 1e-6})
    report = train_classifier(TABLE, lazy, tmp_path / "m")
    assert any("is no worse on the same texts: macro F1" in said for said in report.warnings)
    assert any("no better than always naming" in said for said in report.warnings)


def test_test_set_is_judged_and_never_trained_on(tmp_path):
    test = sample_labels().iloc[280:340]
    quick = TINY.model_copy(update={"epochs": 1})
    report = train_classifier(TABLE, quick, tmp_path / "m", test=test)
    assert report.test.rows == 60
    assert report.clean.held_out == 20
    assert report.train_rows + report.validation.rows == 280
    alone = evaluate(Classifier.load(report.folder), test)
    assert alone.confusion.equals(report.test.confusion)


def test_no_texts_set_aside_is_said(tmp_path):
    quick = TINY.model_copy(update={"epochs": 1, "test": 0.0})
    report = train_classifier(TABLE, quick, tmp_path / "m", compare=False)
    assert report.test is None
    assert report.comparison.empty
    assert any("no texts were set aside" in said for said in report.warnings)
    assert not (report.folder / BASELINE).exists()


def test_two_classes_train_and_score_without_neutral(tmp_path):
    table = sample_labels().query("label != 'neu'")
    more = TINY.model_copy(update={"hidden": 32, "epochs": 6, "batch_size": 32})
    report = train_classifier(table, more, tmp_path / "two")
    assert report.test.confusion.shape == (2, 2)
    assert report.test.accuracy > report.test.majority
    found = Classifier.load(report.folder)
    assert found.facts["labels"] == ["neg", "pos"]
    said = found.probabilities(table["text"].tolist()[:20])
    assert (said[:, 1] == 0).all()
    np.testing.assert_allclose(said.sum(axis=1), 1, atol=1e-9)


def test_time_split_trains_on_the_past_of_what_it_reports(tmp_path):
    moments = pd.date_range("2019-03-01", periods=len(TABLE), freq="h").astype(str)
    settings = TINY.model_copy(update={"split": "time", "epochs": 1})
    table = TABLE.assign(time=moments)
    table.loc[0, "time"] = ""
    report = train_classifier(table, settings, tmp_path / "m", compare=False)
    assert any("1 labelled texts have no time" in said for said in report.warnings)
    rows = split_labels(table, settings)
    latest = evaluate(Classifier.load(report.folder), rows.part(rows.test))
    assert latest.confusion.equals(report.test.confusion)
    with pytest.raises(DataError, match="needs the times of the labelled texts"):
        train_classifier(TABLE, settings, tmp_path / "undated")


def test_patience_ends_a_training_that_no_longer_improves(tmp_path):
    wild = TINY.model_copy(update={"epochs": 12, "learning_rate": 0.5, "warmup": 0.0, "patience": 2})
    report = train_classifier(TABLE, wild, tmp_path / "m", compare=False)
    losses = [epoch.valid_loss for epoch in report.epochs]
    assert len(losses) < 12
    assert report.best_epoch == len(losses) - 2 == 1 + losses.index(min(losses))


def test_given_up_counts_epochs_since_the_best():
    def run(*losses):
        return Run(epochs=[Epoch(n, 1.0, loss, 0.5) for n, loss in enumerate(losses, start=1)])

    assert not _given_up(run(3.0, 2.0, 2.5), patience=2)
    assert _given_up(run(3.0, 2.0, 2.5, 2.0), patience=2)
    assert not _given_up(run(3.0, 2.0, 2.5, 1.9), patience=2)
    assert _given_up(run(3.0, float("nan")), patience=1)
    assert not _given_up(run(1.0, 2.0, 3.0), patience=0)


def test_balanced_weights_enter_the_loss(tmp_path):
    import torch

    table = pd.concat([TABLE[TABLE["label"] == "pos"], TABLE[TABLE["label"] == "neg"].head(12)])
    rows = split_labels(table, TINY)
    build_base(rows.frame["text"].tolist(), TINY, tmp_path)
    loops = {}
    for weights in ("none", "balanced"):
        torch.manual_seed(0)
        settings = TINY.model_copy(update={"class_weights": weights})
        loops[weights] = Loop(*_base_with_head(str(tmp_path), rows.classes), rows, settings)
    said = np.tile([0.2, 0.0, 0.8], (len(rows.frame), 1))
    counts = rows.part(rows.train)["label"].value_counts()
    both = [counts.idxmax(), counts.idxmin()]
    picked = [int(np.flatnonzero(rows.frame["label"] == name)[0]) for name in both]
    plain, balanced = (loops[kind].judge(said[picked], picked)[0] for kind in ("none", "balanced"))
    assert plain == pytest.approx(-np.log([0.8, 0.2]).mean())
    share = {name: 1 / counts[name] for name in both}
    expected = -(share["pos"] * np.log(0.8) + share["neg"] * np.log(0.2)) / sum(share.values())
    assert balanced == pytest.approx(expected)
    first = {kind: loops[kind].train_epoch(rows.train, 1, Quiet()) for kind in loops}
    assert first["balanced"] != first["none"]


class Quiet:
    def begin(self, task, total): ...
    def advance(self, task, steps=1): ...
    def note(self, message): ...


def test_settings_that_leave_no_text_to_train_on_are_refused():
    with pytest.raises(ConfigError, match="leave no text to train on"):
        TrainingSettings.parse({"valid": 0.5, "test": 0.5}, "--set")
