"""How far a study of the panic index looks, as `[panic_study]` writes it."""

from pydantic import Field, field_validator

from ...core import Settings
from ...core.panic import DIVERGENCE


class StudySettings(Settings):
    """`[panic_study]`: how far to look, and how often to shuffle the dates.

    lags
        Sessions before and after for the correlations.
    horizons
        Sessions over which the return from the next open on is regressed and sorted.
    past
        Sessions of the past return that stands beside panic in the regressions.
    controls
        Also regress on both, panic and the past return.
    quantiles
        Groups of the sort by panic.
    extreme
        Panic from which a session is extreme; 100 less this is extreme calm.  Of the divergence, which
        runs from -100 to 100, the same distances from the ends count.
    before, after
        Sessions of the paths around extreme sessions.
    cooldown
        Sessions between two events at least; below `after` their paths overlap.
    shuffles
        Times that the dates are shuffled.  No p is below 1 / (shuffles + 1), that of all families
        together not below about their number times this.
    seed
        Of the shuffles.
    implied
        Names of `[[series]]` that hold the market's implied fear.
    """

    lags: int = Field(default=10, ge=1, le=60)
    horizons: tuple[int, ...] = Field(default=(1, 5, 10, 20), min_length=1)
    past: int = Field(default=3, ge=1)
    controls: bool = True
    quantiles: int = Field(default=5, ge=2)
    extreme: float = Field(default=90.0, gt=50, lt=100)
    before: int = Field(default=10, ge=1)
    after: int = Field(default=20, ge=1)
    cooldown: int = Field(default=20, ge=1)
    shuffles: int = Field(default=500, ge=99)
    seed: int = 0
    implied: tuple[str, ...] = ()

    @field_validator("horizons")
    @classmethod
    def _each_once(cls, horizons: tuple[int, ...]) -> tuple[int, ...]:
        if min(horizons) < 1 or len(set(horizons)) != len(horizons):
            raise ValueError("horizons are sessions, 1 at least, each of them once")
        return tuple(sorted(horizons))

    def bounds(self, audience: str) -> tuple[float, float]:
        """Extreme calm and extreme panic, in points of what is studied.

        >>> StudySettings(extreme=95).bounds("all"), StudySettings(extreme=95).bounds("divergence")
        ((5.0, 95.0), (-90.0, 90.0))
        """
        if audience != DIVERGENCE:
            return 100.0 - self.extreme, self.extreme
        return 100.0 - 2 * self.extreme, 2 * self.extreme - 100.0
