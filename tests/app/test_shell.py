"""What is printed: for people on a terminal or in a pipe, for machines with --json."""

import json
import os
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest
from rich.console import Console

from qushi.app import console as console_module
from qushi.app.console import ConsoleProgress
from qushi.app.shell import emit, emit_table
from tiny import write_tiny

MAIN = [sys.executable, "-c", "from qushi.app.cli import main; main()"]


def wide():
    names = [f"trend_follow[model_{n}]" for n in range(3)]
    numbers = {f"column_{n}": [n + 0.25] * 3 for n in range(9)}
    return pd.DataFrame({"strategy": names, **numbers})


def on_terminal(monkeypatch, width):
    monkeypatch.setattr(
        "rich.console.Console",
        lambda: Console(force_terminal=True, no_color=True, color_system=None, width=width),
    )


def test_emit_table_wider_than_the_terminal_goes_on_below_and_cuts_nothing(monkeypatch, capsys):
    on_terminal(monkeypatch, 60)
    emit_table(wide(), as_json=False)
    shown = capsys.readouterr().out
    assert "…" not in shown
    assert max(map(len, shown.splitlines())) <= 60
    for name in wide().columns[1:]:
        assert shown.count(name) == 1
    assert shown.count("trend_follow[model_0]") > 1, "each part says whose figures it holds"


def test_emit_table_in_a_pipe_keeps_every_row_on_one_line(capsys):
    emit_table(wide(), as_json=False)
    rows = [line for line in capsys.readouterr().out.splitlines() if "trend_follow" in line]
    assert len(rows) == 3
    assert all("8.2500" in row for row in rows)


def test_emit_table_shows_shares_as_percent_and_counts_whole(capsys):
    emit_table(
        pd.DataFrame({"total_return": [0.5611], "round_trips": [83.0], "sharpe": [float("nan")]}),
        as_json=False,
    )
    row = capsys.readouterr().out.splitlines()[-2].split()
    assert row == ["56.1%", "83", "–"]


def test_emit_table_with_json_keeps_every_digit_and_writes_iso_dates(capsys):
    moment = pd.Timestamp("2024-01-02 02:31", tz="UTC")
    table = pd.DataFrame({"session": [pd.Timestamp("2024-01-02")], "at": [moment], "x": [0.123456789]})
    emit_table(table, as_json=True)
    found = json.loads(capsys.readouterr().out)
    assert found == [{"session": "2024-01-02", "at": "2024-01-02T02:31:00+00:00", "x": 0.123456789}]


def test_emit_writes_json_for_what_json_does_not_know(capsys):
    emit({"nan": float("nan"), "inf": float("inf"), "nat": pd.NaT, "none": None})
    assert json.loads(capsys.readouterr().out) == {"nan": None, "inf": "inf", "nat": None, "none": None}


def test_progress_in_a_pipe_says_a_line_a_task_and_none_for_a_brief_inner_one(capsys):
    with ConsoleProgress() as progress:
        progress.begin("fit", 2)
        for _ in range(2):
            progress.begin("epochs", 1)
            progress.advance("epochs")
            progress.advance("fit")
    said = capsys.readouterr()
    assert said.out == ""
    assert [line.split(" in ")[0] for line in said.err.splitlines()] == ["fit: 2 done"]


def test_progress_in_a_pipe_says_now_and_then_how_far_a_long_task_is(monkeypatch, capsys):
    monkeypatch.setattr(console_module, "HEARTBEAT", 0.0)
    with ConsoleProgress() as progress:
        progress.begin("fit", 2)
        progress.advance("fit")
    assert capsys.readouterr().err.startswith("fit: 1 of 2 after")


def test_progress_in_a_pipe_says_how_much_time_is_left(monkeypatch, capsys):
    monkeypatch.setattr(console_module, "HEARTBEAT", 0.0)
    with ConsoleProgress() as progress:
        progress.begin("scoring", 100)
        progress._started["scoring"] -= 60
        progress.advance("scoring", 0)  # nothing is done: nothing can be guessed
        progress.advance("scoring", 10)
    assert capsys.readouterr().err == "scoring: 10 of 100 after 60 s, about 9 min left\n"


@pytest.mark.parametrize(
    ("seconds", "said"), [(7.4, "7 s"), (119, "119 s"), (600, "10 min"), (12_600, "3.5 h")]
)
def test_time_left_is_as_exact_as_a_guess(seconds, said):
    assert console_module._spell(seconds) == said


def test_progress_quiet_says_nothing(capsys):
    with ConsoleProgress(quiet=True) as progress:
        progress.begin("fit", 1)
        progress.advance("fit")
        progress.note("a sentence")
    assert capsys.readouterr() == ("", "")


def test_help_answers_at_once_and_imports_nothing_heavy():
    code = (
        "import sys; from typer.testing import CliRunner; from qushi.app.cli import app;"
        "done = CliRunner().invoke(app, ['--help']); assert done.exit_code == 0, done.output;"
        "print([m for m in ('pandas', 'numpy', 'torch', 'transformers', 'backtrader', 'quantstats')"
        " if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


@pytest.mark.skipif(os.name == "nt", reason="SIGINT is sent otherwise there")
def test_run_interrupted_by_a_person_ends_with_130_and_one_sentence(tmp_path):
    long = write_tiny(tmp_path, **{"refit_every = 120": "refit_every = 1"})  # hundreds of folds
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    running = subprocess.Popen(
        [*MAIN, "run", str(long)],
        cwd=tmp_path,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell that runs this suite in the background has its children ignore the signal.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    until = time.monotonic() + 60
    while not list((tmp_path / "store").rglob("*")) and time.monotonic() < until:
        time.sleep(0.05)  # the first fold is being fitted once something is kept
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=60)
    assert running.returncode == 130
    assert err.splitlines()[-1].startswith("error: interrupted")
    assert "Traceback" not in out + err
    assert not (tmp_path / "runs").exists()
