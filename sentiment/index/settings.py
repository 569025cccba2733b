"""The constants of the panic index, as `[panic]` writes them."""

from typing import Literal

from pydantic import Field, field_validator, model_validator

from ...core import Settings

Weights = Literal["given", "none", "reads", "comments", "both"]


class PanicSettings(Settings):
    """The constants of the index; the defaults are those of the module `panic`.

    half_life
        Sessions after which a text counts half.
    window, min_history
        Sessions that today is ranked against at most, and at least.
    n_min
        Effective count below which a session is "thin" and its panic is drawn towards 50.
    cutoff
        Local clock time up to which (inclusive) texts belong to the session; empty: the close.
    hard_labels
        Count the likeliest class as 1 instead of summing probabilities.
    weights
        "given": by the text's own `weight`; "none": all alike; "reads", "comments": by
        1 + ln(1 + count), 1 where the count is unknown; "both": the product of the two.
    """

    half_life: float = Field(default=3.0, gt=0)
    window: int = Field(default=250, ge=2)
    min_history: int = Field(default=60, ge=2)
    n_min: float = Field(default=5.0, ge=1)
    z_clip: float = Field(default=4.0, gt=0)
    cutoff: str = ""
    hard_labels: bool = False
    weights: Weights = "given"

    @field_validator("cutoff")
    @classmethod
    def _clock(cls, value: str) -> str:
        parts = value.split(":")
        good = len(parts) in (2, 3) and all(len(p) == 2 and p.isdigit() for p in parts)
        if value and not (good and int(parts[0]) < 24 and all(int(p) < 60 for p in parts[1:])):
            raise ValueError("a clock time like 15:00 or 14:57:00 is wanted")
        return value

    @model_validator(mode="after")
    def _history_fits(self) -> "PanicSettings":
        if self.min_history > self.window:
            raise ValueError(f"min_history {self.min_history} is above the window {self.window}")
        return self
