"""A planted lead is found at its lag with its sign, a same-session relation is not taken for one, and
noise is called noise."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from qushi.core import Bars, ConfigError, DataError, PanicIndex
from qushi.core.calendar import sessions
from qushi.core.panic import COLUMNS
from qushi.sentiment.study._lead_lag import lead_lag
from qushi.sentiment.study._shuffles import maxima, share_of_maxima, shuffled_dates
from qushi.sentiment.study.panic_study import panic_study
from qushi.sentiment.study.settings import StudySettings

QUICK = StudySettings(lags=4, horizons=(1, 5), shuffles=99, before=3, after=6, cooldown=6)
FINER = QUICK.model_copy(
    update={"shuffles": 399}
)  # p of all families is no finer than families / shuffles


def wandering(random, n, phi):
    found = random.normal(size=n)
    for t in range(1, n):
        found[t] += phi * found[t - 1]
    return found / found.std()


def index_of(values, at, scope="market", audience="all"):
    table = pd.DataFrame({"session": at, "panic": values})
    table = table.assign(scope=scope, audience=audience, texts=9, effective=9.0, quality="ok")
    for name in COLUMNS:
        if name not in table:
            table[name] = 0.0
    return PanicIndex(table[list(COLUMNS)])


def bars_of(returns, at, symbol="000300.SH", night=0.0):
    """Prices of these log returns; `night` is the share of each that falls before the open."""
    closed = np.cumsum(returns)
    opened = closed - (1 - night) * np.asarray(returns)
    price = pd.DataFrame({"open": np.exp(opened), "close": np.exp(closed)}) * 10
    price = price.assign(high=price.max(axis=1), low=price.min(axis=1), volume=1e6)
    return Bars.from_frame(price.assign(symbol=symbol, session=at))


def world(n=500, seed=0, lead=None, beta=0.0, night=0.0):
    """Panic of an autocorrelated mood, and returns that follow it `lead` sessions later."""
    random = np.random.default_rng(seed)
    at = sessions("XSHG", "2012-01-04")[:n]
    mood = wandering(random, n, 0.8)
    returns = random.normal(0, 0.01, n)
    if lead is not None:
        returns[lead:] += beta * mood[: n - lead]
    return index_of(100 * norm.cdf(mood), at), bars_of(returns, at, night=night), mood


def test_planted_lead_is_found_at_its_lag_with_its_sign():
    panic, bars, _ = world(lead=3, beta=-0.004)
    found = panic_study(panic, bars, settings=FINER)
    tests = found.tests.set_index(["family", "asks"])
    level = tests.loc[("level ~ return", "future")]
    assert level["best"] == "lag 3"
    assert level["statistic"] < -4
    assert level["p_max"] == 1 / 400 <= level["p_joint"] <= 0.05
    assert tests.loc[("quantiles", "future"), "statistic"] < 0
    row = found.lead_lag.set_index(["index", "target", "lag"]).loc[("level", "return", 3)]
    assert row["timing"] == "after"
    assert row["p_shuffled"] == 1 / 400
    assert found.regressions["slope"].iloc[0] < 0
    assert any("level ~ return, lag 3" in said.en and "p = 0.003" in said.en for said in found.said)


def test_relation_within_the_session_describes_and_is_not_called_prediction():
    """Panic that answers to the day's fall; the fall is over at the close at which panic is known."""
    random = np.random.default_rng(4)
    at = sessions("XSHG", "2012-01-04")[:500]
    returns = random.normal(0, 0.01, 500)
    panic = index_of(100 * norm.cdf(-80 * returns + 0.5 * random.normal(size=500)), at)
    found = panic_study(panic, bars_of(returns, at), settings=QUICK)
    same = found.lead_lag[(found.lead_lag["lag"] == 0) & (found.lead_lag["index"] == "level")]
    assert same["timing"].tolist() == ["same session"]
    assert same["correlation"].iloc[0] < -0.5
    tests = found.tests
    assert (
        tests.loc[(tests["family"] == "level ~ return") & (tests["asks"] == "past"), "p_max"].iloc[0]
        == 0.01
    )
    assert tests.loc[tests["asks"] == "future", "p_joint"].min() > 0.05
    assert any(said.en.startswith("Nothing found that predicts") for said in found.said)
    assert any(said.en.startswith("Same session, no prediction") for said in found.said)


