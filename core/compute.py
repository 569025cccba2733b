"""Where torch computes, and with how many threads; torch itself is imported when first needed."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from .errors import ConfigError

if TYPE_CHECKING:
    import torch

Device = Literal["auto", "cpu", "cuda", "mps"]


def choose_device(wanted: Device) -> "torch.device":
    """The device to compute on; "auto" takes a GPU where there is one.

    Raises `ConfigError` where the wanted one is not there.
    """
    import torch

    have = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if wanted == "auto":
        return torch.device(next(name for name in ("cuda", "mps", "cpu") if have[name]))
    if not have[wanted]:
        raise ConfigError(f"the device {wanted!r} is not available on this machine: choose 'auto'")
    return torch.device(wanted)


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Run with so many CPU threads, then with as many as before.

    A small net on default threads takes ten times as long on a busy machine as on one thread.
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
