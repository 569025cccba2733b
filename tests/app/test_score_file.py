"""Scoring files of any size: every column kept, in blocks, whole or absent; and the command."""

import json
from itertools import product

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from qushi.app import score_file as module
from qushi.app.cli_sentiment import app
from qushi.app.experiment_file import ClassifierSettings
from qushi.app.score_file import score_file
from qushi.core import ConfigError, DataError, Texts
from qushi.sentiment import DictionaryScorer, TextArchive

BODIES = ["大盘暴跌，恐慌", "今天星期三", "业绩增长，涨停", "大盘暴跌，恐慌", "", "没有亏损\n利好"]
SCORES = ["p_neg", "p_neu", "p_pos"]


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch, tmp_path):
    monkeypatch.setattr(module, "ROWS", 4)
    monkeypatch.setenv("QUSHI_STORE", str(tmp_path / "store"))


@pytest.fixture(scope="module")
def scorer():
    return DictionaryScorer.load()


@pytest.fixture
def table():
    return pd.DataFrame({"code": [f"00000{n}" for n in range(6)], "n": range(6), "body": BODIES})


def write(table, path):
    if path.suffix == ".parquet":
        table.to_parquet(path, index=False)
    elif path.suffix == ".jsonl":
        table.to_json(path, orient="records", lines=True, force_ascii=False)
    else:
        table.to_csv(path, index=False)
    return path


def read(path):
    if path.suffix == ".parquet":
        return pd.read_parquet(path)
    if path.suffix == ".jsonl":
        return pd.read_json(path, lines=True, dtype={"code": str})
    return pd.read_csv(path, dtype={"code": str}, keep_default_na=False)


def score(*args):
    return CliRunner().invoke(app, ["score", *map(str, args)])


@pytest.mark.parametrize(
    ("kind", "target"),
    [
        *product((".csv", ".parquet"), (".csv", ".parquet", ".jsonl")),
        *product((".jsonl",), (".csv", ".jsonl")),
    ],
)
def test_every_row_and_column_is_kept_and_scored(scorer, table, tmp_path, kind, target):
    source = write(table, tmp_path / f"texts{kind}")
    out = tmp_path / "new" / f"scored{target}"
    assert score_file(scorer, source, out, text="body") == 6
    found = read(out)
    assert found.columns.tolist() == ["code", "n", "body", *SCORES]
    for name in ("code", "body"):
        assert found[name].tolist() == table[name].tolist()
    assert found["n"].astype(int).tolist() == list(range(6))
    np.testing.assert_allclose(found[SCORES], scorer.probabilities([b.strip() for b in BODIES]))
    assert [path.name for path in out.parent.iterdir()] == [out.name]


def test_rows_of_json_lines_need_not_be_alike(scorer, tmp_path):
    source = tmp_path / "texts.jsonl"
    rows = [{"text": "跌停"}] * 4 + [{"text": None, "late": 1}]
    source.write_text("\n".join(map(json.dumps, rows)) + "\n\n", encoding="utf-8")
    score_file(scorer, source, tmp_path / "out.csv")
    found = pd.read_csv(tmp_path / "out.csv")
    assert found.columns.tolist() == ["text", "late", *SCORES]
    assert found["late"].tolist()[-1] == 1


def test_json_lines_are_not_written_as_parquet(scorer, tmp_path):
    with pytest.raises(DataError, match=r"write \.jsonl or \.csv"):
        score_file(scorer, tmp_path / "texts.jsonl", tmp_path / "out.parquet")


def test_scoring_a_scored_file_replaces_the_scores(scorer, table, tmp_path):
    source = write(table.assign(p_neg=9.0), tmp_path / "texts.parquet")
    score_file(scorer, source, tmp_path / "out.parquet", text="body")
    assert pq.read_schema(tmp_path / "out.parquet").names == ["code", "n", "body", *SCORES]
    assert pd.read_parquet(tmp_path / "out.parquet")["p_neg"].max() < 1


def test_what_fails_on_the_way_leaves_the_old_file(scorer, table, tmp_path, monkeypatch):
    source = write(table, tmp_path / "texts.csv")
    out = tmp_path / "out.csv"
    out.write_text("as it was", encoding="utf-8")

    def interrupted(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "scored", interrupted)
    with pytest.raises(KeyboardInterrupt):
        score_file(scorer, source, out, text="body")
    assert out.read_text(encoding="utf-8") == "as it was"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.csv", "texts.csv"]


