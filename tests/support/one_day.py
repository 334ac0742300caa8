"""Tests that ask twice what day it is."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from rules.calendar import end_of_day, local_date


def wait_out_midnight(ahead: timedelta) -> None:
    """Let midnight in Almaty pass first where it is so near: who asks what day it is twice must hear the same."""
    now = datetime.now(UTC)
    left = end_of_day(local_date(now)) - now
    if left < ahead:
        time.sleep(left.total_seconds() + 1)
