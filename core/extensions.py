"""Finding extensions: one file, one class, no registration.

Every module of an extension package without a leading underscore is a *kind*, named like its file.
A class outside the repository is named `"package.module:Class"`.
"""

import importlib
import inspect
import pkgutil
from collections.abc import Mapping
from typing import Any, TypeVar

from .errors import ConfigError, near_names
from .settings import Settings

S = TypeVar("S", bound=Settings)


def kinds(package: str) -> tuple[str, ...]:
    """The kinds that a package offers, sorted, without importing any of them."""
    found = importlib.import_module(package)
    return tuple(
        sorted(m.name for m in pkgutil.iter_modules(found.__path__) if not m.name.startswith("_"))
    )


def find(package: str, kind: str, base: type[S]) -> type[S]:
    """The class behind a kind, or behind `"package.module:Class"`.

    Raises `ConfigError` for an unknown kind (with near names), for a module that cannot be imported
    and for a class that does not derive from `base`.
    """
    if ":" in kind:
        return _derived(kind, base)
    if kind not in kinds(package):
        raise ConfigError(
            f"unknown {base.__name__} kind {kind!r}: {near_names(kind, kinds(package))}", key="kind"
        )
    module = importlib.import_module(f"{package}.{kind}")
    own = [
        value
        for value in vars(module).values()
        if inspect.isclass(value)
        and issubclass(value, base)
        and value.__module__ == module.__name__
        and not value.__name__.startswith("_")
    ]
    if len(own) != 1:
        raise ConfigError(
            f"{module.__name__} must define exactly one {base.__name__}, found {len(own)}: "
            "keep one public class a file"
        )
    return own[0]


def build(package: str, table: Mapping[str, Any], base: type[S], where: str) -> S:
    """Make the extension that a config table describes: its `kind`, the rest are its settings."""
    if "kind" not in table:
        raise ConfigError(f"{where}: the key 'kind' is missing, {near_names('', kinds(package))}")
    try:
        found = find(package, str(table["kind"]), base)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}", key=error.key) from None
    settings = {key: value for key, value in table.items() if key != "kind"}
    return found.parse(settings, f"{where} (kind {table['kind']!r})")


def outside(path: str) -> type:
    """The class that `"package.module:Class"` names; `ConfigError` where there is none."""
    module_name, _, class_name = path.partition(":")
    if not module_name or not class_name:
        raise ConfigError(f"a class is named 'package.module:Class', received {path!r}", key="kind")
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise ConfigError(
            f"cannot import {module_name!r} for {path!r}: {error}; is its folder on PYTHONPATH?",
            key="kind",
        ) from error
    except Exception as error:  # whatever somebody else's file may raise while it is read
        raise ConfigError(
            f"cannot import {module_name!r} for {path!r}: {type(error).__name__}: {error}", key="kind"
        ) from error
    found = getattr(module, class_name, None)
    if not inspect.isclass(found):
        classes = [n for n, v in vars(module).items() if inspect.isclass(v)]
        raise ConfigError(
            f"{module_name} has no class {class_name!r}: {near_names(class_name, classes)}", key="kind"
        )
    return found


def _derived(path: str, base: type[S]) -> type[S]:
    found = outside(path)
    if not issubclass(found, base):
        raise ConfigError(
            f"{path!r} is not a {base.__name__}: derive the class from qushi's {base.__name__}",
            key="kind",
        )
    return found
