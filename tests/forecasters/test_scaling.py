import numpy as np
import pytest

from qushi.core import DataError
from qushi.forecasters.scaling import Scaler, maskable

NAMES = ("return_1", "panic_all", "panic_all_known")
AT = np.array(["2024-01-02", "2024-01-03", "2024-01-04", "2024-01-05"], dtype="datetime64[ns]")


def rows(*values):
    return np.array(values, dtype=np.float32)


def test_scaler_standardises_the_finite_values_of_its_rows():
    values = rows([1, 0.2, 1], [2, np.nan, 0], [3, 0.4, 1], [np.nan, 0.9, 1])
    scaler = Scaler.fit(values, NAMES, AT)
    assert scaler.mean[:2] == pytest.approx([2.0, 0.5])
    assert scaler.deviation[0] == pytest.approx(np.std([1, 2, 3]))
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
