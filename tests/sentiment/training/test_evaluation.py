import numpy as np
import pandas as pd
import pytest

from qushi.core import DataError
from qushi.sentiment import LinearSettings, sample_labels, train_linear
from qushi.sentiment.scorers.dictionary import DictionaryScorer
from qushi.sentiment.scorers.linear import LinearScorer
from qushi.sentiment.training.baselines import baseline_of, judge, train_baseline
from qushi.sentiment.training.calibration import (
    at_bound,
    at_temperature,
    brier_score,
    calibration_error,
    fit_temperature,
    log_loss,
    reliability,
)
from qushi.sentiment.training.evaluation import classes_of, comparison, evaluate_probabilities
from qushi.sentiment.training.report import seen_by


def drawn(rows, seed, sharp=1.0):
    """Logits of three classes, and labels drawn with the probabilities that they mean."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(size=(rows, 3)) * 2
    meant = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    truth = (meant.cumsum(axis=1) < generator.random((rows, 1))).sum(axis=1)
    said = np.exp(logits * sharp) / np.exp(logits * sharp).sum(axis=1, keepdims=True)
    return said, truth.astype(np.int64)


@pytest.mark.parametrize("sharp", [0.5, 1.0, 3.0])
def test_temperature_undoes_what_made_probabilities_too_sure(sharp):
    said, truth = drawn(8000, 0, sharp)
    found = fit_temperature(said, truth)
    assert found == pytest.approx(sharp, rel=0.06)
    other, answers = drawn(8000, 1, sharp)
    mended = at_temperature(other, found)
    assert log_loss(mended, answers) <= log_loss(other, answers) + 1e-3
    assert calibration_error(reliability(mended, answers)) < 0.025
    if sharp == 3.0:
        assert calibration_error(reliability(other, answers)) > 0.1


def test_temperature_is_the_same_as_dividing_logits_and_changes_no_answer():
    generator = np.random.default_rng(2)
    logits = generator.normal(size=(50, 3)) * 4
    said = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    cooled = np.exp(logits / 2.5) / np.exp(logits / 2.5).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(at_temperature(said, 2.5), cooled, atol=1e-12)
    assert (at_temperature(said, 2.5).argmax(axis=1) == said.argmax(axis=1)).all()
    two = np.array([[0.3, 0.0, 0.7]])
    assert at_temperature(two, 2.0)[0, 1] == 0.0


def test_temperature_of_a_few_texts_all_right_stays_within_bounds():
    said = np.array([[0.9, 0.05, 0.05]] * 4)
    found = fit_temperature(said, np.zeros(4, dtype=np.int64))
    assert found >= 0.2
    assert at_bound(found)
    assert not at_bound(fit_temperature(*drawn(500, 4)))


def test_reliability_by_hand():
    said = np.array([[0.95, 0.05, 0.0], [0.0, 0.1, 0.9], [0.2, 0.6, 0.2], [0.4, 0.35, 0.25]])
    truth = np.array([0, 1, 1, 0])
    table = reliability(said, truth, bins=10)
    assert table["up_to"].tolist() == [0.4, 0.6, 0.9, 1.0]
    assert table["accuracy"].tolist() == [1.0, 1.0, 0.0, 1.0]
    assert table["texts"].tolist() == [1, 1, 1, 1]
    assert calibration_error(table) == pytest.approx((0.6 + 0.4 + 0.9 + 0.05) / 4)
    assert brier_score(said[:1], truth[:1]) == pytest.approx(0.05**2 * 2)


def test_figures_agree_with_scikit_learn():
    from sklearn import metrics

    said, truth = drawn(500, 3)
    labels = np.array(["neg", "neu", "pos"])[truth]
    found = evaluate_probabilities(labels, said)
    guess = np.array(["neg", "neu", "pos"])[said.argmax(axis=1)]
    assert found.macro_f1 == pytest.approx(metrics.f1_score(labels, guess, average="macro"))
    assert found.balanced_accuracy == pytest.approx(metrics.balanced_accuracy_score(labels, guess))
    assert found.log_loss == pytest.approx(metrics.log_loss(truth, said))
    assert found.accuracy == pytest.approx(metrics.accuracy_score(labels, guess))
    assert (found.confusion.to_numpy() == metrics.confusion_matrix(labels, guess)).all()
    assert found.reliability["texts"].sum() == 500


def test_macro_f1_counts_a_label_that_is_never_named_as_nothing():
    said = np.array([[1.0, 0, 0]] * 4)
    found = evaluate_probabilities(["neg", "neg", "neu", "pos"], said)
    assert found.macro_f1 == pytest.approx((2 * 2 / 6) / 3)


def test_two_class_questions_take_neutral_out():
    labels = pd.Series(["neg", "pos", "neg"])
    said = np.array([[0.3, 0.6, 0.1], [0.1, 0.8, 0.1], [0.0, 1.0, 0.0]])
    found = evaluate_probabilities(labels, said, classes_of(labels))
    assert found.accuracy == pytest.approx(2 / 3), "even odds count as negative"
    assert found.log_loss == pytest.approx(-np.log([0.75, 0.5, 0.5]).mean())
    assert found.confusion.columns.tolist() == ["neg", "pos"]
    assert evaluate_probabilities(labels, said).accuracy == 0


def test_comparison_has_the_dictionaries_and_the_most_frequent_label_on_the_same_texts():
    table = sample_labels().head(200)
    found = comparison(table, {"mine": np.tile([0.2, 0.3, 0.5], (200, 1))}).set_index("scorer")
    assert found.index.tolist() == [
        "mine",
        "dictionary:all",
        "dictionary:jiang",
        "dictionary:yao",
        "majority",
    ]
    assert found["texts"].eq(200).all()
    shares = table["label"].value_counts(normalize=True)
    assert found.loc["majority", "accuracy"] == pytest.approx(shares.max())
    assert found.loc["majority", "log_loss"] == pytest.approx(-(shares * np.log(shares)).sum())
    assert found.loc["majority", "ece"] == pytest.approx(0)
    words = DictionaryScorer.load("yao").probabilities(table["text"].tolist())
    right = np.array(["neg", "neu", "pos"])[words.argmax(axis=1)] == table["label"]
    assert found.loc["dictionary:yao", "accuracy"] == pytest.approx(right.mean())


def test_judge_cleans_first_and_says_that_tfidf_is_missing():
    table = sample_labels().head(100)
    twice = pd.concat([table, table.head(10)])
    dictionary = DictionaryScorer.load("yao")
    found = judge("classifier", dictionary, twice, None)
    assert found.evaluation.rows == 100
    assert any("10 duplicates" in note for note in found.notes)
    assert any("no row tfidf_logistic" in note for note in found.notes)
    assert found.comparison["scorer"].tolist().count("dictionary:yao") == 1


def test_judge_with_training_texts_trains_tfidf_without_the_judged_ones(tmp_path):
    table = sample_labels()
    judged = table.head(100)
    linear = train_baseline(table, judged)
    by_hand = train_linear(table.iloc[100:], LinearSettings(test=0.0), tmp_path / "m")
    assert linear.fingerprint == LinearScorer.load(by_hand.folder).fingerprint
    found = judge("classifier", DictionaryScorer.load(), judged, linear)
    assert "tfidf_logistic" in set(found.comparison["scorer"])
    assert not any("tfidf" in note for note in found.notes)
    assert baseline_of(tmp_path / "m") is None


def test_judge_leaves_out_what_trained_the_classifier(tmp_path):
    table = sample_labels().head(400)
    report = train_linear(table, LinearSettings(), tmp_path / "m")
    scorer, seen = LinearScorer.load(report.folder), seen_by(report.folder)
    found = judge("classifier", scorer, table, None, seen=seen)
    assert found.evaluation.rows == report.test.rows, "what is left is what judged it"
    assert found.evaluation.confusion.equals(report.test.confusion)
    trained = 400 - report.test.rows
    assert any(f"{trained} texts that trained the classifier left out" in note for note in found.notes)
    only = table[table["text"].map(seen)]
    with pytest.raises(DataError, match=f"all {trained} texts trained the classifier"):
        judge("classifier", scorer, only, None, seen=seen)
    assert not seen_by(tmp_path / "nowhere")("跌停")


def test_evaluation_of_nothing_raises():
    with pytest.raises(DataError, match="no labelled text"):
        evaluate_probabilities([], np.empty((0, 3)))
