"""The application: experiment files, the pipeline they describe, the command line."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .config import Experiment, parse_experiment, read_experiment
    from .run import Finished, run_experiment

__all__ = ["Experiment", "Finished", "parse_experiment", "read_experiment", "run_experiment"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import config, run

    return getattr(
        run if hasattr(run, name) and name in ("Finished", "run_experiment") else config, name
    )
