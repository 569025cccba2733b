import json
import math
import subprocess
import sys
import warnings
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import load_file, save_file

from qushi.core import ConfigError, DataError, FitError, MissingExtraError, SourceError
from qushi.forecasters import FeatureSet, Forecaster, WalkForward
from qushi.forecasters.models._foundation import between_levels
from qushi.forecasters.models._kronos import KronosDecoder, KronosTokenizer
from qushi.forecasters.models.chronos import Chronos
from qushi.forecasters.models.kronos import Kronos, _calendar
from qushi.forecasters.models.timesfm import TimesFM
from qushi.forecasters.windows import Panel, Windows
from small_foundation import (
    DECILES,
    write_chronos_2,
    write_chronos_bolt,
    write_chronos_t5,
    write_kronos,
    write_timesfm,
    write_timesfm_2_5,
)

LONG_AGO = {"knowledge_cutoff": "2000-01-01", "device": "cpu"}
WRITERS = {
    "t5": (Chronos, write_chronos_t5),
    "bolt": (Chronos, write_chronos_bolt),
    "2": (Chronos, write_chronos_2),
    "timesfm": (TimesFM, write_timesfm),
    "timesfm_2_5": (TimesFM, write_timesfm_2_5),
    "kronos": (Kronos, write_kronos),
}
ALL = list(WRITERS)
DRAWING = ["t5", "kronos"]
in_all_models = pytest.mark.parametrize("name", ALL)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Name of a model -> the keys that say where it lies."""
    root = tmp_path_factory.mktemp("models")
    found = {
        name: {"model": str(write(root / name))}
        for name, (_, write) in WRITERS.items()
        if name != "kronos"
    }
    decoder, tokenizer = write_kronos(root / "kronos")
    found["kronos"] = {"model": str(decoder), "tokenizer": str(tokenizer)}
    return found


def windows(ends=(30, 45, 59, 100, 119), steps=(1, 2, 3), change=None):
    """Windows of two symbols of 60 rows each; `change` may alter the closes."""
    random = np.random.default_rng(0)
    close = 50 * np.exp(random.normal(0, 0.01, (2, 60)).cumsum(axis=1)).reshape(-1)
    if change is not None:
        close = change(close)
    days = np.arange("2020-01-01", "2020-03-01", dtype="datetime64[D]").astype("datetime64[ns]")
    panel = Panel(
        np.zeros((120, 1), dtype=np.float32), ("a",), close, np.repeat(["A", "B"], 60).astype(object),
        np.tile(days, 2), np.repeat([0, 60], 60),
    )  # fmt: skip
    return Windows(panel, np.array(ends), 5, horizon=steps[-1], steps=steps)


def made(name, folders, **more):
    return WRITERS[name][0](**folders[name], **LONG_AGO, **more)


def ready(name, folders, seed=0, **more):
    model = made(name, folders, **more)
    model.fit(windows(), windows(), seed=seed)
    return model


# What is answered ----------------------------------------------------------------------------------


@in_all_models
def test_answer_has_every_step_and_ascending_quantiles(name, folders):
    found = ready(name, folders, quantiles=[0.1, 0.25, 0.9]).predict(windows())
    assert found.value.shape == (5, 3, 1)
    assert found.quantiles.shape == (5, 3, 3)
    assert found.levels == (0.1, 0.25, 0.9)
    assert (np.diff(found.quantiles, axis=2) >= 0).all()
    assert np.abs(found.value).max() > 0
    assert made(name, folders).targets == ("close",)


@in_all_models
def test_steps_that_are_asked_for_are_those_of_the_whole_path(name, folders):
    model = ready(name, folders)
    whole, last = model.predict(windows()), model.predict(windows(steps=(3,)))
    np.testing.assert_array_equal(last.value, whole.value[:, 2:])
    np.testing.assert_array_equal(last.quantiles, whole.quantiles[:, 2:])


@in_all_models
def test_no_windows_have_no_answers(name, folders):
    found = ready(name, folders).predict(windows(ends=()))
    assert found.value.shape == (0, 3, 1)


def log_series(data, which, rows):
    """The closes of one window, by hand."""
    end = data.ends[which]
    start = max(end - rows + 1, data.panel.first[end])
    return np.log(data.panel.close[start : end + 1] / data.panel.close[end]).astype(np.float32)


@pytest.mark.parametrize("name", ["bolt", "2"])
def test_chronos_answers_as_its_library_does_one_series_at_a_time(name, folders):
    from chronos import BaseChronosPipeline

    pipeline = BaseChronosPipeline.from_pretrained(folders[name]["model"], dtype="float32")
    data = windows()
    found = ready(name, folders, quantiles=DECILES).predict(data)
    for which in range(len(data)):
        series = torch.from_numpy(log_series(data, which, 32))
        wanted = np.asarray(pipeline.predict([series], 3)[0]).reshape(9, 3)
        np.testing.assert_allclose(found.quantiles[which], np.sort(wanted.T), rtol=0, atol=1e-5)
        np.testing.assert_allclose(found.value[which, :, 0], wanted[4], rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", ["timesfm", "timesfm_2_5"])
def test_timesfm_answers_as_its_library_does_one_series_at_a_time(name, folders):
    import transformers

    cls = {"timesfm": "TimesFmModelForPrediction", "timesfm_2_5": "TimesFm2_5ModelForPrediction"}[name]
    network = getattr(transformers, cls).from_pretrained(folders[name]["model"]).eval()
    data = windows()
    found = ready(name, folders, quantiles=DECILES).predict(data)
    for which in range(len(data)):
        series = [torch.from_numpy(log_series(data, which, 32))]
        with torch.inference_mode():
            wanted = network(past_values=series, truncate_negative=False)
        np.testing.assert_allclose(found.value[which, :, 0], wanted.mean_predictions[0, :3], atol=1e-6)
        quantiles = np.sort(wanted.full_predictions[0, :3, 1:].numpy())
        np.testing.assert_allclose(found.quantiles[which], quantiles, rtol=0, atol=1e-6)


def test_drawn_paths_of_chronos_are_summed_up_as_mean_and_quantiles(folders):
    from chronos import BaseChronosPipeline

    pipeline = BaseChronosPipeline.from_pretrained(folders["t5"]["model"], dtype="float32")
    data = windows(ends=(50,))
    found = ready("t5", folders, samples=4000).predict(data)
    torch.manual_seed(0)
    series = torch.from_numpy(log_series(data, 0, 32))
    drawn = pipeline.predict(series, 3, num_samples=4000)[0].numpy()
    spread = drawn.std(axis=0)
    assert (np.abs(found.value[0, :, 0] - drawn.mean(axis=0)) < 5 * spread * math.sqrt(2 / 4000)).all()
    assert (np.abs(found.quantiles[0, :, 1] - np.median(drawn, axis=0)) < 0.2 * spread).all()


@in_all_models
def test_forecast_does_not_depend_on_the_level_of_prices(name, folders):
    model = ready(name, folders)
    one, other = model.predict(windows()), model.predict(windows(change=lambda close: close * 8))
    np.testing.assert_allclose(one.value, other.value, rtol=0, atol=1e-5)


# What may be known ---------------------------------------------------------------------------------


@in_all_models
def test_closes_after_the_decision_change_nothing(name, folders):
    def poison(close):
        close = close.copy()
        close[46:60] *= 10
        close[101:] *= 10
        return close

    model = ready(name, folders)
    ends = (30, 45, 100)
    one, other = model.predict(windows(ends)), model.predict(windows(ends, change=poison))
    np.testing.assert_array_equal(one.value, other.value)
    np.testing.assert_array_equal(one.quantiles, other.quantiles)


@in_all_models
def test_another_symbol_s_closes_change_nothing(name, folders):
    def stain(close):
        return np.concatenate([close[:60] * np.linspace(1, 2, 60), close[60:]])

    model = ready(name, folders)
    ends = (65, 80)  # the first has six closes of its own
    one, other = model.predict(windows(ends)), model.predict(windows(ends, change=stain))
    np.testing.assert_array_equal(one.value, other.value)


@in_all_models
def test_window_is_answered_alike_alone_and_among_others(name, folders):
    model = ready(name, folders)
    whole, alone = model.predict(windows()).value, model.predict(windows(ends=(59,))).value
    if name in DRAWING:
        np.testing.assert_array_equal(whole[2:3], alone)
    else:
        np.testing.assert_allclose(whole[2:3], alone, rtol=0, atol=1e-6)


@in_all_models
def test_context_is_all_that_the_model_sees(name, folders):
    def older(close):
        close = close.copy()
        close[:30] *= np.linspace(0.5, 1.5, 30)
        return close

    model = ready(name, folders, context=16)
    one, other = model.predict(windows(ends=(59,))), model.predict(windows(ends=(59,), change=older))
    np.testing.assert_array_equal(one.value, other.value)
    longer = ready(name, folders, context=32)
    one, other = longer.predict(windows(ends=(59,))), longer.predict(windows(ends=(59,), change=older))
    assert not np.array_equal(one.value, other.value)


@in_all_models
def test_session_up_to_the_knowledge_cut_off_is_refused(name, folders):
    data = windows(ends=(45,))  # 2020-02-15
    model = made(name, folders).model_copy(update={"knowledge_cutoff": date(2020, 2, 15)})
    model.fit(data, data)
    assert model.knows_until == date(2020, 2, 15)
    with pytest.raises(FitError, match="up to 2020-02-15, and 2020-02-15 is asked for"):
        model.predict(data)
    assert model.predict(windows(ends=(46,))).value.shape == (1, 3, 1)
    stamped = model.model_copy(update={"contaminated": True})
    assert stamped.predict(data).value.shape == (1, 3, 1)


def test_walk_forward_refuses_what_the_model_knew_and_stamps_what_is_declared(folders, bars):
    features = FeatureSet(returns=[1], volatility=[], volume=[], indicators=[], calendar=False).build(
        bars
    )
    walk = WalkForward(lookback=5, min_train=150, valid=40, refit_every=200)
    late = bars.sessions[400].date()
    known = {**folders["bolt"], "device": "cpu", "knowledge_cutoff": late}
    with pytest.raises(FitError, match=f"{late}"):
        walk.run("bolt", Chronos(**known), features, bars)
    found = walk.run("bolt", Chronos(**known, contaminated=True), features, bars).frame
    assert (found["contaminated"] == (found["session"].dt.date <= late)).all()
    assert found["contaminated"].nunique() == 2
    close = bars.frame["close"].droplevel("symbol").reindex(found["session"]).to_numpy()
    np.testing.assert_allclose(found["price_close"], close * np.exp(found["expected_return"]))
    after = WalkForward(lookback=5, min_train=150, valid=40, start=bars.sessions[401].date())
    clean = after.run("bolt", Chronos(**known), features, bars).frame
    assert not clean["contaminated"].any()


def test_cut_off_must_be_declared():
    with pytest.raises(ValidationError, match="knowledge_cutoff"):
        Chronos(model="amazon/chronos-bolt-small")


# Seeds, saving, loading ----------------------------------------------------------------------------


@in_all_models
def test_answers_are_repeated_to_the_bit_and_seeds_matter_where_paths_are_drawn(name, folders):
    one = ready(name, folders, seed=1).predict(windows())
    torch.rand(7)
    before = torch.random.get_rng_state()
    again = ready(name, folders, seed=1).predict(windows())
    assert torch.equal(before, torch.random.get_rng_state())
    other = ready(name, folders, seed=2).predict(windows())
    np.testing.assert_array_equal(one.value, again.value)
    np.testing.assert_array_equal(one.quantiles, again.quantiles)
    assert np.array_equal(one.value, other.value) is (name not in DRAWING)


@in_all_models
def test_saved_model_answers_alike_and_holds_no_weights(name, folders, tmp_path):
    model = ready(name, folders, seed=5)
    model.save(tmp_path / "saved")
    size = sum(path.stat().st_size for path in (tmp_path / "saved").iterdir())
    assert size < 2000
    loaded = Forecaster.load(tmp_path / "saved")
    assert loaded.model_dump() == model.model_dump()
    np.testing.assert_array_equal(loaded.predict(windows()).value, model.predict(windows()).value)


def test_saved_model_answers_alike_in_a_new_process(folders, tmp_path):
    model = ready("kronos", folders, seed=5)
    model.save(tmp_path / "saved")
    code = (
        "import sys, pathlib; sys.path[:0] = sys.argv[1:3]\n"
        "from test_foundation import windows\n"
        "from qushi.forecasters import Forecaster\n"
        "model = Forecaster.load(pathlib.Path(sys.argv[3]))\n"
        "print(model.predict(windows()).value.tobytes().hex(), 'transformers' in sys.modules)\n"
    )
    here = Path(__file__).parent
    run = [sys.executable, "-c", code, str(here), str(here.parent / "support"), str(tmp_path / "saved")]
    found = subprocess.run(run, capture_output=True, text=True, check=True).stdout
    assert found.split() == [model.predict(windows()).value.tobytes().hex(), "False"]


def test_other_weights_in_the_same_folder_are_refused(tmp_path):
    folder = write_chronos_bolt(tmp_path / "model")
    model = Chronos(model=str(folder), **LONG_AGO)
    model.fit(windows(), windows())
    write_chronos_bolt(folder, seed=1)
    with pytest.raises(DataError, match="other weights than lie in"):
        model.predict(windows())
    model.fit(windows(), windows())
    model.predict(windows())


def test_answer_before_fit_is_refused(folders):
    with pytest.raises(DataError, match="predicts after fit only"):
        made("bolt", folders).predict(windows())


# Folders that hold no model ------------------------------------------------------------------------


def refusal(model, error=DataError):
    with pytest.raises(error) as caught:
        model.fit(windows(), windows())
    text = str(caught.value)
    assert "\n" not in text
    return text


@in_all_models
def test_missing_folder_is_told_in_one_sentence(name, folders, tmp_path):
    keys = folders[name] | {"model": str(tmp_path / "nowhere")}
    assert "there is no folder" in refusal(WRITERS[name][0](**keys, **LONG_AGO))


@in_all_models
def test_folder_without_safetensors_is_refused_pickle_or_not(name, folders, tmp_path):
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    keys = folders[name] | {"model": str(tmp_path)}
    assert "needs config.json and *.safetensors" in refusal(WRITERS[name][0](**keys, **LONG_AGO))


def test_hub_id_that_cannot_be_had_is_told_in_one_sentence(monkeypatch, tmp_path):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    model = Chronos(model="nobody/no-such-model", **LONG_AGO)
    assert "is no folder here, and the hub does not give it" in refusal(model, SourceError)


@in_all_models
def test_weights_that_are_not_whole_are_refused(name, folders, tmp_path):
    cls, write = WRITERS[name]
    found = write(tmp_path / "model")
    folder = found[0] if name == "kronos" else found
    keys = folders[name] | {"model": str(folder)}
    path = folder / "model.safetensors"
    weights = load_file(path)
    del weights[max(weights)]
    save_file(weights, path, metadata={"format": "pt"})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        text = refusal(cls(**keys, **LONG_AGO))
    assert "not whole" in text or "holds no KronosDecoder" in text


@in_all_models
def test_broken_file_is_told_in_one_sentence(name, folders, tmp_path):
    cls, write = WRITERS[name]
    found = write(tmp_path / "model")
    folder = found[0] if name == "kronos" else found
    (folder / "model.safetensors").write_bytes(b"no weights")
    keys = folders[name] | {"model": str(folder)}
    assert "cannot be read" in refusal(cls(**keys, **LONG_AGO))


@pytest.mark.parametrize(
    ("name", "taken"), [("bolt", "timesfm"), ("timesfm", "bolt"), ("kronos", "bolt")]
)
def test_folder_of_another_model_is_refused(name, taken, folders):
    model = WRITERS[name][0](**folders[name] | {"model": folders[taken]["model"]}, **LONG_AGO)
    text = refusal(model)
    assert "not a Chronos" in text or "not a TimesFM" in text or "holds no Kronos" in text


def test_chronos_without_its_library_names_the_extra(monkeypatch, tmp_path):
    folder = write_chronos_t5(tmp_path / "model")
    monkeypatch.setitem(sys.modules, "chronos", None)
    text = refusal(Chronos(model=str(folder), **LONG_AGO), MissingExtraError)
    assert "pip install 'qushi[foundation]'" in text


# Settings ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["bolt", "2", "timesfm"])
def test_quantile_that_the_model_does_not_know_is_refused(name, folders):
    model = ready(name, folders, quantiles=[0.05, 0.5])
    with pytest.raises(ConfigError, match=r"quantiles from 0\.1 to 0\.9, asked for are 0\.05 to 0\.5"):
        model.predict(windows())


@pytest.mark.parametrize("quantiles", [[], [0.5, 0.1], [0.5, 0.5], [0.0, 0.5]])
def test_quantiles_that_are_no_levels_are_refused(quantiles):
    with pytest.raises(ValidationError):
        Chronos(model="x/y", quantiles=quantiles, **LONG_AGO)


def test_quantiles_between_the_model_s_own_lie_on_straight_lines():
    own = (0.1, 0.5, 0.9)
    found = between_levels(np.array([[1.0, 2.0, 6.0]]), own, (0.1, 0.3, 0.6, 0.9))
    np.testing.assert_allclose(found, [[1.0, 1.5, 3.0, 6.0]])


def test_horizon_longer_than_timesfm_answers_is_refused(folders):
    with pytest.raises(ConfigError, match="answers for 8 steps, the horizon is 9"):
        ready("timesfm", folders).predict(windows(steps=(9,)))


# Kronos --------------------------------------------------------------------------------------------


def kronos_nets(tmp_path, **more):
    decoder, tokenizer = write_kronos(tmp_path / "nets", **more)
    return KronosDecoder.read(decoder), KronosTokenizer.read(tokenizer)


def naive_norm(x, weight):
    return x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-5) * weight


def naive_block(x, block, heads):
    """One block on [rows, width], a head and a row at a time, positions as turns of complex numbers."""
    w = {k: v.numpy().astype(np.float64) for k, v in block.state_dict().items()}
    normed = naive_norm(x, w["norm1.weight"])
    q, k, v = (normed @ w[f"self_attn.{p}_proj.weight"].T + w[f"self_attn.{p}_proj.bias"] for p in "qkv")
    rows, size = len(x), x.shape[1] // heads
    turn = np.exp(1j * np.outer(np.arange(rows), 10000.0 ** (-np.arange(0, size, 2) / size)))
    out = np.zeros_like(x)
    for head in range(heads):
        own = slice(head * size, (head + 1) * size)
        cq, ck = ((m[:, own][:, : size // 2] + 1j * m[:, own][:, size // 2 :]) * turn for m in (q, k))
        for row in range(rows):
            scores = (cq[row] * ck[: row + 1].conj()).real.sum(axis=1) / math.sqrt(size)
            share = np.exp(scores - scores.max())
            out[row, own] = share / share.sum() @ v[: row + 1, own]
    x = x + out @ w["self_attn.out_proj.weight"].T + w["self_attn.out_proj.bias"]
    normed = naive_norm(x, w["norm2.weight"])
    gate = normed @ w["ffn.w1.weight"].T
    inner = gate / (1 + np.exp(-gate)) * (normed @ w["ffn.w3.weight"].T)
    return x + inner @ w["ffn.w2.weight"].T


def test_block_is_what_the_paper_says_computed_by_hand(tmp_path):
    decoder, _ = kronos_nets(tmp_path)
    rows = np.random.default_rng(0).normal(size=(6, 8))
    with torch.inference_mode():
        found = decoder.transformer[0](torch.from_numpy(rows.astype(np.float32))[None])[0].numpy()
    np.testing.assert_allclose(found, naive_block(rows, decoder.transformer[0], heads=2), atol=1e-5)


def test_tokens_are_the_signs_of_the_code_coarse_half_first_lowest_bit_first(tmp_path):
    _, tokenizer = kronos_nets(tmp_path)
    candles = torch.from_numpy(np.random.default_rng(0).normal(size=(1, 9, 6)).astype(np.float32))
    with torch.inference_mode():
        coarse, fine = tokenizer.encode(candles)
        inner = tokenizer.encoder[0](tokenizer.embed(candles))
        code = tokenizer.quant_embed(inner)[0].numpy()
        back = tokenizer.decode(coarse, fine)[0].numpy()
        unit = np.where(code > 0, 1.0, -1.0) / math.sqrt(6)
        given = tokenizer.post_quant_embed(torch.from_numpy(unit.astype(np.float32))[None])
        wanted = tokenizer.head(tokenizer.decoder[0](given))[0].numpy()
    for row in range(9):
        assert int(coarse[0, row]) == sum(2**i for i in range(3) if code[row, i] > 0)
        assert int(fine[0, row]) == sum(2**i for i in range(3) if code[row, 3 + i] > 0)
    np.testing.assert_allclose(back, wanted, atol=1e-6)


def test_fine_token_depends_on_the_coarse_one_and_no_token_on_later_rows(tmp_path):
    decoder, tokenizer = kronos_nets(tmp_path)
    random = np.random.default_rng(0)
    candles = torch.from_numpy(random.normal(size=(1, 9, 6)).astype(np.float32))
    with torch.inference_mode():
        whole, part = tokenizer.encode(candles)[0], tokenizer.encode(candles[:, :5])[0]
        assert torch.equal(whole[:, :5], part)
        tokens = torch.from_numpy(random.integers(0, 8, (1, 9)))
        dates = torch.from_numpy(_calendar(np.arange(9).astype("datetime64[D]"), 0))[None]
        _, states = decoder.coarse(tokens, tokens, dates)
        _, early = decoder.coarse(tokens[:, :5], tokens[:, :5], dates[:, :5])
        torch.testing.assert_close(states[:, :5], early)
        one, other = (decoder.fine(states, torch.tensor([token])) for token in (1, 2))
    assert (one - other).abs().max() > 1e-4


def test_kronos_likeliest_path_is_found_by_hand(folders):
    """With next to no `top_p` the likeliest token is taken: the path can be followed step by step."""
    data = windows(ends=(59,))
    found = ready("kronos", folders, context=20, samples=1, top_p=1e-6).predict(data).value[0, :, 0]
    decoder, tokenizer = (
        KronosDecoder.read(_path(folders, "model")), KronosTokenizer.read(_path(folders, "tokenizer"))
    )  # fmt: skip
    close = data.panel.close[39:60] / data.panel.close[59] * 100
    candles = np.zeros((20, 6))
    for row in range(20):
        before, now = close[row], close[row + 1]
        candles[row, :4] = before, max(before, now), min(before, now), now
    mean, spread = candles.mean(axis=0), candles.std(axis=0) + 1e-5
    scaled = torch.from_numpy(np.clip((candles - mean) / spread, -5, 5).astype(np.float32))[None]
    days = [*data.panel.sessions[40:60].astype("datetime64[D]").tolist()]
    assert days[-1] == date(2020, 2, 29)
    days += [date(2020, 3, 2), date(2020, 3, 3), date(2020, 3, 4)]
    dates = torch.tensor([[[0, 0, d.weekday(), d.day, d.month] for d in days]])
    with torch.inference_mode():
        coarse, fine = tokenizer.encode(scaled)
        for step in range(3):
            seen = slice(step, 20 + step)  # the last 20
            scores, states = decoder.coarse(coarse[:, seen], fine[:, seen], dates[:, seen])
            first = scores.argmax(1)
            second = decoder.fine(states, first).argmax(1)
            coarse, fine = torch.cat([coarse, first[:, None]], 1), torch.cat([fine, second[:, None]], 1)
        candles = tokenizer.decode(coarse[:, 3:], fine[:, 3:])[0, -3:, 3].double().numpy()
    np.testing.assert_allclose(found, np.log((candles * spread[3] + mean[3]) / 100), atol=1e-6)


def _path(folders, key):
    return Path(folders["kronos"][key])


def test_kronos_calendar_goes_on_with_weekdays():
    found = _calendar(np.array(["2026-10-29", "2026-10-30"], dtype="datetime64[ns]"), 2)
    assert found.tolist() == [[0, 0, 3, 29, 10], [0, 0, 4, 30, 10], [0, 0, 0, 2, 11], [0, 0, 1, 3, 11]]


def test_kronos_with_fixed_calendar_vectors_is_read_too(tmp_path):
    decoder, _ = kronos_nets(tmp_path, learned=False)
    assert "time_emb.minute_embed.emb.weight" in decoder.state_dict()


def test_kronos_tokenizer_of_another_model_is_refused(folders, tmp_path):
    _, tokenizer = write_kronos(tmp_path / "nets")
    sizes = json.loads((tokenizer / "config.json").read_text(encoding="utf-8")) | {"s1_bits": 4}
    torch.manual_seed(0)
    save_file(KronosTokenizer(sizes).state_dict(), tokenizer / "model.safetensors")
    (tokenizer / "config.json").write_text(json.dumps(sizes), encoding="utf-8")
    model = Kronos(model=folders["kronos"]["model"], tokenizer=str(tokenizer), **LONG_AGO)
    assert "reads 8 x 8 tokens, the tokenizer writes 16 x 8" in refusal(model)


def with_candles(scale=1.0):
    random = np.random.default_rng(3)
    data = windows()
    close = data.panel.close
    opening = close * np.exp(random.normal(0, 0.005, 120))
    beyond = np.exp(np.abs(random.normal(0, 0.003, 120)))
    top, bottom = np.maximum(opening, close) * beyond, np.minimum(opening, close) / beyond
    gap = np.log(opening / np.roll(close, 1))
    gap[[0, 60]] = 0.0
    values = np.stack([gap, np.log(close / opening), np.log(top / bottom)], axis=1) * scale
    panel = Panel(
        values.astype(np.float32), ("gap", "body", "spread"), close, data.panel.symbols,
        data.panel.sessions, data.panel.first,
    )  # fmt: skip
    return Windows(panel, data.ends, 25, horizon=3), np.stack([opening, top, bottom, close], axis=1)


def test_kronos_makes_candles_of_the_features_of_that_name(folders):
    data, wanted = with_candles()
    model = ready("kronos", folders, candle=True)
    rows = model._rows(data, 1)
    assert rows.tolist() == list(range(21, 46))
    found = model._candles(data, rows)
    np.testing.assert_allclose(found[:, :4], wanted[rows] / wanted[45, 3] * 100, rtol=1e-5)
    assert (found[:, 4:] == 0).all()
    short = replace(data, lengths=np.full(len(data), 7))
    assert model._rows(short, 1).tolist() == list(range(39, 46)), "features of its own window alone"
    closes = ready("kronos", folders, context=25).predict(data).value
    assert not np.array_equal(model.predict(data).value, closes)


def test_kronos_refuses_candles_of_scaled_features_and_missing_ones(folders):
    model = ready("kronos", folders, candle=True)
    with pytest.raises(DataError, match='set scaling = "none"'):
        model.predict(with_candles(scale=1.3)[0])
    with pytest.raises(DataError, match=r"needs the features \['gap', 'body', 'spread'\]"):
        model.predict(windows())
