"""`python -m activities.portfolio.compiled`: makes the compiled fold, or finds it made; part of the set-up.

Whoever needs it first makes it; a second process waits for the first and reads what it has made.
"""

from __future__ import annotations

import fcntl
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from activities.portfolio import CACHED, KEPT

_MADE = KEPT / "made"


@cache
def make_ready() -> None:
    """Load the compiled fold into this process; some twenty seconds where it has to be compiled."""
    import numpy as np

    from activities.portfolio.kernel_names import DETAILS, MOST_DAYS, R_END
    from activities.portfolio.valuation import Facts, Terms, value

    none = np.zeros(0, np.int64)
    with _alone():
        value(
            Terms(*(none for _ in Terms.__dataclass_fields__)),
            Facts(none, none, np.zeros((3, 0), np.int64), np.zeros((0, DETAILS), np.int64)),
            np.zeros(MOST_DAYS, np.int64),
            np.zeros((1, R_END), np.int64),
            1,
        )


@contextmanager
def _alone() -> Iterator[None]:
    if not CACHED:
        yield
        return
    KEPT.mkdir(parents=True, exist_ok=True)
    with (KEPT / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
        _MADE.touch()


def main() -> int:
    """Quick where it is made already: nothing large is imported then. Code of other sources is thrown away."""
    if not CACHED:
        return 0
    if not _MADE.exists():
        make_ready()
    for old in KEPT.parent.glob("kernel-*"):
        if old != KEPT:
            shutil.rmtree(old, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
