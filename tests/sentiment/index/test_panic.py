"""The index against a second computation in plain loops, and its edges one by one."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qushi.core import ConfigError, DataError, Texts
from qushi.core.calendar import session_of, sessions
from qushi.sentiment import PanicSettings, panic_index
from qushi.sentiment.index._formulas import decay
from qushi.sentiment.index._ranking import NO_COUNT, Standing, abnormal_attention, rank_against_history

GRID = sessions("XSHG", "2023-01-01", "2023-12-31")
SMALL = PanicSettings(window=8, min_history=3, n_min=3)


def make(rows, **columns):
    """Texts and scores from (local time, audience, symbol, (p_neg, p_neu, p_pos))."""
    times = pd.to_datetime([row[0] for row in rows]).tz_localize("Asia/Shanghai").tz_convert("UTC")
    frame = pd.DataFrame(
        {
            "id": [f"t{i}" for i in range(len(rows))],
            "published_at": times,
            "audience": [row[1] for row in rows],
            "symbol": [row[2] for row in rows],
            "body": [f"正文{i}" for i in range(len(rows))],
        }
    ).assign(**columns)
    scores = pd.DataFrame([row[3] for row in rows], columns=["p_neg", "p_neu", "p_pos"])
    scores.insert(0, "id", frame["id"])
    return Texts.from_frame(frame), scores


def noon(session):
    return f"{session.date()} 12:00"


def daily(shares, audience="public", symbol=None, each=4):
    """`each` texts every session, with the given probability of neg (the rest pos)."""
    rows = [
        (noon(session), audience, symbol, (share, 0.0, 1.0 - share))
        for session, share in zip(GRID, shares, strict=False)
        for _ in range(each)
    ]
    return make(rows)


def naive(counts, settings):
    """One scope and audience in loops: rows of (texts, neg, neu, pos) to (E, b, panic, z, quality)."""
    keep = 2 ** (-1 / settings.half_life)
    neg = neu = pos = 0.0
    history, out = [], []
    for _, day_neg, day_neu, day_pos in counts:
        neg, neu, pos = day_neg + keep * neg, day_neu + keep * neu, day_pos + keep * pos
        total = neg + neu + pos
        b = math.log((1 + neg) / (1 + pos))
        quality = "none" if total < 1 - 1e-9 else "thin" if total < settings.n_min - 1e-9 else "ok"
        panic = z = math.nan
        past = history[-settings.window :]
        if quality != "none" and len(past) >= settings.min_history:
            below = sum(1.0 for k in past if k < b) + sum(0.5 for k in past if k == b)
            panic = 50 + (100 * below / len(past) - 50) * min(1.0, total / settings.n_min)
            mean = sum(past) / len(past)
            sd = math.sqrt(sum((k - mean) ** 2 for k in past) / len(past))
            z = 0.0 if max(past) == min(past) else max(-4.0, min(4.0, (b - mean) / sd))
        if quality != "none":
            history.append(b)
        out.append((total, b, panic, z, quality))
    return out


one_text = st.tuples(
    st.integers(0, 39),
    st.sampled_from(["public", "institution"]),
    st.sampled_from([None, "600519.SH"]),
    st.sampled_from([(1.0, 0.0, 0.0), (0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (0.5, 0.25, 0.25)]),
)


@settings(max_examples=25, deadline=None)
@given(st.lists(one_text, min_size=1, max_size=80))
def test_panic_index_on_random_counts_equals_the_loops(drawn):
    texts, scores = make([(noon(GRID[d]), a, s, p) for d, a, s, p in drawn])
    found = panic_index(texts, scores, "XSHG", SMALL, end=GRID[39])
    for scope in found.scopes:
        for audience in ("public", "institution", "all"):
            chosen = [
                row for row in drawn if scope in ("market", row[2]) and audience in ("all", row[1])
            ]
            if not chosen:
                continue
            counts = []
            for day in range(min(row[0] for row in chosen), 40):
                today = [row[3] for row in chosen if row[0] == day]
                counts.append((len(today), *(sum(p[i] for p in today) for i in range(3))))
            table = found.one(scope, audience)
            expected = naive(counts, SMALL)
            assert table["texts"].tolist() == [row[0] for row in counts]
            assert table["quality"].tolist() == [row[4] for row in expected]
            for column, place in (("effective", 0), ("bearishness", 1)):
                np.testing.assert_allclose(table[column], [row[place] for row in expected], atol=1e-12)
            own = [math.log((1 + row[1]) / (1 + row[3])) for row in counts]
            np.testing.assert_allclose(table["session_bearishness"], own, atol=1e-12)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.sampled_from([-1.0, -0.5, 0.0, 0.25, 2.0]), min_size=1, max_size=60),
    st.data(),
)
def test_rank_against_history_with_ties_and_gaps_equals_the_loops(values, data):
    valued = np.array(data.draw(st.lists(st.booleans(), min_size=len(values), max_size=len(values))))
    nothing = np.full((1, SMALL.window), np.nan)
    both = rank_against_history(np.array([values]), valued[None], nothing, SMALL)
    found = Standing(both.panic[0], both.z[0], both.remembered[0])
    history = []
    for i, (b, known) in enumerate(zip(values, valued, strict=True)):
        past = history[-8:]
        if not known or len(past) < 3:
            assert math.isnan(found.panic[i])
            assert math.isnan(found.z[i])
        else:
            below = sum(k < b for k in past) + 0.5 * sum(k == b for k in past)
            assert found.panic[i] == pytest.approx(100 * below / len(past))
            sd = np.std(past)
            expected = 0.0 if len(set(past)) == 1 else np.clip((b - np.mean(past)) / sd, -4, 4)
            assert found.z[i] == pytest.approx(expected)
        if known:
            history.append(b)
    kept = history[-8:]
    assert found.remembered[8 - len(kept) :].tolist() == kept
    assert np.isnan(found.remembered[: 8 - len(kept)]).all()


def test_panic_needs_exactly_min_history_earlier_sessions():
    generator = np.random.default_rng(3)
    texts, scores = daily(generator.uniform(size=70), each=6)
    panic = panic_index(texts, scores, "XSHG", PanicSettings()).one("market")["panic"]
    assert panic.isna().sum() == 60
    assert panic.iloc[:60].isna().all()


def test_panic_of_the_most_bearish_session_so_far_is_100_and_of_the_calmest_0():
    shares = [0.5, 0.55, 0.45, 0.5, 1.0, 0.0, 0.0, 0.0]
    texts, scores = daily(shares)
    panic = panic_index(texts, scores, "XSHG", SMALL).one("market")["panic"].tolist()
    assert panic[4] == 100.0
    assert panic[7] == 0.0


def test_panic_without_any_spread_is_the_middle_and_z_is_zero():
    texts, scores = daily([0.5] * 10)
    found = panic_index(texts, scores, "XSHG", SMALL).one("market").iloc[3:]
    assert found["panic"].eq(50.0).all()
    assert found["z"].eq(0.0).all()


def test_thin_sessions_are_drawn_towards_the_middle():
    # One text a session, half-life so short that nothing is left of yesterday: E is 1 all along.
    thin = PanicSettings(window=8, min_history=3, n_min=5, half_life=0.02)
    texts, scores = daily([0.5, 0.5, 0.5, 1.0], each=1)
    found = panic_index(texts, scores, "XSHG", thin).one("market")
    assert found["quality"].tolist() == ["thin"] * 4
    assert found["panic"].iloc[3] == pytest.approx(50 + 50 * 1 / 5)


def test_session_without_text_decays_and_copies_nothing():
    rows = [(noon(GRID[0]), "public", None, (1.0, 0.0, 0.0))] * 2
    texts, scores = make(rows)
    found = panic_index(texts, scores, "XSHG", SMALL, end=GRID[6]).one("market")
    keep = 2 ** (-1 / 3)
    np.testing.assert_allclose(found["effective"], [2 * keep**k for k in range(7)])
    assert found["texts"].tolist() == [2, 0, 0, 0, 0, 0, 0]
    assert found["quality"].tolist() == ["thin"] * 4 + ["none"] * 3
    assert found["session_bearishness"].iloc[1:].eq(0).all()
    assert found["agreement"].iloc[1:].isna().all()


def test_quality_none_gives_no_panic_and_is_no_history():
    shares = [0.1, 0.9, 0.2, 0.8, 0.3, 0.7]
    texts, scores = daily(shares, each=3)
    found = panic_index(texts, scores, "XSHG", SMALL, end=GRID[40]).one("market")
    silent = found["quality"] == "none"
    assert silent.any()
    assert found.loc[silent, ["panic", "z"]].isna().all().all()
    assert found.loc[~silent, "panic"].iloc[3:].notna().all()


def test_one_text_whose_probabilities_miss_one_by_rounding_still_counts():
    texts, scores = make([(noon(GRID[0]), "public", None, (0.3, 0.3, 0.3999999))])
    assert panic_index(texts, scores, "XSHG", SMALL).one("market")["quality"].tolist() == ["thin"]


def test_agreement_is_full_on_one_side_and_none_in_balance():
    texts, scores = daily([1.0, 0.0, 0.5, 0.8])
    found = panic_index(texts, scores, "XSHG", SMALL).one("market")["agreement"]
    np.testing.assert_allclose(found, [1.0, 1.0, 0.0, 1 - math.sqrt(1 - 0.6**2)], atol=1e-12)


def test_attention_is_the_level_above_the_median_of_earlier_sessions():
    counts = np.array([0, 0, 2, 4, 0, 3, 9, 1])
    alive = np.arange(8) >= 2
    nothing = np.full((1, SMALL.window), NO_COUNT)
    found, remembered = abnormal_attention(counts[None], alive[None], nothing, SMALL)
    level = np.log1p(counts)
    expected = [level[i] - np.median(level[2:i]) if i >= 5 else np.nan for i in range(8)]
    np.testing.assert_allclose(found[0], expected)
    assert remembered[0].tolist() == [NO_COUNT, NO_COUNT, *counts[2:]]


def test_decay_halves_after_the_half_life():
    counts = np.zeros((7, 1))
    counts[0] = 8.0
    assert decay(counts, 3.0)[[0, 3, 6], 0] == pytest.approx([8.0, 4.0, 2.0])


@pytest.mark.parametrize(
    ("moment", "session"),
    [
        ("2023-09-27 15:00:00", "2023-09-27"),  # at the cut-off: still today
        ("2023-09-27 15:00:01", "2023-09-28"),  # after the close
        ("2023-09-28 20:00:00", "2023-10-09"),  # before the autumn holiday
        ("2023-10-07 10:00:00", "2023-10-09"),  # a make-up workday: the exchange is closed
        ("2023-10-08 10:00:00", "2023-10-09"),  # the second one, a Sunday
        ("2023-09-23 10:00:00", "2023-09-25"),  # a Saturday
        ("2023-09-26 23:59:59.999999", "2023-09-27"),  # how a bare date of the 26th is read
    ],
)
def test_texts_belong_to_the_first_session_that_could_know_them(moment, session):
    texts, scores = make([(moment, "public", None, (1.0, 0.0, 0.0))])
    found = panic_index(texts, scores, "XSHG", SMALL).one("market")
    assert found.index.tolist() == [pd.Timestamp(session)]


def test_texts_with_another_cutoff_move_to_the_next_session():
    texts, scores = make([("2023-09-26 14:58:00", "public", None, (1.0, 0.0, 0.0))])
    early = PanicSettings(cutoff="14:57")
    assert panic_index(texts, scores, "XSHG", early).one("market").index[0].day == 27


@pytest.mark.parametrize("column", ["first_seen", "edited_at"])
def test_text_seen_or_edited_after_the_close_counts_next_session(column):
    late = pd.to_datetime(["2023-09-26 16:00"]).tz_localize("Asia/Shanghai").tz_convert("UTC")
    rows = [("2023-09-26 10:00:00", "public", None, (1.0, 0.0, 0.0))]
    texts, scores = make(rows, **{column: late})
    assert panic_index(texts, scores, "XSHG", SMALL).one("market").index[0].day == 27


def test_weights_multiply_the_counts_but_not_the_number_of_texts():
    rows = [
        (noon(GRID[0]), "public", None, (1.0, 0.0, 0.0)),
        (noon(GRID[0]), "public", None, (0.0, 0.0, 1.0)),
    ]
    texts, scores = make(rows, weight=[3.0, 1.0])
    found = panic_index(texts, scores, "XSHG", SMALL).one("market").iloc[0]
    assert found["session_bearishness"] == pytest.approx(math.log(4 / 2))
    assert found["effective"] == pytest.approx(4.0)
    assert found["texts"] == 2


def test_hard_labels_count_the_likeliest_class():
    texts, scores = make([(noon(GRID[0]), "public", None, (0.5, 0.3, 0.2))])
    hard = PanicSettings(hard_labels=True)
    found = panic_index(texts, scores, "XSHG", hard).one("market").iloc[0]
    assert found["session_bearishness"] == pytest.approx(math.log(2))


def test_texts_without_own_id_count_once_a_session_and_again_the_next():
    same = "text:0:x"
    rows = [(noon(GRID[d]), "public", None, (1.0, 0.0, 0.0)) for d in (0, 0, 1)]
    ids = [f"{same}{i}" for i in range(3)]
    texts, scores = make(rows, id=ids, body="跌停", source="s")
    scores["id"] = ids
    assert panic_index(texts, scores, "XSHG", SMALL).one("market")["texts"].tolist() == [1, 1]
    other, scores = make(rows, body="跌停", source="s")  # ids of the source's own: three posts
    assert panic_index(other, scores, "XSHG", SMALL).one("market")["texts"].tolist() == [2, 1]


def test_symbols_have_their_own_scope_and_the_market_takes_every_text():
    rows = [(noon(GRID[0]), "public", s, (1.0, 0.0, 0.0)) for s in ("600519.SH", "000001.SZ", None)]
    found = panic_index(*make(rows), "XSHG", SMALL)
    assert found.scopes == ("000001.SZ", "600519.SH", "market")
    assert found.one("market")["texts"].tolist() == [3]
    assert found.one("600519.SH")["texts"].tolist() == [1]


def random_texts(seed=1, days=120):
    generator = np.random.default_rng(seed)
    rows = []
    for session in GRID[:days]:
        for _ in range(generator.poisson(2.5)):
            clock = pd.Timedelta(seconds=int(generator.integers(0, 86400)))
            rows.append(
                (
                    session + clock,
                    generator.choice(["public", "institution"]),
                    generator.choice(["600519.SH", None]),
                    tuple(generator.dirichlet([1.0, 1.0, 1.0])),
                )
            )
    return make(rows)


def test_panic_index_cut_short_is_bit_equal_up_to_the_cut():
    texts, scores = random_texts()
    whole = panic_index(texts, scores, "XSHG", SMALL).frame
    for day in (20, 57, 90):
        moment = (GRID[day] + pd.Timedelta("15:00:00")).tz_localize("Asia/Shanghai")
        early = texts.until(moment)
        known = scores[scores["id"].isin(early.frame["id"])]
        found = panic_index(early, known, "XSHG", SMALL, end=GRID[day]).frame
        expected = whole[whole["session"] <= GRID[day]].reset_index(drop=True)
        pd.testing.assert_frame_equal(found, expected, check_exact=True)


def test_panic_index_with_a_poisoned_future_is_unchanged_before():
    texts, scores = random_texts()
    cut = (GRID[60] + pd.Timedelta("15:00:00")).tz_localize("Asia/Shanghai")
    poisoned = scores.copy()
    late = poisoned["id"].isin(texts.frame.loc[texts.available_at > cut, "id"]).to_numpy()
    assert late.any()
    poisoned.loc[late, ["p_neg", "p_neu", "p_pos"]] = [1.0, 0.0, 0.0]
    heavy = texts.frame.assign(weight=np.where(texts.available_at > cut, 1000.0, 1.0))
    found = panic_index(Texts.from_frame(heavy), poisoned, "XSHG", SMALL).frame
    whole = panic_index(texts, scores, "XSHG", SMALL).frame
    before = whole["session"] <= GRID[60]
    pd.testing.assert_frame_equal(found[before], whole[before], check_exact=True)
    assert not found[~before].equals(whole[~before])


def test_planted_text_after_the_close_counted_the_same_day_is_caught(monkeypatch):
    def by_date(moments, calendar, cutoff=""):
        days = moments.tz_convert("Asia/Shanghai").normalize()
        return session_of(days, calendar, "00:00")

    monkeypatch.setattr("qushi.sentiment.index.admission.session_of", by_date)
    with pytest.raises(AssertionError):
        test_panic_index_cut_short_is_bit_equal_up_to_the_cut()


def test_planted_rank_against_the_whole_sample_is_caught(monkeypatch):
    def among_all(b, valued, remembered, settings):
        rank = pd.DataFrame(b).rank(axis=1, pct=True).to_numpy() * 100
        return Standing(np.where(valued, rank, np.nan), np.zeros(b.shape), remembered)

    monkeypatch.setattr("qushi.sentiment.index.builder.rank_against_history", among_all)
    with pytest.raises(AssertionError):
        test_panic_index_cut_short_is_bit_equal_up_to_the_cut()


def test_symbol_named_only_later_keeps_the_markets_panic_before():
    """The set of symbols that ever get a text of their own is not known beforehand."""
    texts, scores = random_texts()
    moment = (GRID[40] + pd.Timedelta("15:00:00")).tz_localize("Asia/Shanghai")
    early = (texts.available_at <= moment).to_numpy()
    frame = texts.frame.assign(symbol=texts.frame["symbol"].mask(pd.Series(early), None))
    named = Texts.from_frame(frame)
    whole = panic_index(named, scores, "XSHG", SMALL)
    known = named.until(moment)
    scored = scores[scores["id"].isin(known.frame["id"])]
    cut = panic_index(known, scored, "XSHG", SMALL, end=GRID[40])
    assert "600519.SH" in whole.scopes
    assert "600519.SH" not in cut.scopes
    before, after = (p.for_symbols(("600519.SH",), GRID[:41]) for p in (cut, whole))
    assert before["600519.SH"].notna().any()
    pd.testing.assert_frame_equal(before, after, check_exact=True)
    own = whole.one("600519.SH")["panic"]
    assert whole.for_symbols(("600519.SH",), own.index[-1:]).iloc[0, 0] == own.iloc[-1]


def test_start_cuts_the_output_and_keeps_the_history():
    texts, scores = random_texts()
    whole = panic_index(texts, scores, "XSHG", SMALL).frame
    late = panic_index(texts, scores, "XSHG", SMALL, start=GRID[50]).frame
    expected = whole[whole["session"] >= GRID[50]].reset_index(drop=True)
    pd.testing.assert_frame_equal(late, expected, check_exact=True)


def test_panic_index_leaves_its_inputs_alone():
    texts, scores = random_texts(days=20)
    frame, table = texts.frame.copy(), scores.copy()
    panic_index(texts, scores, "XSHG", SMALL)
    pd.testing.assert_frame_equal(texts.frame, frame)
    pd.testing.assert_frame_equal(scores, table)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.iloc[1:], "'t0' has no score"),
        (lambda s: s.assign(p_neg=0.9), "sum 1"),
        (lambda s: s.assign(p_neg=-1.0, p_pos=2.0), "has no score that can be used"),
        (lambda s: s.drop(columns="p_neu"), "lack the column 'p_neu'"),
        (lambda s: pd.concat([s, s.iloc[:1]]), "'t0' has two scores"),
    ],
)
def test_scores_that_do_not_fit_the_texts_raise_one_sentence(change, message):
    texts, scores = daily([0.5, 0.5], each=1)
    with pytest.raises(DataError, match=message):
        panic_index(texts, change(scores), "XSHG", SMALL)


def test_panic_index_without_texts_says_so():
    texts, scores = daily([0.5], each=1)
    with pytest.raises(DataError, match="no texts"):
        panic_index(texts.until(pd.Timestamp("2000-01-01", tz="UTC")), scores, "XSHG", SMALL)
    with pytest.raises(DataError, match="no text is available by 2020-01-02"):
        panic_index(texts, scores, "XSHG", SMALL, end="2020-01-02")


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"cutoff": "25:00"}, "clock time"),
        ({"cutoff": "3pm"}, "clock time"),
        ({"min_history": 300}, "above the window"),
        ({"halflife": 3}, "did you mean 'half_life'"),
    ],
)
def test_settings_out_of_range_raise_one_sentence(table, message):
    with pytest.raises(ConfigError, match=message):
        PanicSettings.parse(table, "[panic]")
