"""Connecting to Temporal: the data converter, the client, the sandbox that every worker and replay uses.

The standard TEMPORAL_* variables win over our settings, so that any cluster (TLS, API keys, a file named by
TEMPORAL_CONFIG_FILE) is reached without a change here. A file in the user's home is not read on its own:
a developer's private profile must not decide where loans are kept.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import os
from typing import Any, Literal

from temporalio.api.failure.v1 import Failure
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import DataConverter, DefaultFailureConverterWithEncodedAttributes, PayloadConverter
from temporalio.envconfig import ClientConfig
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from temporalio.runtime import LogForwardingConfig, LoggingConfig, Runtime, TelemetryConfig, TelemetryFilter
from temporalio.service import RetryConfig, RPCError
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from infra.codec import EncryptionCodec, PayloadKeys
from rules.errors import BusinessError

_log = logging.getLogger(__name__)

# Loaded once, not once a workflow: the values of the law (ZoneInfo does not survive the sandbox), the
# activities' names, and what workflows share. Purity of these is guarded by import contracts and ruff.
RUNNER = SandboxedWorkflowRunner(
    restrictions=SandboxRestrictions.default.with_passthrough_modules(
        "rules",
        "activities",
        "infra",
        "workflows.attributes",
        "workflows.messages",
        "workflows.options",
        "workflows.cases",
        "workflows.clock",
    )
)

# Workflows that a worker keeps in memory, about 0.4 MB each; the others come back from their histories when they wake.
# Most of ours sleep for days: however many there are, a worker stays as large as this.
CACHED_WORKFLOWS = 250

# The API answers a person within seconds: give up early, the outbox sends again. Workers keep the SDK's patience.
QUICK = RetryConfig(max_retries=3, max_elapsed_time_millis=2000)

_CONNECT_TRIES = 30  # about a minute: the server may be starting beside us


class FailureConverter(DefaultFailureConverterWithEncodedAttributes):
    """Texts and stacks are sealed with the payloads; a BusinessError raised in a workflow keeps its code.

    So `ApplicationError.type` is the stable code wherever the error came from: an activity, a validator, a handler.
    """

    def to_failure(self, exception: BaseException, payload_converter: PayloadConverter, failure: Failure) -> None:
        """See the base class."""
        if isinstance(exception, BusinessError):
            final = ApplicationError(
                str(exception),
                type(exception).__name__,
                exception.field,
                type=exception.code,
                non_retryable=True,
                category=ApplicationErrorCategory.BENIGN,
            )
            final.__traceback__, final.__suppress_context__ = exception.__traceback__, True
            exception = final
        super().to_failure(exception, payload_converter, failure)


def data_converter(keys: PayloadKeys) -> DataConverter:
    """The one converter of API, workers, tools and tests: pydantic models, sealed payloads, sealed failures."""
    return dataclasses.replace(
        pydantic_data_converter, payload_codec=EncryptionCodec(keys), failure_converter_class=FailureConverter
    )


def log_through_python() -> None:
    """Send the SDK core's own lines through `logging`, so that they are JSON and masked too.

    Call once, before the first client of the process is made.
    """
    forwarding = LogForwardingConfig(logger=logging.getLogger("temporalio.core"))
    logs = LoggingConfig(TelemetryFilter(core_level="WARN", other_level="ERROR"), forwarding=forwarding)
    Runtime.set_default(Runtime(telemetry=TelemetryConfig(logging=logs)), error_if_already_set=False)


def target(address: str, namespace: str) -> dict[str, Any]:
    """Arguments of Client.connect: ours, overridden by TEMPORAL_* variables."""
    named_file = os.environ.get("TEMPORAL_CONFIG_FILE")
    given = ClientConfig.load_client_connect_config(config_file=named_file, disable_file=not named_file)
    return {"target_host": address, "namespace": namespace, **given}


async def connect(
    address: str,
    namespace: str,
    converter: DataConverter,
    *,
    retry: Literal["quick", "patient"] = "patient",
    lazy: bool = False,
) -> Client:
    """A client of the cluster.

    Args:
        address: host:port.
        namespace: where the cases live.
        converter: from data_converter().
        retry: quick for processes that answer a person, patient for workers, which wait until the server is there.
        lazy: connect at the first call instead of now; then nothing is waited for.

    Raises:
        RuntimeError: the server is not there (quick: at once; patient: after about a minute).
    """
    options = target(address, namespace) | {"data_converter": converter, "lazy": lazy}
    if retry == "quick":
        return await Client.connect(retry_config=QUICK, **options)
    for attempt in range(1, _CONNECT_TRIES):
        try:
            return await Client.connect(**options)
        except (RuntimeError, RPCError):
            _log.warning("Temporal is not reachable yet, attempt %d", attempt)
            await asyncio.sleep(min(0.2 * attempt, 3.0))
    return await Client.connect(**options)
