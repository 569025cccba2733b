"""Models side by side: one row a model, what its forecasts were worth and what trading on them earned.

Figures of a model with several seeds are means over the seeds, with their standard deviation beside the
ones that a lucky seed would flatter.  Nothing is computed again: the table is read from a finished run.
"""

import numpy as np
import pandas as pd

from ..backtests import RunStore
from ..backtests.runs import Run
from ..core import ConfigError
from ..core.errors import near_names
from ..forecasters.quality import longest_steps
from .experiment import result_name
from .page import read_about

COLUMNS = (
    "model",
    "seeds",
    "n",
    "accuracy",
    "accuracy_sd",
    "base_rate",
    "p_value",
    "ic",
    "ic_t",
    "relative_mae",
    "sharpe",
    "sharpe_sd",
    "total_return",
    "fit_seconds",
)
_MEANS = ("accuracy", "base_rate", "p_value", "ic", "ic_t", "relative_mae")


def model_table(store: RunStore, name: str, strategy: str | None = None) -> pd.DataFrame:
    """One row a model of a finished run, by accuracy; columns `COLUMNS`.

    `sharpe` and `total_return` are after costs, of `strategy` (default: the first that traded on
    forecasts); `fit_seconds` are CPU seconds of all folds of one seed.  A model that failed has a row
    without figures.  A figure is a mean over seeds, NaN where one of them has none.  `ConfigError` for
    a run without forecasts and for a strategy that did not trade on them.
    """
    run = store.show(name)
    quality = pd.read_parquet(run.folder / "quality.parquet")
    if quality.empty:
        raise ConfigError(f"the run {name!r} holds no forecasts: there are no models to compare")
    quality = longest_steps(quality)
    earned = _earned(run, quality, strategy)
    fits = pd.read_parquet(run.folder / "fits.parquet")
    costs = fits.drop_duplicates(["model", "seed", "fold", "symbol", "step"])
    seconds = costs.groupby(["model", "seed"])["seconds"].sum()
    rows = []
    for model, part in quality.groupby("model", sort=True):
        own = [(model, seed) for seed in part["seed"]]
        figures = {column: part[column].mean(skipna=False) for column in _MEANS}
        returns = earned.reindex(own)
        rows.append(
            {
                "model": model,
                "seeds": len(part),
                "n": int(part["n"].max()),
                **figures,
                "accuracy_sd": part["accuracy"].std(),
                "sharpe": returns["sharpe"].mean(skipna=False),
                "sharpe_sd": returns["sharpe"].std(),
                "total_return": returns["total_return"].mean(skipna=False),
                "fit_seconds": seconds.reindex(own).mean(),
            }
        )
    table = pd.DataFrame(rows, columns=list(COLUMNS)).sort_values("accuracy", ascending=False)
    return pd.concat([table, _failed(run, table)], ignore_index=True)


def _earned(run: Run, quality: pd.DataFrame, strategy: str | None) -> pd.DataFrame:
    """Sharpe ratio and return of one strategy, by (model, seed)."""
    performance = pd.read_parquet(run.folder / "performance.parquet")
    traded = list(dict.fromkeys(n.partition("[")[0] for n in performance.index if "[" in n))
    if strategy is None and traded:
        strategy = traded[0]
    elif strategy not in traded:
        near = near_names(str(strategy), traded) if traded else "none did"
        raise ConfigError(f"no strategy {strategy!r} traded on forecasts: {near}")
    seeds = quality.groupby("model")["seed"].nunique()
    names = {
        (model, seed): result_name(str(strategy), model, seed, int(seeds[model]))
        for model, seed in quality[["model", "seed"]].itertuples(index=False)
    }
    found = performance.reindex(list(names.values()))[["sharpe", "total_return"]]
    return found.set_axis(pd.MultiIndex.from_tuples(names), axis=0)


def _failed(run: Run, table: pd.DataFrame) -> pd.DataFrame:
    """A row without figures for each model that is missing because it failed."""
    names = [what.partition(" (seed ")[0] for what, _ in read_about(run.folder)["failures"]]
    missing = [n for n in dict.fromkeys(names) if n not in set(table["model"]) and "[" not in n]
    return pd.DataFrame({"model": missing}).reindex(columns=list(COLUMNS))


def as_markdown(table: pd.DataFrame) -> str:
    """The table for a document: percent, spread over seeds after ±, a dash where there is no figure."""
    forms = {"seeds": ".0f", "n": ",.0f", "accuracy": ".1%", "base_rate": ".1%", "p_value": ".2f"}
    forms |= {"ic": "+.3f", "ic_t": "+.1f", "relative_mae": ".3f", "sharpe": "+.2f"}
    forms |= {"total_return": "+.1%", "fit_seconds": ",.1f"}
    heads = ["model", *forms]
    lines = ["| " + " | ".join(heads) + " |", "|---|" + "---:|" * len(forms)]
    for row in table.to_dict("records"):
        cells = [str(row["model"])]
        for name, form in forms.items():
            spread = row.get(f"{name}_sd", np.nan)
            after = "" if pd.isna(spread) else f" ± {spread:{form.removeprefix('+')}}"
            cells.append("–" if pd.isna(row[name]) else f"{row[name]:{form}}{after}")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)
