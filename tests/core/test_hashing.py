import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qushi.core.hashing import hash_file, hash_frame, hash_json

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=10,
)


@given(st.dictionaries(st.text(), json_values))
def test_hash_json_any_key_order_same_hash(value):
    shuffled = dict(reversed(list(value.items())))
    assert hash_json(value) == hash_json(shuffled)


def test_hash_json_different_value_different_hash():
    assert hash_json({"a": 1}) != hash_json({"a": 2})
    assert hash_json({"a": "000001"}) != hash_json({"a": 1})


def test_hash_json_numpy_scalar_equals_python_scalar():
    assert hash_json({"a": np.int64(3)}) == hash_json({"a": 3})


def test_hash_json_unknown_type_is_refused():
    with pytest.raises(TypeError, match="cannot hash"):
        hash_json({"a": object()})


def test_hash_frame_value_order_and_name_all_count():
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": ["x", "y"]})
    assert hash_frame(frame) == hash_frame(frame.copy())
    assert hash_frame(frame) != hash_frame(frame.iloc[::-1])
    assert hash_frame(frame) != hash_frame(frame.rename(columns={"a": "c"}))
    assert hash_frame(frame) != hash_frame(frame.assign(a=[1.0, 2.5]))


def test_hash_frame_index_counts():
    frame = pd.DataFrame({"a": [1.0]}, index=pd.Index(["x"], name="key"))
    assert hash_frame(frame) != hash_frame(frame.rename(index={"x": "y"}))


def test_hash_file_follows_bytes(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_bytes(b"panic")
    two.write_bytes(b"panic")
    assert hash_file(one) == hash_file(two)
    two.write_bytes(b"calm")
    assert hash_file(one) != hash_file(two)