def test_what_happens_before_the_next_open_cannot_be_earned():
    """A lead of one session that is all over in the night before the open."""
    panic, bars, _ = world(lead=1, beta=-0.006, night=1.0)
    found = panic_study(panic, bars, settings=QUICK)
    lag_one = found.lead_lag.set_index(["index", "lag"]).loc[("level", 1)]
    earned = found.regressions.set_index(["horizon", "model"]).sort_index().loc[(1, "panic")]
    assert lag_one["t"].item() < -8
    shifted = panic_study(*world(lead=2, beta=-0.006, night=1.0)[:2], settings=QUICK)
    next_one = shifted.regressions.set_index(["horizon", "model"]).sort_index().loc[(1, "panic")]
    # What remains of lag 1 is the mood's own persistence: about 0.8 of what lag 2 gives.
    assert abs(earned["slope"].item()) < 0.9 * abs(next_one["slope"].item())
    np.testing.assert_allclose(
        found.regressions["n"].iloc[0], 500 - 2 - 3, err_msg="open of t+1 to open of t+2, past of three"
    )


def test_regression_target_is_the_label_from_open_to_open():
    panic, bars, _ = world(n=200)
    opened = np.log(bars.one("000300.SH")["open"])
    label = opened.shift(-6) - opened.shift(-1)
    tens = panic.one("market")["panic"] / 10
    past = np.log(bars.one("000300.SH")["close"]).diff(3)
    kept = label.notna() & past.notna()
    slope = np.polyfit(tens[kept], label[kept], 1)[0]
    found = (
        panic_study(panic, bars, settings=QUICK).regressions.set_index(["horizon", "model"]).sort_index()
    )
    assert found.loc[(5, "panic"), "slope"].item() == pytest.approx(slope, rel=1e-8)


def test_noise_is_called_noise_about_as_often_as_said():
    random = np.random.default_rng(8)
    by = shuffled_dates(200, 59, seed=1)
    alarms = 0
    for _ in range(100):
        mood, returns = wandering(random, 200, 0.8), random.normal(size=200)
        targets = {k: np.append(returns[k:], np.full(k, np.nan)) for k in range(1, 6)}
        looks = lead_lag("level", mood, "return", targets, by, persistent=False)
        best = looks.table["t"].abs().max()
        alarms += share_of_maxima(best, maxima(looks.by_chance)) <= 0.05
    assert alarms <= 12  # 5 expected; 12 and more have a chance of 1 %


def test_planted_lead_over_implied_fear_is_found_in_changes():
    random = np.random.default_rng(9)
    panic, bars, mood = world(n=400, seed=9)
    fear = 20 + 0.5 * np.cumsum(np.append([0, 0], np.diff(mood)[:-1]) + 0.3 * random.normal(size=400))
    implied = {"vix": pd.Series(fear, index=panic.one("market").index)}
    found = panic_study(panic, bars, implied, FINER)
    tests = found.tests.set_index(["family", "asks"])
    assert tests.loc[("change ~ vix", "future"), "best"] == "lag 1"
    assert tests.loc[("change ~ vix", "future"), "p_joint"] <= 0.05
    assert {"level ~ vix", "change ~ vix"} <= set(found.tests["family"])
    assert any("vix" in said.zh for said in found.said)


def test_looks_are_counted_and_paid_for():
    panic, bars, _ = world(n=300)
    found = panic_study(panic, bars, settings=QUICK)
    lags, horizons, after = 2 * (2 * QUICK.lags + 1), 2 * len(QUICK.horizons), 2 * QUICK.after
    assert found.looks == lags + horizons + after
    future = found.tests[found.tests["asks"] == "future"]
    assert (future["p_joint"] >= future["p_max"] - 1e-12).all()
    assert f"{found.looks} looks in {len(found.tests)} families" in found.said[0].en


def test_quantiles_sort_by_panic_and_the_last_row_is_the_difference():
    panic, bars, _ = world(n=300, lead=2, beta=-0.01)
    found = panic_study(panic, bars, settings=QUICK).quantiles
    of_one = found[found["horizon"] == 1].set_index("quantile")
    assert of_one.loc[1, "mean"] > 0.002 > -0.002 > of_one.loc[5, "mean"]
    assert of_one.loc[0, "mean"] == pytest.approx(of_one.loc[5, "mean"] - of_one.loc[1, "mean"])
    assert of_one.loc[[1, 2, 3, 4, 5], "n"].sum() == of_one.loc[0, "n"] == 298
    assert (
        of_one.loc[[2, 3, 4, 5], "low"].to_numpy() > of_one.loc[[1, 2, 3, 4], "high"].to_numpy()
    ).all()


