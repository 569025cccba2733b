"""`qushi train` and `qushi forecast` as a person types them."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from qushi.app.cli import app
from qushi.app.config import read_experiment
from qushi.app.train import known_inputs, train_models
from qushi.app.workspace import Workspace
from qushi.core.calendar import sessions
from qushi.forecasters.fitted import FittedModel
from tiny import write_tiny


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("QUSHI_STORE", raising=False)
    write_tiny(tmp_path)
    return tmp_path


def run(*args):
    return CliRunner().invoke(app, [str(arg) for arg in args])


def read(*args):
    done = run(*args, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_train_keeps_every_model_and_finds_it_again(folder):
    first = read("train", "tiny.toml")
    assert [row["model"] for row in first["models"]] == ["momentum", "lstm"]
    assert not any(row["found"] for row in first["models"])
    kept = {Path(row["folder"]) for row in first["models"]}
    assert {p.parent for p in kept} == {folder / "store" / "models"}
    for row in first["models"]:
        loaded = FittedModel.load(Path(row["folder"]))
        assert Path(row["folder"]).name == f"tiny-{row['model']}-0-{loaded.key[:8]}"
        assert row["fit_end"] == f"{loaded.fit_end:%Y-%m-%d}" == "2021-12-31"
    net = first["models"][1]
    assert net["epochs"] == 2
    assert net["train_loss"] > 0
    assert net["valid_loss"] > 0
    assert not list((folder / "store" / "checkpoints").iterdir()), "what is finished is tidied up"
    again = read("train", "tiny.toml")
    assert all(row["found"] for row in again["models"])
    assert {Path(row["folder"]) for row in again["models"]} == kept


def test_train_other_settings_are_another_model(folder):
    read("train", "tiny.toml", "--model", "momentum")
    write_tiny(folder, **{"lookback = 5": "lookback = 6"})
    assert not read("train", "tiny.toml", "--model", "momentum")["models"][0]["found"]
    assert len(list((folder / "store" / "models").iterdir())) == 2


def test_train_out_is_the_folder_of_one_model_or_of_several(folder):
    read("train", "tiny.toml", "--model", "momentum", "--out", "one")
    assert FittedModel.load(Path("one")).name == "momentum"
    read("train", "tiny.toml", "--out", "both")
    assert sorted(p.name for p in Path("both").iterdir()) == ["lstm-0", "momentum-0"]


def test_forecast_says_what_a_walk_forward_from_the_newest_session_says(folder):
    found = {row["model"]: row for row in read("forecast", "tiny.toml")["forecasts"]}
    experiment = read_experiment(folder / "tiny.toml")
    known = known_inputs(experiment, Workspace.default())
    newest = known.bars.sessions[-1]
    walk = experiment.settings.walk_forward.model_copy(update={"start": newest.date()})
    features = experiment.settings.features.build(known.bars)
    for name, forecaster in experiment.forecasters:
        row = walk.run(name, forecaster, features, known.bars).frame.iloc[0]
        assert found[name]["expected_return"] == row["expected_return"]
        assert found[name]["fit_end"] == f"{row['fit_end']:%Y-%m-%d}"
        assert found[name]["session"] == f"{newest:%Y-%m-%d}"
        assert found[name]["trades_at"] == f"{sessions('XSHG', newest)[1]:%Y-%m-%d}"


def test_forecast_with_an_external_series_looks_at_what_was_known(folder):
    days = pd.date_range("2018-12-01", "2021-12-31")
    values = np.random.default_rng(0).normal(size=len(days))
    pd.DataFrame({"date": days.strftime("%Y-%m-%d"), "value": values}).to_csv("rate.csv", index=False)
    text = Path("tiny.toml").read_text(encoding="utf-8")
    text = text.replace("[features]\n", '[[series]]\nname = "rate"\nfile = "rate.csv"\n\n[features]\n')
    text = text.replace("volume = []\n", 'volume = []\nseries = ["rate"]\n')
    Path("tiny.toml").write_text(text, encoding="utf-8")
    asked = ("forecast", "tiny.toml", "--model", "lstm", "--date", "2021-06-30")
    before = read(*asked)["forecasts"]
    values[days > "2021-06-30"] = 9.0
    pd.DataFrame({"date": days.strftime("%Y-%m-%d"), "value": values}).to_csv("rate.csv", index=False)
    assert read(*asked)["forecasts"] == before, "later values change nothing"
    values[days <= "2021-06-29"] *= 5
    pd.DataFrame({"date": days.strftime("%Y-%m-%d"), "value": values}).to_csv("rate.csv", index=False)
    assert read(*asked)["forecasts"] != before, "and the series does count"


def test_forecast_date_trains_on_what_was_known_then(folder):
    args = ("forecast", "tiny.toml", "--model", "lstm", "--date", "2021-06-30")
    then = read(*args)["forecasts"][0]
    assert (then["session"], then["trades_at"], then["fit_end"]) == (
        "2021-06-30",
        "2021-07-01",
        "2021-06-30",
    )
    write_tiny(folder, **{'end = "2021-12-31"': 'end = "2021-06-30"'})
    assert read("forecast", "tiny.toml", "--model", "lstm")["forecasts"][0] == then


def test_forecast_saved_is_asked_on_newer_bars_and_never_about_its_past(folder):
    write_tiny(folder, **{'end = "2021-12-31"': 'end = "2021-06-30"'})
    read("train", "tiny.toml", "--model", "lstm", "--out", "mine")
    write_tiny(folder)
    newest = read("forecast", "tiny.toml", "--saved", "mine")["forecasts"][0]
    assert (newest["session"], newest["fit_end"]) == ("2021-12-31", "2021-06-30")
    at = read("forecast", "tiny.toml", "--saved", "mine", "--date", "2021-09-30")["forecasts"][0]
    expected = FittedModel.load(Path("mine"))
    bars = known_inputs(read_experiment(folder / "tiny.toml"), Workspace.default()).bars
    answer = expected.predict(bars, sessions=[pd.Timestamp("2021-09-30")]).frame
    assert at["expected_return"] == answer["expected_return"].iloc[0]
    past = run("forecast", "tiny.toml", "--saved", "mine", "--date", "2021-06-01")
    assert past.exit_code == 1
    assert "was trained on prices up to 2021-06-30" in past.stderr


def chinese_bars(folder):
    """Codes with zeros: one sound symbol, one suspended at the end, one too young."""
    at = sessions("XSHG", "2020-01-02")[:420]
    for number, (symbol, first, last) in enumerate(
        [("000001.SZ", 0, 420), ("000002.SZ", 0, 420), ("000004.SZ", 0, 400), ("000005.SZ", 412, 420)]
    ):
        random = np.random.default_rng(number)
        close = 10 * np.exp(np.cumsum(random.normal(0, 0.01, 420)))
        prices = dict.fromkeys(("open", "high", "low", "close"), close)
        table = pd.DataFrame({"session": at, **prices, "volume": 1e6}).iloc[first:last]
        table.to_csv(folder / f"{symbol}.csv", index=False)


SEVERAL = """\
name = "several"
seeds = [0, 1]

