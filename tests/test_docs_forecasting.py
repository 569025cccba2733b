"""The commands and examples of docs/forecasting.md run, and the Chinese page has the same."""

import re
import shlex
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

import qushi
from qushi.app.cli import app

DOCS = Path(qushi.__file__).parent / "docs"
BLOCK = re.compile(r"(?:<!-- file: (?P<file>\S+) -->\n)?```(?P<kind>\w+)\n(?P<body>.*?)```", re.DOTALL)


def blocks(name):
    text = (DOCS / name).read_text(encoding="utf-8")
    return [(m["kind"], m["file"], m["body"]) for m in BLOCK.finditer(text)]


def test_docs_forecasting_both_languages_show_the_same_blocks():
    assert blocks("forecasting.md") == blocks("forecasting.zh.md")


@pytest.mark.slow
def test_docs_forecasting_every_block_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("QUSHI_STORE", raising=False)
    names = {}
    for kind, file, body in blocks("forecasting.md"):
        if file:
            Path(file).write_text(body, encoding="utf-8")
        elif kind == "bash":
            for line in body.strip().splitlines():
                command, *words = shlex.split(line)
                assert command == "qushi"
                done = CliRunner().invoke(app, words)
                assert done.exit_code == 0, f"{line}\n{done.output}"
        else:
            assert kind == "python", f"a block of {kind} is neither run nor a file"
            exec(compile(body, "docs/forecasting.md", "exec"), names)
    table = pd.read_csv("next.csv", dtype={"symbol": str})
    assert table["symbol"].tolist() == ["000300.SH"]
    assert (table["q0.05"] < table["q0.95"]).all()
    assert names["errors"]["step"].tolist() == list(range(1, 11))
    assert names["flags"]["flag"].any(), "the example should show a flag"
    assert (names["flags"]["known_at"] > names["flags"]["session"]).all()
    assert names["newest"]["sigma"] > 0
