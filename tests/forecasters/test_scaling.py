import numpy as np
import pytest

from qushi.core import Bars, ConfigError, DataError
from qushi.forecasters import FeatureSet, WalkForward
from qushi.forecasters.models.ridge import Ridge
from qushi.forecasters.scaling import Scaler, maskable

NAMES = ("return_1", "panic_all", "panic_all_known")
AT = np.array(["2024-01-02", "2024-01-03", "2024-01-04", "2024-01-05"], dtype="datetime64[ns]")


def rows(*values):
    return np.array(values, dtype=np.float32)


def test_scaler_standardises_the_finite_values_of_its_rows():
    values = rows([1, 0.2, 1], [2, np.nan, 0], [3, 0.4, 1], [np.nan, 0.9, 1])
    scaler = Scaler.fit(values, NAMES, AT)
    assert scaler.centre[:2] == pytest.approx([2.0, 0.5])
    assert scaler.scale[0] == pytest.approx(np.std([1, 2, 3]))
    assert (scaler.start, scaler.end) == (AT[0], AT[3])


def test_scaler_turns_unknown_values_into_masked_zeros_and_keeps_the_mask():
    values = rows([1, 0.2, 1], [2, np.nan, 0], [3, 0.4, 1], [np.nan, 0.9, 1])
    scaled = Scaler.fit(values, NAMES, AT).transform(values)
    np.testing.assert_array_equal(scaled[:, 2], values[:, 2])
    assert scaled[1, 1] == 0.0
    assert (scaled[[0, 2, 3], 1] != 0.0).all()
    assert np.isnan(scaled[3, 0])


def test_scaler_masks_a_feature_that_training_never_saw():
    unseen = rows([1, np.nan, 0], [2, np.nan, 0])
    scaler = Scaler.fit(unseen, NAMES, AT[:2])
    scaled = scaler.transform(rows([1.5, 0.9, 1]))
    np.testing.assert_array_equal(scaled[0, 1:], [0.0, 0.0])


def test_scaler_leaves_a_constant_column_finite():
    constant = np.full((4, 1), 0.1, dtype=np.float32)
    scaled = Scaler.fit(constant, ("x",), AT).transform(constant)
    np.testing.assert_allclose(scaled, 0.0, atol=1e-6)


def test_scaler_leaves_its_input_unchanged():
    values = rows([1, 0.2, 1], [2, np.nan, 0])
    before = values.copy()
    Scaler.fit(values, NAMES, AT[:2]).transform(values)
    np.testing.assert_array_equal(values, before)


def test_scaler_without_rows_raises():
    with pytest.raises(DataError, match="none"):
        Scaler.fit(np.empty((0, 3), dtype=np.float32), NAMES, AT[:0])


def test_maskable_columns_are_those_with_a_companion():
    assert maskable(NAMES) == {1: 2}


def many(columns, rows_=4000, seed=0):
    random = np.random.default_rng(seed)
    values = random.normal(3.0, 2.0, (rows_, columns)).astype(np.float32)
    return values, np.arange(rows_).astype("datetime64[D]").astype("datetime64[ns]")


def test_range_puts_training_between_minus_one_and_one():
    values, at = many(2)
    scaled = Scaler.fit(values, ("a", "b"), at, "range").transform(values)
    np.testing.assert_allclose(scaled.min(axis=0), -1.0, atol=1e-6)
    np.testing.assert_allclose(scaled.max(axis=0), 1.0, atol=1e-6)
    beyond = Scaler.fit(values[:50], ("a", "b"), at[:50], "range").transform(values)
    assert np.abs(beyond).max() > 1.0


def test_robust_is_not_moved_by_tails_and_is_z_for_a_normal_column():
    values, at = many(1)
    clean = Scaler.fit(values, ("a",), at, "robust")
    assert clean.centre[0] == pytest.approx(3.0, abs=0.1)
    assert clean.scale[0] == pytest.approx(2.0, abs=0.1)
    wild = values.copy()
    wild[:40] = 1e6
    stained = Scaler.fit(wild, ("a",), at, "robust")
    assert stained.scale[0] == pytest.approx(clean.scale[0], rel=0.1)
    assert Scaler.fit(wild, ("a",), at, "z").scale[0] > 1e4


def test_robust_of_a_column_that_is_mostly_one_value_takes_the_deviation():
    values = np.zeros((100, 1), dtype=np.float32)
    values[:10] = 5.0
    scaler = Scaler.fit(values, ("a",), AT[:1].repeat(100), "robust")
    assert (scaler.centre[0], scaler.scale[0]) == (0.0, pytest.approx(1.5))


def test_none_leaves_the_values_and_still_masks_the_unknown():
    values = rows([1, 0.2, 1], [2, np.nan, 0])
    scaled = Scaler.fit(values, NAMES, AT[:2], "none").transform(values)
    np.testing.assert_array_equal(scaled, rows([1, 0.2, 1], [2, 0, 0]))


def test_overrides_scale_one_column_otherwise():
    values, at = many(3)
    names = ("a", "b", "c")
    mixed = Scaler.fit(values, names, at, "z", overrides={"b": "range"})
    plain, ranged = (Scaler.fit(values, names, at, m) for m in ("z", "range"))
    assert mixed.scale.tolist() == [plain.scale[0], ranged.scale[1], plain.scale[2]]