def test_progress_counts_rows_once_also_where_texts_repeat(scorer, table, tmp_path):
    class Listener:
        total = done = 0

        def begin(self, task, total):
            self.total = total

        def advance(self, task, steps=1):
            self.done += steps

        def note(self, message): ...

    listener = Listener()
    score_file(
        scorer, write(table, tmp_path / "t.csv"), tmp_path / "o.csv", text="body", progress=listener
    )
    assert (listener.done, listener.total) == (6, 6)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "code\n1\n", "has no column 'text'"),
        ("a.csv", "text\n", "has no row to score"),
        ("a.csv", "", "is no table that can be read"),
        ("a.jsonl", '{"text": "跌"}\n[1]\n', "a.jsonl:2 is no JSON object"),
        ("a.jsonl", '{"text": "跌"}\n{"body": 1}\n', "line 2, has no column 'text'"),
        ("a.jsonl", "{", "a.jsonl:1 is no JSON"),
        ("a.parquet", "no parquet", "is no table that can be read"),
    ],
)
def test_bad_files_get_one_sentence(scorer, tmp_path, name, content, message):
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        score_file(scorer, tmp_path / name, tmp_path / "out.csv")


def test_file_in_another_encoding_is_one_sentence(scorer, tmp_path):
    (tmp_path / "a.csv").write_bytes("text\n跌停\n".encode("gbk"))
    with pytest.raises(DataError, match="is not in UTF-8"):
        score_file(scorer, tmp_path / "a.csv", tmp_path / "out.csv")


def test_command_prints_a_table_or_writes_a_file(table, tmp_path):
    source = write(table, tmp_path / "texts.csv")
    shown = score(source, "--model", "dictionary", "--text", "body", "--json")
    assert [row["p_neg"] > 0.5 for row in json.loads(shown.stdout)] == [
        True,
        False,
        False,
        True,
        False,
        False,
    ]
    done = score(
        source, "--model", "dictionary", "--text", "body", "--out", tmp_path / "o.jsonl", "--json"
    )
    assert json.loads(done.stdout) == {"rows": 6, "out": str(tmp_path / "o.jsonl")}


def test_command_scores_what_the_store_has_not_scored_yet(tmp_path):
    archive = TextArchive(tmp_path / "store" / "texts.sqlite")
    frame = pd.DataFrame({"id": list("abc"), "audience": "public", "body": ["跌停", "涨停", "跌停"]})
    frame["published_at"] = pd.Timestamp("2024-01-02", tz="UTC")
    archive.add(Texts.from_frame(frame))
    first = score("--archive", "--model", "dictionary")
    assert "2 texts scored" in first.stdout
    assert json.loads(score("--archive", "--model", "dictionary", "--json").stdout)["rows"] == 0
    other = score("--archive", "--model", "dictionary:jiang", "--json")
    assert json.loads(other.stdout)["rows"] == 2


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--model", "dictionary"], "give either a FILE of texts or --archive"),
        (["t.csv", "--archive", "--model", "dictionary"], "give either a FILE of texts or --archive"),
        (["--archive", "--out", "o.csv", "--model", "dictionary"], "leave out --out"),
        (["t.csv", "--model", "dictionary", "--precision", "int9"], "did you mean 'int8'"),
        (["t.csv", "--model", "dictionary", "--precision", "int8"], "has no precision"),
        (["t.csv", "--model", "dictionary", "--output-names", "neg,neu,pos"], "has no output names"),
        (["t.csv", "--model", "dictionary:yoa"], "did you mean 'yao'"),
        (["t.csv", "--model", "dictionary", "--out", "o.xlsx"], "end the name in .csv or .parquet"),
    ],
)
def test_command_refuses_in_one_sentence(args, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.csv").write_text("text\n跌\n", encoding="utf-8")
    done = score(*args)
    assert done.exit_code == 2
    assert message in done.stderr
    assert done.stderr.count("error: ") == 1


def test_classifier_settings_name_their_source():
    parse = ClassifierSettings.parse
    assert parse({"kind": "dictionary"}, "[classifier]").source == "dictionary"
    assert parse({"kind": "dictionary", "model": "jiang"}, "[classifier]").source == "dictionary:jiang"
    assert parse({"kind": "linear", "model": "folder"}, "[classifier]").source == "folder"
    assert parse({"labels": "sample"}, "[classifier]").source is None
    names = {"LABEL_0": "neg", "LABEL_1": "pos"}
    parsed = parse({"model": "m", "output_names": names, "precision": "int8"}, "[classifier]")
    assert (parsed.output_names, parsed.precision) == (names, "int8")


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"kind": "dictionary", "labels": "sample"}, "is not trained"),
        ({"kind": "linear", "model": "m", "precision": "int8"}, "a linear scorer has no 'precision'"),
        ({"kind": "dictionary", "output_names": ["neg"]}, "a dictionary scorer has no 'output_names'"),
        ({"model": "m", "precision": "int4"}, "did you mean 'int8'"),
        ({"kind": "transformer"}, "takes either 'model'"),
    ],
)
def test_classifier_settings_refuse_what_makes_no_sense(table, message):
    with pytest.raises(ConfigError, match=message):
        ClassifierSettings.parse(table, "[classifier]")
