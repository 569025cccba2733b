"""The search space of a model: what it holds, and what `[tune.space]` makes of it."""

import math

import pytest
from pydantic import Field

from qushi.core import ConfigError, Settings
from qushi.core.extensions import find, kinds
from qushi.forecasters import Forecaster
from qushi.forecasters.search import Choice, Range, read_space, space


class Model(Settings):
    span: int = Field(default=5, ge=1)
    rate: float = Field(default=0.1, gt=0)
    hidden: tuple[int, ...] = (8,)


OWN = space(span=Range(1, 60, log=True), rate=Range(1e-4, 1.0, log=True))


def test_space_cannot_be_changed_afterwards():
    with pytest.raises(TypeError):
        OWN["span"] = Choice(1)
    with pytest.raises(AttributeError):
        OWN["span"].low = 2


def test_choice_takes_lists_as_tuples():
    choice = Choice([64, 32], [64])
    assert choice.values == ((64, 32), (64,))
    assert choice.holds([64])
    assert not choice.holds([32])


def test_range_holds_what_lies_on_its_steps():
    steps = Range(0.0, 0.5, step=0.1)
    assert [steps.holds(v) for v in (0.0, 0.3, 0.5, 0.35, 0.6, -0.1)] == [True] * 3 + [False] * 3
    assert steps.size == 6
    whole = Range(4, 16, step=4)
    assert whole.whole
    assert whole.size == 4
    assert [whole.holds(v) for v in (4, 12, 10, 4.0, True)] == [True, True, False, False, False]
    assert not Range(1, 60.0).whole
    assert math.isinf(Range(1, 60.0).size)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Range(2, 1), "up to a larger one"),
        (lambda: Range(1, 1), "up to a larger one"),
        (lambda: Range(0, 1, log=True), "starts above 0"),
        (lambda: Range(1, 8, log=True, step=1), "has no step"),
        (lambda: Range(0, 1, step=2), "fits into its range"),
        (lambda: Range(0, math.inf), "up to a larger one"),
        (lambda: Range("a", "b"), "takes numbers"),
        (lambda: Range(False, True), "takes numbers"),
        (lambda: Choice(), "at least one value"),
        (lambda: Choice(1, 1), "each once"),
    ],
)
def test_space_part_that_cannot_be_is_refused(make, said):
    with pytest.raises(ConfigError, match=said):
        make()


def test_read_space_replaces_adds_and_leaves_out():
    table = {"span": [3, 5], "rate": False, "hidden": [[4], [8, 8]]}
    found = read_space(table, OWN, Model)
    assert dict(found) == {"span": Choice(3, 5), "hidden": Choice((4,), (8, 8))}
    assert read_space({}, OWN, Model) == OWN
    narrow = read_space({"rate": {"low": 0.01, "high": 0.1, "log": True}}, OWN, Model)
    assert dict(narrow) == {"span": OWN["span"], "rate": Range(0.01, 0.1, log=True)}


@pytest.mark.parametrize(
    ("table", "said", "key"),
    [
        ({"sapn": [1]}, "unknown key 'sapn': did you mean 'span'", "sapn"),
        ({"rate": {"low": 0.1, "high": 1.0, "lgo": True}}, "'lgo': did you mean 'low' or 'log'", "lgo"),
        ({"rate": {"low": 0.1}}, "write a list of values", "rate"),
        ({"rate": 0.1}, "write a list of values", "rate"),
        ({"rate": {"low": -1.0, "high": 1.0}}, "'rate' cannot be -1.0", "rate"),
        ({"span": {"low": 0, "high": 5}}, "'span' cannot be 0", "span"),
        ({"span": [5, "many"]}, "'span' cannot be 'many'", "span"),
        ({"rate": {"low": 1.0, "high": 0.5}}, r"'rate': a range goes from", "rate"),
        ({"span": False, "rate": False}, "none is left", "space"),
    ],
)
def test_read_space_says_what_is_wrong(table, said, key):
    with pytest.raises(ConfigError, match=said) as caught:
        read_space(table, OWN, Model)
    assert caught.value.key == key


def test_read_space_without_any_names_the_model():
    with pytest.raises(ConfigError, match="Model has no search space"):
        read_space({}, space(), Model)


@pytest.mark.parametrize("kind", kinds("qushi.forecasters.models"))
def test_every_model_can_be_tuned_around_its_defaults(kind):
    model = find("qushi.forecasters.models", kind, Forecaster)
    as_tables = {
        name: list(part.values) if isinstance(part, Choice) else vars(part)
        for name, part in model.search.items()
    }
    if as_tables:
        assert read_space(as_tables, space(), model) == model.search
    for name, part in model.search.items():
        assert part.holds(model.model_fields[name].get_default(call_default_factory=True)), name


def test_models_that_learn_from_settings_have_a_search_space():
    without = {
        kind
        for kind in kinds("qushi.forecasters.models")
        if not find("qushi.forecasters.models", kind, Forecaster).search
    }
    rules, ready, ensembles = (
        {"always_up", "drift", "last_value"},
        {"chronos", "kronos", "timesfm"},
        {
            "mean",
            "vote",
        },
    )
    assert without <= rules | ready | ensembles
