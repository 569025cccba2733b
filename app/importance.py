"""What the models of a run look at: permutation importance on each one's last fold.

Off unless `[report] importance` asks for it, because it costs some five forecasts a feature.  A model
that cannot be asked costs its own rows only, and the reader is told.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from ..core import QUIET, FitError, InputError, Progress, UserCodeError
from ..forecasters import LastFold
from ..forecasters.importance import permutation_importance
from .user_code import somebodys


def importance_of(
    last_folds: Mapping[tuple[str, int], LastFold], progress: Progress = QUIET
) -> pd.DataFrame:
    """`permutation_importance` of every (model, seed), which are columns too; empty where none was kept.

    Only outcomes that have come true count: a fold with fewer than two has no say yet.
    """
    parts = []
    if last_folds:
        progress.begin("importance", len(last_folds))
    for (name, seed), last in last_folds.items():
        try:
            if np.isfinite(last.label).sum() >= 2:
                with somebodys(last.model.kind, type(last.model)):
                    found = permutation_importance(last.model, last.windows, last.label, seed=seed)
                parts.append(found.assign(model=name, seed=seed))
        except (InputError, FitError, UserCodeError) as error:
            progress.note(f"the importance for {name} (seed {seed}) could not be measured: {error}")
        progress.advance("importance")
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
