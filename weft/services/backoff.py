"""How long to wait before trying again: longer each time, with chance in it, up to a bound."""

from __future__ import annotations

import random

FIRST_S = 0.5
MOST_S = 60.0
FACTOR = 2.0
JITTER = 0.5
"""The share of a delay that is left to chance, so that the clients of a server do not all come back at once."""


class Backoff:
    """Delays that grow from `first_s` by `factor` to `most_s`; the last share `jitter` of each is left to chance.

    With a `random.Random(seed)` the delays are the same in each run.
    """

    def __init__(
        self,
        first_s: float = FIRST_S,
        most_s: float = MOST_S,
        factor: float = FACTOR,
        jitter: float = JITTER,
        *,
        chance: random.Random | None = None,
    ) -> None:
        if not (0 <= first_s <= most_s and factor >= 1 and 0 <= jitter <= 1):
            raise ValueError(
                f"no backoff has first_s={first_s}, most_s={most_s}, factor={factor}, jitter={jitter}: it needs "
                "0 <= first_s <= most_s, factor >= 1 and 0 <= jitter <= 1, as in Backoff(0.5, 60, 2, 0.5)"
            )
        self.first_s = first_s
        self.most_s = most_s
        self.factor = factor
        self.jitter = jitter
        self.failures = 0
        """How many delays were asked for since the last success."""
        self._chance = chance or random.Random()
        self._whole_s = first_s

    def next_s(self) -> float:
        """Return how many seconds to wait after one more failure."""
        whole_s = self._whole_s
        self.failures += 1
        self._whole_s = min(whole_s * self.factor, self.most_s)
        return whole_s * (1 - self.jitter * self._chance.random())

    def reset(self) -> None:
        """Begin again with the first delay: it worked."""
        self.failures = 0
        self._whole_s = self.first_s
