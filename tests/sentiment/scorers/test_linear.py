import json

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix

from qushi.core import ConfigError, DataError
from qushi.sentiment import LinearScorer, LinearSettings, load_scorer, sample_labels, train_linear
from qushi.sentiment.identity import normalised

TABLE = sample_labels().head(600)


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    return train_linear(TABLE, LinearSettings(), tmp_path_factory.mktemp("models") / "linear")


@pytest.fixture(scope="module")
def scorer(report):
    return LinearScorer.load(report.folder)


def by_hand(scorer, text):
    """The formula of the module, one n-gram at a time."""
    letters = normalised(text)
    low, high = scorer.ngrams
    counts = {}
    for size in range(low, high + 1):
        for at in range(len(letters) - size + 1):
            gram = letters[at : at + size]
            counts[gram] = counts.get(gram, 0) + 1
    row = np.zeros(len(scorer.grams))
    for at, gram in enumerate(scorer.grams):
        if gram in counts:
            row[at] = (1 + np.log(counts[gram])) * scorer.idf[at]
    if row.any():
        row /= np.sqrt((row**2).sum())
    raised = np.exp((scorer.weights @ row + scorer.bias) / scorer.temperature)
    return raised / raised.sum()


def test_linear_scores_are_those_of_the_formula(scorer):
    texts = ["跌停了，亏麻了！亏", "ＡＢ 涨停", "从来没见过的字：龘", ""]
    found = scorer.probabilities(texts)
    for text, row in zip(texts, found, strict=True):
        np.testing.assert_allclose(row, by_hand(scorer, text), atol=1e-12)


def test_linear_weights_of_ngrams_count_the_training_texts(report, scorer):
    from qushi.sentiment.training.splitting import split_labels

    rows = split_labels(TABLE, LinearSettings())
    texts = [normalised(text) for text in rows.part(rows.train)["text"]]
    for gram in scorer.grams[::97]:
        holding = sum(gram in text for text in texts)
        expected = np.log((1 + len(texts)) / (1 + holding)) + 1
        assert scorer.idf[scorer.grams.index(gram)] == pytest.approx(expected)
        assert holding >= 2


def test_linear_learns_and_says_so(report):
    assert report.evaluation is report.test
    assert report.test.accuracy > report.test.majority + 0.2
    card = json.loads((report.folder / "qushi.json").read_text(encoding="utf-8"))
    assert card["kind"] == "linear"
    assert card["accuracy"] == report.test.accuracy
    assert card["train_rows"] + card["valid_rows"] + card["test_rows"] == card["kept"]
    assert card["knowledge_cutoff"] is None
    assert any("undated" in sentence for sentence in report.warnings)


def test_linear_folder_holds_no_pickle(report):
    assert sorted(path.name for path in report.folder.iterdir()) == [
        "linear.safetensors",
        "ngrams.json",
        "qushi.json",
        "seen.safetensors",
    ]


def test_linear_loads_to_the_same_scores_and_fingerprint(report, scorer, tmp_path):
    again = train_linear(TABLE, LinearSettings(), tmp_path / "again")
    other = LinearScorer.load(again.folder)
    texts = TABLE["text"].tolist()
    assert other.fingerprint == scorer.fingerprint == load_scorer(report.folder).fingerprint
    np.testing.assert_array_equal(other.probabilities(texts), scorer.probabilities(texts))
    changed = train_linear(TABLE, LinearSettings(c=(0.1,)), tmp_path / "changed")
    assert LinearScorer.load(changed.folder).fingerprint != scorer.fingerprint


def test_linear_scores_do_not_depend_on_company_or_batch(scorer):
    texts = TABLE["text"].tolist()
    whole = scorer.probabilities(texts)
    np.testing.assert_array_equal(scorer.probabilities(texts[:3]), whole[:3])
    np.testing.assert_array_equal(scorer.probabilities(texts, batch_size=7), whole)
    np.testing.assert_allclose(whole.sum(axis=1), 1, atol=1e-12)


def test_linear_of_two_classes_never_says_neutral(tmp_path):
    table = TABLE[TABLE["label"] != "neu"]
    report = train_linear(table, LinearSettings(), tmp_path / "two")
    scores = LinearScorer.load(report.folder).probabilities(table["text"].tolist())
    assert (scores[:, 1] == 0).all()
    np.testing.assert_allclose(scores.sum(axis=1), 1)
    assert report.evaluation.confusion.shape == (2, 2)
    assert report.evaluation.accuracy > 0.8


def test_linear_dates_its_knowledge(tmp_path):
    moments = pd.date_range("2019-03-01 09:00", periods=len(TABLE), freq="min").astype(str)
    report = train_linear(TABLE.assign(time=moments), LinearSettings(), tmp_path / "dated")
    assert pd.Timestamp(report.knowledge_cutoff) == pd.Timestamp(moments[-1], tz="Asia/Shanghai")
    assert LinearScorer.load(report.folder).facts["knowledge_cutoff"] == report.knowledge_cutoff


def test_linear_balanced_finds_more_of_a_rare_label(tmp_path):
    table = sample_labels()
    rare = pd.concat([table[table["label"] != "neg"], table[table["label"] == "neg"].head(25)])
    recall = {}
    for weights in ("none", "balanced"):
        settings = LinearSettings(class_weights=weights, c=(0.01,), valid=0.2, test=0.3)
        report = train_linear(rare, settings, tmp_path / weights)
        recall[weights] = report.test.per_label.loc["neg", "recall"]
    assert recall["balanced"] > recall["none"]


def test_linear_settings_refuse_what_cannot_be():
    for wrong in (
        {"ngrams": [3, 1]},
        {"ngrams": [0, 2]},
        {"c": []},
        {"c": [0.0]},
        {"valid": 0.6, "test": 0.4},
    ):
        with pytest.raises(ConfigError):
            LinearSettings.parse(wrong, "[classifier.linear]")


def test_linear_without_a_repeated_ngram_asks_for_a_lower_count(tmp_path):
    table = pd.DataFrame({"label": ["neg", "pos"] * 4, "text": list("甲乙丙丁戊己庚辛")})
    with pytest.raises(DataError, match="lower min_count"):
        train_linear(table, LinearSettings(), tmp_path / "m")
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize("gone", ["linear.safetensors", "ngrams.json"])
def test_linear_folder_that_is_torn_names_what_is_missing(report, tmp_path, gone):
    import shutil

    copy = shutil.copytree(report.folder, tmp_path / "copy")
    (copy / gone).unlink()
    with pytest.raises(DataError, match=gone.replace(".", r"\.")):
        LinearScorer.load(copy)


def test_linear_transform_is_sparse(scorer):
    found = scorer._vectoriser().transform(["跌停"])
    assert isinstance(found, csr_matrix), "a long archive must not be made dense"
