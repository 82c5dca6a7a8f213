"""What a count of failures says about the rate that it comes from."""

from __future__ import annotations

from math import exp, lgamma, log, log1p

#: How sure one may be that the rate is not higher.
CONFIDENCE = 0.95


def upper_bound(failures: int, trials: int, confidence: float = CONFIDENCE) -> float:
    """The one-sided upper bound of Clopper and Pearson for the share of trials that fail; 1 without any trial.

    Where none failed it is `1 - 0.05 ** (1 / trials)`, of which three divided by the trials is the rule of thumb.
    """
    if failures >= trials:
        return 1.0
    if not failures:
        return float(1 - (1 - confidence) ** (1 / trials))
    low, high = failures / trials, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        if _at_most(failures, trials, middle) > 1 - confidence:
            low = middle
        else:
            high = middle
    return high


def _at_most(failures: int, trials: int, share: float) -> float:
    """How likely so many failures or fewer are."""
    return sum(exp(_log_chance(count, trials, share)) for count in range(failures + 1)) if share < 1 else 0.0


def _log_chance(count: int, trials: int, share: float) -> float:
    ways = lgamma(trials + 1) - lgamma(count + 1) - lgamma(trials - count + 1)
    return ways + count * log(share) + (trials - count) * log1p(-share)