[bars]
kind = "csv"
folder = "."
adjustment = "raw"
symbols = ["000001.SZ", "000002.SZ", "000004.SZ", "000005.SZ"]

[features]
returns = [1, 5]
volatility = [5]
volume = []
indicators = []

[walk_forward]
horizon = 2
steps = "all"
lookback = 5
min_train = 200
valid = 40

[[forecasters]]
kind = "gru"
hidden = [4]
epochs = 1
target = "close"
"""


def test_forecast_table_ranks_symbols_and_says_why_one_is_missing(folder):
    chinese_bars(folder)
    Path("several.toml").write_text(SEVERAL, encoding="utf-8")
    read("forecast", "several.toml", "--out", "next.csv")
    table = pd.read_csv("next.csv", dtype={"symbol": str}, keep_default_na=False)
    assert list(table["seed"].unique()) == ["0", "1"] or list(table["seed"].unique()) == [0, 1]
    own = table[table["seed"].astype(int) == 0].reset_index(drop=True)
    assert own["symbol"].tolist()[4:] == ["000004.SZ", "000005.SZ"]
    assert set(own["symbol"][:4]) == {"000001.SZ", "000002.SZ"}
    assert own["horizon"].astype(int).tolist()[:4] == [1, 2, 1, 2]
    longest = own[:4].loc[own["horizon"].astype(int) == 2, "expected_return"].astype(float)
    assert longest.is_monotonic_decreasing
    assert "price_close" in table.columns
    assert "no trade on" in own["missing"][4]
    assert own["missing"][5].startswith("8 sessions with trade, 10 are needed")
    assert own["price_close"][4] == ""
    shown = run("forecast", "several.toml", "--out", "next.parquet").stdout
    assert "no trade on" in shown
    assert pd.read_parquet("next.parquet")["symbol"].str.len().eq(9).all()


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (("train", "tiny.toml", "--model", "lstn"), 2, "did you mean 'lstm'?"),
        (("train", "none.toml"), 2, "no experiment file"),
        (("forecast", "tiny.toml", "--saved", "nowhere"), 2, "holds no trained model"),
        (("forecast", "tiny.toml", "--saved", "x", "--model", "lstm"), 2, "leave --model out"),
        (("forecast", "tiny.toml", "--date", "yesterday"), 2, "YYYY-MM-DD"),
        (("forecast", "tiny.toml", "--date", "2021-10-02"), 2, "the last one before it is 2021-09-30"),
        (("forecast", "tiny.toml", "--date", "2019-06-28"), 2, "too short a history"),
        (("forecast", "tiny.toml", "--out", "table.xlsx"), 2, ".csv or .parquet"),
    ],
)
def test_train_and_forecast_bad_input_is_one_sentence(folder, args, code, said):
    done = run(*args)
    assert done.exit_code == code, done.output
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert said in errors[0]


def test_train_without_models_is_refused(folder):
    text = Path("tiny.toml").read_text(encoding="utf-8")
    head, _, rest = text.partition("[[forecasters]]")
    Path("tiny.toml").write_text(head + "[[strategies]]" + rest.partition("[[strategies]]")[2])
    done = run("train", "tiny.toml")
    assert done.exit_code == 2
    assert "has no [[forecasters]] to train" in done.stderr


def test_train_a_model_that_fails_costs_no_other(folder):
    Path("broken.py").write_text(
        "from qushi import Forecaster\n"
        "class Broken(Forecaster):\n"
        "    def fit(self, train, valid, *, seed=0, progress=None, checkpoint=None):\n"
        "        raise RuntimeError('no idea')\n"
        "    def predict(self, windows):\n"
        "        raise RuntimeError('no idea')\n",
        encoding="utf-8",
    )
    write_tiny(
        folder, **{'kind = "lstm"\nhidden = [4]\ndense = 4\nepochs = 2': 'kind = "broken:Broken"'}
    )
    done = run("train", "tiny.toml", "--json")
    assert done.exit_code == 1
    said = json.loads(done.stdout)
    assert [row["model"] for row in said["models"]] == ["momentum"]
    assert "no idea" in said["failures"][0]["why"]


def test_train_interrupted_goes_on_where_it_stopped(folder):
    experiment = read_experiment(folder / "tiny.toml")
    place = Workspace.default()
    known = known_inputs(experiment, place)

    class Stop:
        epochs = 0

        def begin(self, task, total):
            pass

        def advance(self, task, steps=1):
            if task == "lstm: epochs":
                self.epochs += steps
                if self.epochs == 1:
                    raise KeyboardInterrupt

        def note(self, message):
            pass

    with pytest.raises(KeyboardInterrupt):
        train_models(experiment, known, place, "lstm", progress=Stop())
    assert not (folder / "store" / "models").exists()
    assert list((folder / "store" / "checkpoints").rglob("*.safetensors"))
    resumed = train_models(experiment, known, place, "lstm").trained[0].model
    fresh = train_models(experiment, known, Workspace(folder / "other", folder), "lstm").trained[0].model
    assert resumed.predict(known.bars).frame.equals(fresh.predict(known.bars).frame)
    assert resumed.losses.equals(fresh.losses)
