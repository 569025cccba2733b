import pytest

from qushi.core import ConfigError, Settings


class Inner(Settings):
    window: int = 5


class Outer(Settings):
    name: str
    inner: Inner = Inner()
    sizes: tuple[int, ...] = ()


def test_parse_unknown_key_offers_near_name_and_names_key():
    with pytest.raises(ConfigError, match=r"\[x\]: unknown key 'nmae': did you mean 'name'\?") as caught:
        Outer.parse({"name": "a", "nmae": 1}, "[x]")
    assert caught.value.key == "nmae"


def test_parse_unknown_nested_key_offers_names_of_the_nested_table():
    with pytest.raises(ConfigError, match=r"'inner.windw': did you mean 'window'"):
        Outer.parse({"name": "a", "inner": {"windw": 1}}, "[x]")


def test_parse_missing_key_is_named():
    with pytest.raises(ConfigError, match="the key 'name' is missing"):
        Outer.parse({}, "[x]")


def test_parse_wrong_type_shows_what_was_received():
    with pytest.raises(ConfigError, match=r"'inner.window' is 'ten'"):
        Outer.parse({"name": "a", "inner": {"window": "ten"}}, "[x]")


def test_settings_are_frozen():
    settings = Outer(name="a")
    with pytest.raises(ValueError, match="frozen"):
        settings.name = "b"


def test_parse_list_from_toml_becomes_tuple():
    assert Outer.parse({"name": "a", "sizes": [1, 2]}, "[x]").sizes == (1, 2)
