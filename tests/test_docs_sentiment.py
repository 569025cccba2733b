"""The commands and examples of docs/sentiment.md run, and the Chinese page has the same."""

import re
import shlex
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

import qushi
from qushi.app.cli import app
from qushi.sentiment import load_scorer

DOCS = Path(qushi.__file__).parent / "docs"
BLOCK = re.compile(r"(?:<!-- file: (?P<file>\S+) -->\n)?```(?P<kind>\w+)\n(?P<body>.*?)```", re.DOTALL)
LINK = re.compile(r"\]\((?!https?://)([^)#]*)(?:#([^)]+))?\)")


def blocks(name):
    text = (DOCS / name).read_text(encoding="utf-8")
    return [(m["kind"], m["file"], m["body"]) for m in BLOCK.finditer(text)]


def headings(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    titles = [line.lstrip("#").strip().lower() for line in lines if line.startswith("#")]
    return {re.sub(r"[^\w\- ]", "", title).replace(" ", "-") for title in titles}


def test_docs_sentiment_both_languages_show_the_same_blocks():
    assert blocks("sentiment.md") == blocks("sentiment.zh.md")


def test_docs_sentiment_both_languages_have_the_same_tables_and_headings():
    shapes = []
    for name in ("sentiment.md", "sentiment.zh.md"):
        lines = (DOCS / name).read_text(encoding="utf-8").splitlines()
        shapes.append([line.count("|") if line.startswith("|") else line[:2] for line in lines
                       if line.startswith(("|", "# ", "##", "- "))])  # fmt: skip
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize("name", ["sentiment.md", "sentiment.zh.md", "results.md"])
def test_docs_sentiment_links_lead_somewhere(name):
    found = LINK.findall((DOCS / name).read_text(encoding="utf-8"))
    assert found
    for page, heading in found:
        target = DOCS / page if page else DOCS / name
        assert target.is_file(), f"{name} points at {page}"
        assert not heading or heading in headings(target), f"{name} points at {page}#{heading}"


@pytest.mark.parametrize("name", ["sentiment.md", "sentiment.zh.md"])
def test_docs_sentiment_names_folders_and_files_that_are_there(name):
    text = (DOCS / name).read_text(encoding="utf-8")
    named = re.findall(r"`((?:sentiment|benchmarks)/[\w./]+)`", text)
    assert len(named) >= 8
    for path in named:
        assert (DOCS.parent / path).exists(), f"{name} names {path}"


@pytest.mark.slow
def test_docs_sentiment_every_block_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("QUSHI_STORE", raising=False)
    monkeypatch.delenv("QUSHI_RUNS", raising=False)
    names, said = {}, {}
    for kind, file, body in blocks("sentiment.md"):
        if file:
            Path(file).write_text(body, encoding="utf-8")
        elif kind == "bash":
            for line in body.strip().splitlines():
                command, *words = shlex.split(line)
                assert command == "qushi"
                done = CliRunner().invoke(app, words)
                assert done.exit_code == 0, f"{line}\n{done.output}"
                said[" ".join(words[:3])] = done.output
        else:
            assert kind == "python", f"a block of {kind} is neither run nor a file"
            exec(compile(body, "docs/sentiment.md", "exec"), names)
    assert "1 edited" in said["texts import edits.csv"]
    check = said["texts names check"]
    assert "an ordinary word as well" in check
    assert "平安银行" in check
    scores = pd.read_parquet("scored.parquet")
    again = load_scorer("models/linear").probabilities(scores["text"].tolist())
    assert (scores[["p_neg", "p_neu", "p_pos"]].to_numpy() == again).all()
    # What grew by a month is what one look at all texts gives.
    index = pd.read_csv("index.csv")
    assert index["panic"].notna().any()
    whole = names["archive"].read(end="2020-06-30")
    made = names["panic_index"](
        whole, names["scorer"].score(whole), "XSHG", names["settings"], sectors=names["sectors"]
    )
    pd.testing.assert_frame_equal(names["grown"].frame, made.frame)
    for page in ("runs/fear-panic.html", "divergence.html"):
        assert "<html" in Path(page).read_text(encoding="utf-8")
    assert Path("study/said.txt").is_file()
    assert Path("study/lead_lag.csv").is_file()
