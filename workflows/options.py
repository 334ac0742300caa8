"""How activities are called: time-outs and retries by the kind of work, and how their refusals are read.

Use: ``await workflow.execute_activity(check, value, **OUTSIDE, summary="...")``. Which errors are tried again is
not decided here but in activities.interceptors; attempts are never limited, time is. Each start_to_close is also
the time lost when a worker is killed in the middle, so it is tight.
"""

from __future__ import annotations

from datetime import timedelta

from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError, ApplicationErrorCategory
from temporalio.workflow import ActivityConfig, LocalActivityConfig

BIOMETRICS_QUEUE = "biometrics"


def _retries(first: timedelta, longest: timedelta) -> RetryPolicy:
    return RetryPolicy(initial_interval=first, backoff_coefficient=2.0, maximum_interval=longest)


# Our own database and archive: quick, and back soon after a restart.
DATABASE = ActivityConfig(
    start_to_close_timeout=timedelta(seconds=10),
    schedule_to_close_timeout=timedelta(days=7),
    retry_policy=_retries(timedelta(milliseconds=250), timedelta(seconds=10)),
)

# One short transaction in our own database, run inside the workflow task: no round trip to the server.
LOCAL = LocalActivityConfig(
    start_to_close_timeout=timedelta(seconds=5),
    schedule_to_close_timeout=timedelta(days=7),
    retry_policy=_retries(timedelta(milliseconds=250), timedelta(seconds=10)),
)

# Services of others over HTTP: they fail for hours, and asking them every second helps nobody.
OUTSIDE = ActivityConfig(
    start_to_close_timeout=timedelta(seconds=30),
    schedule_to_close_timeout=timedelta(days=3),
    retry_policy=_retries(timedelta(seconds=1), timedelta(minutes=5)),
)

# Faces, clips and cards: seconds of a processor each, in a process and on a queue of their own.
BIOMETRICS = ActivityConfig(
    task_queue=BIOMETRICS_QUEUE,
    start_to_close_timeout=timedelta(seconds=60),
    heartbeat_timeout=timedelta(seconds=10),  # a killed worker costs the waiting client this, not the minute
    schedule_to_close_timeout=timedelta(hours=12),
    retry_policy=_retries(timedelta(seconds=1), timedelta(seconds=30)),
)

# Money: never given up by a clock. The safe-payment pattern inside decides what may be done again.
MONEY = ActivityConfig(
    start_to_close_timeout=timedelta(seconds=30),
    heartbeat_timeout=timedelta(seconds=8),  # a killed worker costs the payment this, not the half minute
    retry_policy=_retries(timedelta(seconds=1), timedelta(minutes=1)),
)

# A bureau's word on a batch: asked until it comes, in the end once an hour; nothing is given up by a clock.
BATCH = ActivityConfig(
    start_to_close_timeout=timedelta(seconds=30),
    retry_policy=_retries(timedelta(seconds=2), timedelta(hours=1)),
)

# A loan in its years: whatever is away comes back, and its workflow must be there still.
LOAN = ActivityConfig(
    start_to_close_timeout=timedelta(seconds=30),
    retry_policy=_retries(timedelta(milliseconds=500), timedelta(minutes=5)),
)

# A report: a million loans are read, written and archived; a process that dies is noticed by its silence.
REPORT = ActivityConfig(
    start_to_close_timeout=timedelta(minutes=30),
    heartbeat_timeout=timedelta(seconds=30),
    retry_policy=_retries(timedelta(seconds=1), timedelta(minutes=5)),
)


def refusal(error: BaseException) -> ApplicationError | None:
    """The business's final answer inside a failure of an activity; None where the failure is something else.

    ``type`` of what is returned is the stable code (``code-expired``), ``details[1]`` the field at fault.
    """
    cause = error.cause if isinstance(error, ActivityError) else error
    final = isinstance(cause, ApplicationError) and cause.category == ApplicationErrorCategory.BENIGN
    return cause if final and isinstance(cause, ApplicationError) else None
