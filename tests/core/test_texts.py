import pandas as pd
import pytest

from qushi.core import DataError, Texts


def table(**columns):
    base = {
        "id": ["b", "a"],
        "published_at": pd.to_datetime(["2024-01-03 02:00", "2024-01-02 02:00"], utc=True),
        "audience": ["public", "institution"],
        "body": ["乙", "甲"],
    }
    return pd.DataFrame(base | columns)


def test_from_frame_sorts_by_availability_and_fills_defaults():
    texts = Texts.from_frame(table())
    assert texts.frame["id"].tolist() == ["a", "b"]
    assert texts.frame["weight"].tolist() == [1.0, 1.0]
    assert texts.frame["symbol"].isna().all()
    assert texts.contents.tolist() == ["甲", "乙"]
    assert not texts.synthetic


def test_available_at_is_the_latest_of_published_first_seen_and_edited():
    later = pd.to_datetime(["2024-01-05", None], utc=True)
    edited = pd.to_datetime([None, "2024-01-09"], utc=True)
    texts = Texts.from_frame(table(first_seen=later, edited_at=edited))
    by_id = dict(zip(texts.frame["id"], texts.available_at, strict=True))
    assert by_id["b"] == pd.Timestamp("2024-01-05", tz="UTC")
    assert by_id["a"] == pd.Timestamp("2024-01-09", tz="UTC")
    assert texts.frame["id"].tolist() == ["b", "a"]


def test_available_at_with_zones_other_than_utc_is_utc():
    local = pd.to_datetime(["2024-01-03 10:00", "2024-01-02 10:00"]).tz_localize("Asia/Shanghai")
    assert (
        Texts.from_frame(table(published_at=local)).fingerprint == Texts.from_frame(table()).fingerprint
    )


def test_until_cuts_by_availability_not_by_publication():
    edited = pd.to_datetime([None, "2024-01-09"], utc=True)
    texts = Texts.from_frame(table(edited_at=edited), synthetic=True)
    early = texts.until(pd.Timestamp("2024-01-04", tz="UTC"))
    assert early.frame["id"].tolist() == ["b"]
    assert early.synthetic


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"id": ["a", "a"]}, "two texts have the id 'a'"),
        ({"audience": ["public", "press"]}, "received 'press'"),
        ({"weight": [1.0, 0.0]}, "weight of a text must be above 0"),
        ({"published_at": pd.to_datetime([None, "2024-01-02"], utc=True)}, "'b' has no time"),
        ({"published_at": pd.to_datetime(["2024-01-03", "2024-01-02"])}, "must carry a zone"),
    ],
)
def test_texts_with_a_broken_invariant_raise_one_sentence(change, message):
    with pytest.raises(DataError, match=message):
        Texts.from_frame(table(**change))


def test_from_frame_without_body_names_the_column():
    with pytest.raises(DataError, match="lack the column 'body'"):
        Texts.from_frame(table().drop(columns="body"))


def test_fingerprint_changes_with_the_content_only():
    same = Texts.from_frame(table().iloc[::-1])
    other = Texts.from_frame(table(body=["乙", "丙"]))
    assert same.fingerprint == Texts.from_frame(table()).fingerprint != other.fingerprint