def test_events_name_their_sessions_and_keep_the_cool_down():
    panic, bars, _ = world(n=400)
    found = panic_study(panic, bars, settings=QUICK)
    series = panic.one("market")["panic"]
    for zone, dates in found.event_dates.groupby("zone"):
        extreme = dates["panic"] >= 90 if zone == "panic" else dates["panic"] <= 10
        assert extreme.all()
        place = series.index.get_indexer(dates["session"])
        assert (np.diff(place) >= QUICK.cooldown).all()
        assert dates["panic"].tolist() == series.iloc[place].tolist()
    assert set(found.event_dates["zone"]) == {"panic", "calm"}


def test_study_of_the_divergence_has_extremes_on_its_own_scale():
    at = sessions("XSHG", "2012-01-04")[:300]
    random = np.random.default_rng(1)
    moods = {a: 100 * norm.cdf(wandering(random, 300, 0.5)) for a in ("public", "institution")}
    both = pd.concat([index_of(v, at, audience=a).frame for a, v in moods.items()])
    panic = PanicIndex(both.sort_values(["scope", "audience", "session"]).reset_index(drop=True))
    bars = bars_of(random.normal(0, 0.01, 300), at)
    found = panic_study(panic, bars, settings=QUICK, audience="divergence")
    assert found.event_dates["panic"].abs().min() >= 80
    assert found.audience == "divergence"


def test_missing_panic_stays_missing():
    panic, bars, _ = world(n=300)
    frame = panic.frame.copy()
    frame.loc[50:99, "panic"] = np.nan
    found = panic_study(PanicIndex(frame), bars, settings=QUICK)
    assert found.sessions == 250
    same = found.lead_lag.set_index(["index", "lag"])
    assert same.loc[("level", 0), "n"].item() == 249  # the first session has no return
    assert same.loc[("change", 0), "n"].item() == 248  # and one change more is not known


def test_scope_of_a_symbol_or_of_members_has_their_prices():
    at = sessions("XSHG", "2012-01-04")[:200]
    random = np.random.default_rng(3)
    returns = {s: random.normal(0, 0.01, 200) for s in ("600519.SH", "000858.SZ", "600000.SH")}
    bars = Bars.concat([bars_of(r, at, s) for s, r in returns.items()])
    mood = 100 * norm.cdf(wandering(random, 200, 0.5))
    for scope, members in (
        ("600519.SH", ()),
        ("sector:wine", ("600519.SH", "000858.SZ")),
        ("market", ()),
    ):
        chosen = members or ((scope,) if scope in returns else tuple(returns))
        found = panic_study(
            index_of(mood, at, scope), bars, settings=QUICK, scope=scope, members=members
        )
        mean = np.mean([returns[s] for s in chosen], axis=0)
        expected = np.corrcoef(mood[1:], mean[1:])[0, 1]
        got = found.lead_lag.set_index(["index", "lag"]).loc[("level", 0), "correlation"].item()
        assert got == pytest.approx(expected, rel=1e-6)
    with pytest.raises(DataError, match="no prices of 'sector:beer'"):
        panic_study(index_of(mood, at, "sector:beer"), bars, settings=QUICK, scope="sector:beer")


def test_too_short_a_sample_is_refused():
    panic, bars, _ = world(n=60)
    with pytest.raises(DataError, match="needs 60 sessions with both panic and a return"):
        panic_study(panic, bars, settings=QUICK)


def test_payload_is_json_without_nan_and_the_same_twice():
    panic, bars, _ = world(n=300)
    first, second = (panic_study(panic, bars, settings=QUICK).to_payload() for _ in range(2))
    text = json.dumps(first, allow_nan=False)
    assert text == json.dumps(second, allow_nan=False)
    back = json.loads(text)
    assert back["scope"] == "market"
    assert set(back["said"][0]) == {"en", "zh"}
    assert back["event_dates"][0]["session"].count("-") == 2
    assert back["settings"]["lags"] == 4


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"horizons": [5, 5]}, "each of them once"),
        ({"horizons": [0]}, "1 at least"),
        ({"extreme": 50}, "greater than 50"),
        ({"lag": 3}, "did you mean 'lags'"),
    ],
)
def test_bad_settings_are_refused(table, said):
    with pytest.raises(ConfigError, match=said):
        StudySettings.parse(table, "[panic_study]")
