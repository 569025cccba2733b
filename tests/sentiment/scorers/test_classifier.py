import json
import shutil
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from qushi.core import ConfigError, DataError, SourceError, Texts
from qushi.sentiment import (
    Classifier,
    TextArchive,
    TrainingSettings,
    evaluate,
    sample_labels,
    train_classifier,
)
from qushi.sentiment.scorers.classifier import output_positions
from qushi.sentiment.sources.sample import SampleTexts
from qushi.sentiment.training.evaluation import evaluate_probabilities

TINY = TrainingSettings(hidden=32, layers=1, heads=2, epochs=6, max_length=48, learning_rate=3e-3)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "tiny"
    return train_classifier(sample_labels(), TINY, folder)


@pytest.fixture(scope="module")
def classifier(trained):
    return Classifier.load(trained.folder)


@pytest.fixture(scope="module")
def texts():
    return SampleTexts().fetch("2020-01-01", "2020-02-28")


@pytest.fixture
def copy(trained, tmp_path):
    return Path(shutil.copytree(trained.folder, tmp_path / "copy"))


def test_training_beats_the_majority_and_writes_a_card(trained):
    assert trained.validation.accuracy > trained.validation.majority + 0.2
    card = json.loads((trained.folder / "qushi.json").read_text(encoding="utf-8"))
    assert card["accuracy"] == trained.validation.accuracy
    assert card["labels"] == ["neg", "neu", "pos"]
    assert card["settings"]["hidden"] == 32
    assert not card["dated"]
    assert card["knowledge_cutoff"] is None
    assert any("undated" in sentence for sentence in trained.warnings)


def test_training_keeps_the_epoch_with_the_least_validation_loss(trained):
    losses = [epoch.valid_loss for epoch in trained.epochs]
    assert trained.best_epoch == 1 + losses.index(min(losses))


def test_tokenizer_reloads_with_a_real_vocabulary(trained):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(trained.folder)
    ids = tokenizer("跌停了，恐慌")["input_ids"]
    assert len(tokenizer) > 200
    assert tokenizer.unk_token_id not in ids
    assert len(ids) == 8


def test_training_again_from_the_same_seed_gives_the_same_model(tmp_path):
    table = sample_labels().head(200)
    quick = TINY.model_copy(update={"epochs": 1})
    marks = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        folder = tmp_path / name
        train_classifier(table, quick.model_copy(update={"seed": seed}), folder)
        marks.append(Classifier.load(folder).fingerprint)
    assert marks[0] == marks[1] != marks[2]


def test_training_from_a_base_takes_the_same_path(trained, tmp_path):
    settings = TINY.model_copy(update={"base": str(trained.folder), "epochs": 1})
    report = train_classifier(sample_labels().head(300), settings, tmp_path / "tuned")
    assert Classifier.load(tmp_path / "tuned").facts["settings"]["base"] == str(trained.folder)
    assert report.validation.accuracy > report.validation.majority


def test_training_on_dated_texts_records_the_window(tmp_path):
    table = sample_labels().head(120).assign(time="2019-03-01 10:00")
    quick = TINY.model_copy(update={"epochs": 1})
    report = train_classifier(table, quick, tmp_path / "dated")
    assert pd.Timestamp(report.knowledge_cutoff) == pd.Timestamp("2019-03-01 02:00", tz="UTC")
    found = Classifier.load(tmp_path / "dated")
    assert found.facts["window"] == ["2019-03-01 10:00", "2019-03-01 10:00"]
    late = SampleTexts().fetch("2020-01-01", "2020-01-31")
    early = SampleTexts().fetch("2019-01-01", "2019-01-31")
    assert found.warnings(late) == ()
    assert "not out of sample" in found.warnings(early)[0]


def test_training_that_fails_leaves_nothing_behind(tmp_path):
    class Interrupted:
        def begin(self, task, total): ...
        def note(self, message): ...
        def advance(self, task, steps=1):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_classifier(sample_labels().head(100), TINY, tmp_path / "model", Interrupted())
    assert list(tmp_path.iterdir()) == []


