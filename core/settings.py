"""The base of everything that can stand in an experiment file.

A forecaster, a strategy or a source *is* its settings plus behaviour: keyword arguments in Python and
keys of a TOML table are the same names, checked by the same types.
"""

import re
from collections.abc import Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from .errors import ConfigError, near_names


class Settings(BaseModel):
    """Frozen, typed settings that refuse unknown keys.

    >>> class Example(Settings):
    ...     window: int = 20
    >>> Example.parse({"windw": 5}, where="[example]")
    Traceback (most recent call last):
    ...
    qushi.core.errors.ConfigError: [example]: unknown key 'windw': did you mean 'window'?
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", arbitrary_types_allowed=True, validate_default=True
    )

    @classmethod
    def parse(cls, table: Mapping[str, Any], where: str) -> Self:
        """Build from a table of an experiment file; `where` names the table in the message."""
        try:
            return cls.model_validate(dict(table))
        except ValidationError as error:
            message, key = explain(error, cls)
            raise ConfigError(f"{where}: {message}", key=key) from None


def explain(error: ValidationError, model: type[BaseModel]) -> tuple[str, str | None]:
    """One sentence for the first thing a validation found wrong, and the key it is about."""
    first = error.errors(include_url=False)[0]
    # where a key takes one of several types, pydantic names the type tried: no name in the file
    at = [part for part in first["loc"] if not _TYPE.match(str(part))]
    path = ".".join(str(part) for part in at)
    names = [part for part in at if isinstance(part, str)]
    return _sentence(first, path, model), names[-1] if names else None


_TYPE = re.compile(r"(literal|tuple|list|dict)\[")
_PLAIN = {
    "tuple_type": "must be a list, in brackets",
    "dict_type": "must be a table of keys and values",
    "date_from_datetime_parsing": "must be a date, YYYY-MM-DD",
    "date_type": "must be a date, YYYY-MM-DD",
}
"""What pydantic says in words of Python, in words of an experiment file."""


def _sentence(first: ErrorDetails, path: str, model: type[BaseModel]) -> str:
    if first["type"] == "extra_forbidden":
        known = _fields_at(model, first["loc"][:-1])
        hint = near_names(str(first["loc"][-1]), known) if known else "there are no settings here"
        return f"unknown key {path!r}: {hint}"
    if first["type"] == "missing":
        return f"the key {path!r} is missing"
    if first["type"] == "literal_error" and isinstance(first.get("input"), str):
        known = re.findall(r"'([^']*)'", first["ctx"]["expected"])
        return f"{path!r} is {first['input']!r}: {near_names(first['input'], known)}"
    message = _PLAIN.get(first["type"], first["msg"].removeprefix("Value error, "))
    if not path:
        return message
    return f"{path!r} is {first.get('input')!r}: {message[:1].lower()}{message[1:]}"


def _fields_at(model: type[BaseModel], loc: tuple[int | str, ...]) -> list[str]:
    """Field names of the (possibly nested) model in which an unknown key was found."""
    for part in loc:
        if not isinstance(part, str) or part not in model.model_fields:
            continue
        annotation = model.model_fields[part].annotation
        candidates = [annotation, *getattr(annotation, "__args__", ())]
        nested = [c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)]
        if not nested:
            return []
        model = nested[0]
    return list(model.model_fields)
