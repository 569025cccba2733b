"""What `qushi tune` may change of a model: a range or a list of choices for each setting.

The search space stands beside each model,

    search: ClassVar[Space] = space(penalty=Range(1e-4, 10.0, log=True))

and `[tune.space]` of an experiment changes it.  A range of whole numbers gives whole numbers; `log`
draws evenly on a logarithmic scale, for settings that act as a factor (learning rates, penalties).
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel, ValidationError

from ..core import ConfigError
from ..core.errors import near_names

_RANGE_KEYS = ("low", "high", "log", "step")


@dataclass(frozen=True, init=False)
class Choice:
    """One of some values, in no order; lists count as tuples.

    Raises `ConfigError` where there is no value, or one twice.

    >>> Choice(16, 32, 64).holds(32), len(Choice((64,), (64, 32)).values)
    (True, 2)
    """

    values: tuple[Any, ...]

    def __init__(self, *values: Any) -> None:
        object.__setattr__(self, "values", tuple(_frozen(v) for v in values))
        if not values or len({json.dumps(v) for v in self.values}) < len(values):
            raise ConfigError(f"choices are at least one value, each once, received {list(values)}")

    def holds(self, value: Any) -> bool:
        """Whether the value is one of them."""
        return _frozen(value) in self.values

    @property
    def ends(self) -> tuple[Any, ...]:
        """The values that must be right for all to be right: here every one."""
        return self.values

    @property
    def size(self) -> float:
        """How many values there are."""
        return len(self.values)


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, both included; whole where `low`, `high` and `step` are whole.

    Raises `ConfigError` for a range that is empty or of no numbers, for `log` from 0 or below, and for
    `log` together with a `step`.

    >>> Range(1, 4).size, Range(0.1, 1.0, log=True).size, Range(0.0, 1.0, step=0.25).size
    (4, inf, 5)
    """

    low: float
    high: float
    log: bool = False
    step: float | None = None

    def __post_init__(self) -> None:
        numbers = [v for v in (self.low, self.high, self.step) if v is not None]
        if any(isinstance(v, bool) or not isinstance(v, int | float) for v in numbers):
            raise ConfigError(f"a range takes numbers, received {numbers}")
        if not all(math.isfinite(v) for v in numbers) or self.low >= self.high:
            raise ConfigError(f"a range goes from a number up to a larger one, received {self}")
        if self.log and (self.low <= 0 or self.step is not None):
            raise ConfigError(f"a range with log starts above 0 and has no step, received {self}")
        if self.step is not None and not 0 < self.step <= self.high - self.low:
            raise ConfigError(f"a step is above 0 and fits into its range, received {self}")

    @property
    def whole(self) -> bool:
        """Whether it gives whole numbers."""
        return all(isinstance(v, int) for v in (self.low, self.high, self.step) if v is not None)

    def holds(self, value: Any) -> bool:
        """Whether the value is a number in the range, on its steps."""
        if isinstance(value, bool) or not isinstance(value, int if self.whole else int | float):
            return False
        steps = 0.0 if self.step is None else (value - self.low) / self.step
        return self.low <= value <= self.high and abs(steps - round(steps)) < 1e-9

    @property
    def ends(self) -> tuple[Any, ...]:
        """The values that must be right for all to be right: the two ends."""
        return (self.low, self.high)

    @property
    def size(self) -> float:
        """How many values there are; infinite without steps."""
        step = self.step or (1 if self.whole else None)
        return math.inf if step is None else math.floor((self.high - self.low) / step + 1e-9) + 1


Space = Mapping[str, Choice | Range]
"""What may be changed, by the name of the setting."""


def space(**parts: Choice | Range) -> Space:
    """A search space that nobody can change afterwards.

    >>> space(span=Range(2, 60, log=True))["span"].whole
    True
    """
    return MappingProxyType(dict(parts))


def read_space(table: Mapping[str, Any], own: Space, model: type[BaseModel]) -> Space:
    """The space of `[tune.space]`: a model's `own`, changed by what the table says.

    A list is choices; `{low, high, log, step}` a range; `false` leaves the setting as the experiment has
    it.  Raises `ConfigError` for a setting that the model does not have (with near names), for values
    that it refuses, and where nothing is left to tune.
    """
    found = dict(own)
    for name, given in table.items():
        if name not in model.model_fields:
            hint = near_names(name, model.model_fields)
            raise ConfigError(f"[tune.space]: unknown key {name!r}: {hint}", key=name)
        if given is False:
            found.pop(name, None)
            continue
        found[name] = _part(name, given)
        _check_ends(name, found[name], model)
    if not found:
        raise ConfigError(
            f"{model.__name__} has no search space, or none is left: name settings and their values in "
            "[tune.space]",
            key="space",
        )
    return space(**found)


def _part(name: str, given: Any) -> Choice | Range:
    """One entry of the table, as what it describes."""
    where = f"[tune.space] {name!r}"
    try:
        if isinstance(given, list | tuple):
            return Choice(*given)
        if isinstance(given, Mapping):
            for key in given:
                if key not in _RANGE_KEYS:
                    hint = near_names(str(key), _RANGE_KEYS)
                    raise ConfigError(f"unknown key {key!r}: {hint}", key=str(key))
            if "low" in given and "high" in given:
                return Range(**given)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}", key=error.key or name) from None
    raise ConfigError(
        f"{where} is {given!r}: write a list of values, {{ low = …, high = … }}, or false to leave it "
        "as it is",
        key=name,
    )


def _check_ends(name: str, part: Choice | Range, model: type[BaseModel]) -> None:
    """Refuse values that the setting cannot have; what depends on other settings shows in a trial."""
    for value in part.ends:
        try:
            model.model_validate({name: value})
        except ValidationError as error:
            for found in error.errors(include_url=False):
                if found["loc"] and found["loc"][0] == name:
                    message = found["msg"].removeprefix("Value error, ")
                    raise ConfigError(
                        f"[tune.space] {name!r} cannot be {value!r}: {message[:1].lower()}{message[1:]}",
                        key=name,
                    ) from None


def _frozen(value: Any) -> Any:
    return tuple(_frozen(v) for v in value) if isinstance(value, list | tuple) else value
