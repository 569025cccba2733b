"""Every kind of forecaster, as small as it still works: what the suites over all kinds run."""

import tempfile
from functools import cache
from pathlib import Path

from qushi.core.extensions import build, find, kinds
from qushi.forecasters import Forecaster

PACKAGE = "qushi.forecasters.models"
KINDS = kinds(PACKAGE)
MEMBERS = [
    {"kind": "ridge"},
    {"kind": "logistic"},
    {"kind": "lightgbm", "trees": 5, "min_leaf": 20},
]
TINY = {
    "hidden": [6],
    "dense": 4,
    "attention": 4,
    "variational_dropout": 0.1,
    "epochs": 3,
    "batch": 256,
    "channels": [4],
    "width": 4,
    "heads": 2,
    "layers": 1,
    "feed_forward": 4,
    "patch_length": 2,
    "stride": 1,
    "members": MEMBERS,
}
ENSEMBLE = {"seeds": 2}


@cache
def pretrained(kind):
    """Settings of a pre-trained model of random weights, written once a process."""
    import small_foundation

    write = {"chronos": "write_chronos_bolt", "timesfm": "write_timesfm", "kronos": "write_kronos"}
    folder = Path(tempfile.mkdtemp(prefix=f"qushi-{kind}-"))
    written = getattr(small_foundation, write[kind])(folder / "weights")
    table = {"knowledge_cutoff": "2000-01-01", "context": 16, "samples": 1}
    if isinstance(written, tuple):
        model, tokenizer = written
        return table | {"model": str(model), "tokenizer": str(tokenizer)}
    return table | {"model": str(written)}


def is_pretrained(kind):
    return "knowledge_cutoff" in class_of(kind).model_fields


def class_of(kind):
    return find(PACKAGE, kind, Forecaster)


def is_net(kind):
    """Kinds whose sums in float32 may differ by a hair in another batch."""
    return "epochs" in class_of(kind).model_fields or is_pretrained(kind)


def model_of(kind, **more):
    """The kind with the tiny settings it knows, and `more` of those it knows."""
    known = class_of(kind).model_fields
    wanted = TINY | (ENSEMBLE if "members" in known else {}) | more
    if is_pretrained(kind):
        wanted = wanted | pretrained(kind)
    table = {key: value for key, value in wanted.items() if key in known}
    return build(PACKAGE, {"kind": kind, **table}, Forecaster, "[tiny]")
