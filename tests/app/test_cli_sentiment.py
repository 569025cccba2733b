"""`qushi sentiment train` and `evaluate`, as a person types them."""

import json

import pandas as pd
import pytest
from typer.testing import CliRunner

from qushi.app.cli import app
from qushi.sentiment import sample_labels

NAMES = {"neg": "空", "pos": "多", "neu": "平"}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table = sample_labels().head(400)
    table.to_csv("labels.csv", index=False)
    return tmp_path


def run(*words):
    return CliRunner().invoke(app, ["sentiment", *map(str, words)])


def test_train_prints_every_scorer_on_the_same_texts(folder):
    done = run("train", "labels.csv", "--kind", "linear", "--out", "m")
    assert done.exit_code == 0, done.output
    for row in ("tfidf_logistic", "dictionary:all", "dictionary:yao", "majority", "macro_f1", "ece"):
        assert row in done.output
    assert "labelled, read as" in done.output
    assert (folder / "m" / "linear.safetensors").is_file()


def test_train_as_json_has_all_of_it(folder):
    done = run("train", "labels.csv", "--kind", "linear", "--out", "m", "--json")
    found = json.loads(done.stdout)
    assert found["judged_on"] == "test"
    assert found["texts"] == sum(row["texts"] for row in found["per_label"].values())
    assert found["texts"] == sum(bin_["texts"] for bin_ in found["reliability"])
    names = [row["scorer"] for row in found["comparison"]]
    assert names[0] == "tfidf_logistic"
    assert names[-1] == "majority"
    assert found["comparison"][0]["macro_f1"] == found["macro_f1"]
    assert found["cleaning"]["kept"] == 400


def test_train_with_other_label_names_and_two_classes(folder):
    table = sample_labels().head(400).query("label != 'neu'")
    table.assign(label=table["label"].map(NAMES)).to_csv("other.csv", index=False)
    refused = run("train", "other.csv", "--kind", "linear", "--out", "m")
    assert refused.exit_code == 2
    assert "means nothing here" in refused.output
    done = run(
        "train", "other.csv", "--kind", "linear", "--out", "m", "--labels", "多=pos,空=neg", "--json"
    )
    assert set(json.loads(done.stdout)["per_label"]) == {"neg", "pos"}


@pytest.mark.parametrize("words", ["多", "多=", "=pos"])
def test_train_label_names_that_are_no_pairs(folder, words):
    done = run("train", "labels.csv", "--out", "m", "--labels", words)
    assert done.exit_code == 2
    assert "--labels takes NAME=pos,NAME=neg" in done.output


def test_train_writes_the_conflicting_texts(folder):
    table = sample_labels().head(200)
    other = table.head(7).assign(
        label=table["label"].head(7).map({"neg": "pos", "pos": "neg", "neu": "neg"})
    )
    pd.concat([table, other]).to_csv("labels.csv", index=False)
    done = run("train", "labels.csv", "--kind", "linear", "--out", "m", "--conflicts", "c.csv")
    assert "7 texts carry several labels" in done.output
    found = pd.read_csv(folder / "c.csv")
    assert found.columns.tolist() == ["text", "labels", "counts"]
    assert set(found["text"]) == set(other["text"])
    late = run("train", "labels.csv", "--kind", "linear", "--out", "n", "--conflicts", "c.pdf")
    assert late.exit_code == 2
    assert not (folder / "n").exists(), "asked before the work"


def test_train_with_a_test_file_judges_on_it(folder):
    sample_labels().iloc[380:450].to_csv("test.csv", index=False)
    done = run("train", "labels.csv", "--kind", "linear", "--out", "m", "--test", "test.csv", "--json")
    found = json.loads(done.stdout)
    assert (found["texts"], found["cleaning"]["held_out"]) == (70, 20)


def test_train_of_no_kind_offers_the_near_one(folder):
    done = run("train", "labels.csv", "--kind", "liner", "--out", "m")
    assert done.exit_code == 2
    assert "did you mean 'linear'?" in done.output


def test_evaluate_leaves_out_what_trained_the_model_and_says_so(folder):
    run("train", "labels.csv", "--kind", "linear", "--out", "m")
    sample_labels().iloc[300:500].to_csv("later.csv", index=False)
    done = run("evaluate", "later.csv", "--model", "m", "--json")
    found = json.loads(done.stdout)
    assert 100 <= found["texts"] < 200
    assert any("that trained the classifier left out" in note for note in found["notes"])
    assert "dictionary:all" in [row["scorer"] for row in found["comparison"]]


def test_evaluate_says_that_tfidf_is_missing_or_trains_it(folder):
    sample_labels().iloc[400:500].to_csv("later.csv", index=False)
    alone = run("evaluate", "later.csv", "--model", "dictionary")
    assert "note: no row tfidf_logistic" in alone.output
    beside = run("evaluate", "later.csv", "--model", "dictionary", "--trained-on", "labels.csv")
    assert beside.exit_code == 0, beside.output
    assert "no row" not in beside.output
    assert "tfidf_logistic" in beside.output
    nothing = run("evaluate", "later.csv", "--model", "dictionary", "--trained-on", "later.csv")
    assert nothing.exit_code == 2
    assert "name the training texts" in nothing.output
