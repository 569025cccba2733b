"""`qushi panic` as a person types it: the table, the page and where it lies, and what is refused."""

import json
import re

import pandas as pd
import pytest
from typer.testing import CliRunner

from qushi.app.cli import app
from qushi.app.panic_page import check_asked, table_of
from qushi.core import DataError, PanicIndex

EXPERIMENT = """\
name = "frights"
language = "zh"

[bars]
kind = "sample"
symbols = ["000300.SH"]
start = "2019-01-02"
end = "2020-06-30"

[texts]
kind = "sample"

[classifier]
kind = "dictionary"
contaminated = true

[panic]
window = 120
min_history = 30

[panic_study]
lags = 2
horizons = [1]
shuffles = 99
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("panic")
    (made / "frights.toml").write_text(EXPERIMENT, encoding="utf-8")
    return made


def call(folder, *args):
    places = ["--store", folder / "store", "--runs", folder / "runs"]
    return CliRunner().invoke(app, ["panic", *map(str, [folder / "frights.toml", *args, *places])])


def payload_of(path):
    page = path.read_text(encoding="utf-8")
    return json.loads(re.search(r'id="payload">(.*?)</script>', page, re.S)[1])


def test_panic_prints_the_table_and_says_where_the_page_lies(folder):
    done = call(folder, "--last", "2")
    assert done.exit_code == 0, done.output
    page = folder / "runs" / "frights-panic.html"
    assert f"page: {page.resolve()}" in done.output
    text = page.read_text(encoding="utf-8")
    assert 'data-lang="zh"' in text
    assert 'id="study"' in text
    assert "合成文本" in text  # the warning about the sample's texts
    assert payload_of(page)["first"] == {"scope": "market", "audience": "all"}
    assert call(folder, "--last", "2", "--no-study").exit_code == 0
    assert 'id="study"' not in page.read_text(encoding="utf-8")


def test_page_scope_audience_and_language_can_be_chosen(folder):
    page = folder / "chosen.html"
    args = ("--audience", "divergence", "--language", "en", "--no-study", "--page", page)
    done = call(folder, "--last", "1", *args)
    assert done.exit_code == 0, done.output
    assert payload_of(page)["first"] == {"scope": "market", "audience": "divergence"}
    assert 'data-lang="en"' in page.read_text(encoding="utf-8")
    for column in ("public", "institution", "divergence"):
        assert column in done.output


def test_json_is_the_table_alone_and_draws_only_where_told(folder):
    before = set((folder / "runs").glob("*"))
    done = call(folder, "--json", "--last", "3")
    rows = json.loads(done.stdout)
    assert [set(row) >= {"session", "panic", "quality"} for row in rows] == [True] * 3
    assert set((folder / "runs").glob("*")) == before
    assert call(folder, "--json", "--no-study", "--page", folder / "told.html").exit_code == 0
    assert (folder / "told.html").is_file()


def test_a_page_beside_the_runs_is_no_run(folder):
    call(folder, "--no-study")
    done = CliRunner().invoke(app, ["runs", "list", "--json", "--runs", str(folder / "runs")])
    assert done.exit_code == 0
    assert json.loads(done.stdout) == []


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (("--audience", "publik"), "no audience 'publik': did you mean 'public'?"),
        (("--scope", "600519.SH"), "no panic index for '600519.SH'"),
        (("--page", "x.png"), "end the name in .html"),
        (("--page", "."), "it is a folder"),
    ],
)
def test_what_cannot_be_drawn_ends_in_one_sentence(folder, args, sentence):
    done = call(folder, *args)
    assert done.exit_code == 2
    assert sentence in done.output
    assert "Traceback" not in done.output


def test_too_short_a_study_is_said_on_the_page(folder):
    short = EXPERIMENT.replace("2020-06-30", "2019-02-28")
    (folder / "frights.toml").write_text(short, encoding="utf-8")
    try:
        page = folder / "short.html"
        assert call(folder, "--page", page).exit_code == 0
        text = page.read_text(encoding="utf-8")
        assert 'id="study"' not in text
        assert "没有该范围的检验" in text
    finally:
        (folder / "frights.toml").write_text(EXPERIMENT, encoding="utf-8")


def test_table_of_a_divergence_has_both_sides():
    days = pd.DatetimeIndex(["2024-01-02", "2024-01-03"])
    frame = pd.DataFrame(
        {
            "scope": "market",
            "audience": ["institution"] * 2 + ["public"] * 2,
            "session": [*days, *days],
            "panic": [40.0, float("nan"), 70.0, 60.0],
            "quality": "ok",
        }
    ).assign(**dict.fromkeys(PLAIN, 0.0))
    table = table_of(PanicIndex(frame), "market", "divergence")
    assert table["divergence"].tolist()[0] == 30.0
    assert table["divergence"].isna().tolist() == [False, True]
    assert table["public"].tolist() == [70.0, 60.0]


PLAIN = ("texts", "effective", "session_bearishness", "bearishness", "z", "attention", "agreement")


def test_check_asked_names_the_near_reading():
    with pytest.raises(DataError, match="did you mean 'institution'"):
        check_asked("institutions", None)
