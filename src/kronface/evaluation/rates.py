"""Which rates a number of trials can support."""

EXPECTED_ERRORS = 10
"""A rate is given only where as many errors, or more, are to be expected in so many trials."""


def is_supported(rate: float, trials: int) -> bool:
    """Whether at least `EXPECTED_ERRORS` of so many trials err at that rate."""
    return rate * trials >= EXPECTED_ERRORS * (1 - 1e-12)