def test_training_refuses_a_folder_with_something_else_in_it(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(DataError, match="something else"):
        train_classifier(sample_labels(), TINY, tmp_path)
    assert (tmp_path / "thesis.txt").exists()


def test_training_with_too_few_texts_of_a_label_raises(tmp_path):
    table = sample_labels()
    with pytest.raises(DataError, match="'pos': 0"):
        train_classifier(table[table["label"] != "pos"], TINY, tmp_path / "m")


def test_score_gives_probabilities_in_the_order_of_the_texts(classifier, texts):
    scores = classifier.score(texts)
    assert scores["id"].tolist() == texts.frame["id"].tolist()
    np.testing.assert_allclose(scores[["p_neg", "p_neu", "p_pos"]].sum(axis=1), 1, atol=1e-12)


def test_score_does_not_depend_on_order_company_or_batch_size(classifier, texts):
    contents = texts.contents.tolist()
    whole = classifier.probabilities(contents)
    order = np.random.default_rng(0).permutation(len(contents))
    np.testing.assert_array_equal(classifier.probabilities([contents[i] for i in order]), whole[order])
    np.testing.assert_array_equal(classifier.probabilities(contents[:7]), whole[:7])
    np.testing.assert_allclose(classifier.probabilities(contents, batch_size=3), whole, atol=1e-5)


def test_score_with_an_archive_computes_each_text_once(classifier, texts, tmp_path, monkeypatch):
    archive = TextArchive(tmp_path / "texts.sqlite")
    first = classifier.score(texts, archive)
    pd.testing.assert_frame_equal(first, classifier.score(texts))

    def refuse(*args):
        raise AssertionError("computed again")

    monkeypatch.setattr(Classifier, "_batch", refuse)
    pd.testing.assert_frame_equal(classifier.score(texts, archive), first, check_exact=True)


def test_score_cuts_what_is_too_long(classifier):
    long = Texts.from_frame(
        pd.DataFrame(
            {
                "id": ["a"],
                "published_at": pd.to_datetime(["2024-01-02"], utc=True),
                "audience": "public",
                "body": ["跌" * 5000],
            }
        )
    )
    assert classifier.score(long)["p_neg"].notna().all()
    assert classifier.max_length == 48


def test_fingerprint_is_of_the_content_not_of_the_folder(classifier, copy):
    assert Classifier.load(copy).fingerprint == classifier.fingerprint
    assert Classifier.load(copy, max_length=16).fingerprint != classifier.fingerprint


def test_facts_of_an_undated_model_say_so(classifier, texts):
    assert classifier.facts["knowledge_cutoff"] is None
    assert "undated" in classifier.warnings(texts)[0]


def test_model_with_unnamed_classes_needs_labels(copy):
    config = json.loads((copy / "config.json").read_text(encoding="utf-8"))
    config["id2label"] = {str(i): f"LABEL_{i}" for i in range(3)}
    config["label2id"] = {f"LABEL_{i}": i for i in range(3)}
    (copy / "config.json").write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(ConfigError, match="cannot be told apart"):
        Classifier.load(copy)
    assert Classifier.load(copy, labels=("pos", "neu", "neg")).outputs == (2, 1, 0)


def test_output_positions_of_two_classes_leave_neutral_out():
    assert output_positions({0: "Positive", 1: "NEGATIVE"}) == (1, None, 0)
    with pytest.raises(ConfigError, match="has 3 outputs, labels name 2"):
        output_positions({0: "a", 1: "b", 2: "c"}, ("neg", "pos"))


def test_two_class_model_has_no_neutral_probability(tmp_path, trained, texts):
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    names = {0: "negative", 1: "positive"}
    model = AutoModelForSequenceClassification.from_pretrained(
        trained.folder, num_labels=2, id2label=names, ignore_mismatched_sizes=True
    )
    model.save_pretrained(tmp_path / "two")
    AutoTokenizer.from_pretrained(trained.folder).save_pretrained(tmp_path / "two")
    scores = Classifier.load(tmp_path / "two").score(texts)
    assert scores["p_neu"].eq(0).all()
    np.testing.assert_allclose(scores["p_neg"] + scores["p_pos"], 1)


@pytest.mark.parametrize(
    ("gone", "message"),
    [
        ("config.json", "config.json is missing"),
        ("model.safetensors", "model.safetensors is missing"),
        ("tokenizer.json", "tokenizer.json is missing"),
    ],
)
def test_folder_that_is_no_model_names_what_is_missing(copy, gone, message):
    (copy / gone).unlink()
    with pytest.raises(DataError, match=message):
        Classifier.load(copy)


def test_folder_with_a_base_model_asks_to_fine_tune_it(trained, tmp_path):
    from transformers import AutoModel, AutoTokenizer

    AutoModel.from_pretrained(trained.folder).save_pretrained(tmp_path / "base")
    AutoTokenizer.from_pretrained(trained.folder).save_pretrained(tmp_path / "base")
    with pytest.raises(DataError, match="not trained to classify"):
        Classifier.load(tmp_path / "base")


def test_folder_that_is_not_there_is_no_hub_id(tmp_path):
    with pytest.raises(DataError, match="there is no model folder"):
        Classifier.load(tmp_path / "nowhere")


def test_hub_id_without_a_network_is_one_sentence(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    started = time.monotonic()
    with pytest.raises(SourceError, match="cannot be had from the hub"):
        Classifier.load("no-such-owner/no-such-model")
    assert time.monotonic() - started < 5


def test_evaluation_by_hand():
    truth = ["neg", "neg", "neu", "pos"]
    guess = np.array([[0.8, 0.1, 0.1], [0.1, 0.1, 0.8], [0.1, 0.8, 0.1], [0.2, 0.2, 0.6]])
    found = evaluate_probabilities(truth, guess)
    assert found.accuracy == 0.75
    assert found.majority == 0.5
    assert found.balanced_accuracy == pytest.approx((0.5 + 1 + 1) / 3)
    assert found.confusion.loc["neg", "pos"] == 1
    assert found.per_label.loc["pos", "precision"] == 0.5


def test_evaluate_scores_a_table(classifier):
    found = evaluate(classifier, sample_labels().head(100))
    assert found.rows == 100
    assert found.accuracy > found.majority


def test_importing_the_package_loads_nothing_heavy():
    import subprocess
    import sys

    code = (
        "import sys, qushi.sentiment; "
        "print([m for m in ('torch', 'transformers', 'sqlalchemy') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