def test_override_of_no_column_raises_with_a_near_name():
    values, at = many(1)
    with pytest.raises(ConfigError, match="did you mean 'return_1'"):
        Scaler.fit(values, ("return_1",), at, overrides={"retrun_1": "robust"})


@pytest.mark.parametrize("method", ["z", "range", "robust", "none"])
@pytest.mark.parametrize("constant", [0.1, 0.0, 1e4])
def test_constant_column_stays_finite_by_every_method(method, constant):
    values = np.full((9, 2), constant, dtype=np.float32)
    scaler = Scaler.fit(values, ("x", "level_close"), AT[:1].repeat(9), method, lookback=3)
    assert scaler.scale.tolist() == [1.0, 1.0]
    assert np.isfinite(scaler.transform(values)).all()


def two_walks(length=3000, step=0.02):
    """Logs of two prices, one far above the other, and the symbol of each row."""
    random = np.random.default_rng(5)
    logs = [start + np.cumsum(random.normal(0, step, length)) for start in (1.0, 9.0)]
    return (
        np.concatenate(logs).astype(np.float32)[:, None],
        np.repeat(np.array(["A", "B"], dtype=object), length),
    )


@pytest.mark.parametrize(("method", "largest"), [("z", 5.0), ("robust", 5.0), ("range", 1.0)])
def test_levels_come_out_at_unit_size_relative_to_the_window(method, largest):
    values, symbols = two_walks()
    at = np.tile(np.arange(3000).astype("datetime64[D]").astype("datetime64[ns]"), 2)
    scaler = Scaler.fit(values, ("level_close",), at, method, symbols=symbols, lookback=20)
    assert scaler.centre[0] == 0.0
    scaled = scaler.transform(values)[:, 0]
    changes = np.array(
        [scaled[i] - scaled[i - 19] for i in range(19, 6000) if symbols[i] == symbols[i - 19]]
    )
    assert np.abs(changes).max() <= largest + 1e-3
    if method != "range":
        assert np.sqrt((changes**2).mean()) == pytest.approx(1.0, abs=0.1)


def test_levels_are_not_scaled_by_their_own_height():
    values, symbols = two_walks()
    at = np.tile(np.arange(3000).astype("datetime64[D]").astype("datetime64[ns]"), 2)
    low, high = (
        Scaler.fit(v, ("level_close",), at, symbols=symbols, lookback=20).scale[0]
        for v in (values, values + np.where(symbols == "B", 3.0, 0.0)[:, None].astype(np.float32))
    )
    assert high == pytest.approx(low, rel=1e-3)
    assert low == pytest.approx(0.02 * np.sqrt(19), rel=0.1)


def test_levels_in_windows_of_one_row_raise():
    values, _ = two_walks(10)
    with pytest.raises(DataError, match="lookback of at least 2"):
        Scaler.fit(values, ("level_close",), AT[:1].repeat(20), lookback=1)


@pytest.mark.parametrize("method", ["z", "range", "robust", "none"])
def test_scaler_restored_from_its_stored_state_scales_bit_for_bit(tmp_path, method):
    from safetensors.numpy import load_file, save_file

    values = rows([1, 0.2, 1], [2, np.nan, 0], [3, 0.4, 1], [np.nan, 0.9, 1])
    scaler = Scaler.fit(values, NAMES, AT, method)
    save_file(scaler.state(), tmp_path / "scaler.safetensors")
    back = Scaler.restore(load_file(tmp_path / "scaler.safetensors"), NAMES)
    assert (back.names, back.start, back.end) == (scaler.names, scaler.start, scaler.end)
    np.testing.assert_array_equal(back.transform(values), scaler.transform(values))


def test_scaler_restored_for_other_columns_raises():
    state = Scaler.fit(rows([1, 0.2, 1]), NAMES, AT[:1]).state()
    with pytest.raises(DataError, match="3 columns, not 2"):
        Scaler.restore(state, NAMES[:2])
    with pytest.raises(DataError, match="lacks 'scale'"):
        Scaler.restore({k: v for k, v in state.items() if k != "scale"}, NAMES)


def test_transform_of_many_rows_equals_that_of_each(monkeypatch):
    values, at = many(2, rows_=500)
    scaler = Scaler.fit(values, ("a", "b"), at)
    whole = scaler.transform(values)
    monkeypatch.setattr("qushi.forecasters.scaling._ROWS_AT_ONCE", 7)
    np.testing.assert_array_equal(scaler.transform(values), whole)


@pytest.mark.parametrize("method", ["z", "range", "robust"])
def test_forecasts_from_levels_do_not_depend_on_the_height_of_the_price(market, method):
    chosen = FeatureSet(
        returns=[], volatility=[], volume=[], calendar=False, indicators=[], levels=["close", "volume"]
    )
    walk = WalkForward(lookback=10, min_train=150, valid=0, refit_every=60, scaling=method)
    frame = market(rows=300)
    dear = frame.copy()
    dear[["open", "high", "low", "close"]] *= 1000.0
    dear["volume"] *= 1e5
    found = []
    for table in (frame, dear):
        bars = Bars.from_frame(table)
        made = walk.run("ridge", Ridge(), chosen.build(bars), bars)
        found.append(made.frame["expected_return"].to_numpy())
    assert np.std(found[0]) > 1e-4
    np.testing.assert_allclose(found[0], found[1], atol=1e-5)
