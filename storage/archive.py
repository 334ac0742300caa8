"""The archive: any S3 with object lock. A put is done when it has been read back, locked.

Each put carries its own COMPLIANCE retention and its own checksum: defaults of a bucket are not relied on.
What is put is sealed already; keys are random and say nothing of a person.

Rules: para 11; para 34.
"""

from __future__ import annotations

import asyncio
import base64
import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from typing import Any, TypeVar
from uuid import uuid4

import urllib3
from minio import Minio
from minio.commonconfig import COMPLIANCE
from minio.error import MinioException, S3Error
from minio.retention import Retention
from pydantic import BaseModel, ConfigDict

from rules.errors import BrokenContract, Fault, NotFound, Unavailable
from storage.archive_lock import LockCheck, check_lock, clear_old_scratch

T = TypeVar("T")

_CONNECT_SECONDS, _READ_SECONDS = 5, 30
_ABSENT = {"NoSuchKey", "NoSuchVersion", "NoSuchObject", "MethodNotAllowed", "InvalidVersionId"}


class Reference(BaseModel):
    """Where bytes lie in the archive. sha256 and size are of the bytes that were put, sealed as they are."""

    model_config = ConfigDict(frozen=True)

    key: str
    version_id: str
    sha256: str
    size: int
    retain_until: datetime


class Archive:
    """One bucket, spoken to through threads and one pool of connections. Raises Fault children and NotFound only."""

    def __init__(
        self,
        endpoint: str,
        access_key: str,
        secret_key: str,
        bucket: str,
        *,
        secure: bool = False,
        region: str = "us-east-1",
        connections: int = 8,
    ) -> None:
        pool = urllib3.PoolManager(
            maxsize=connections,
            block=True,
            timeout=urllib3.Timeout(connect=_CONNECT_SECONDS, read=_READ_SECONDS),
            retries=urllib3.Retry(total=2, backoff_factor=0.2, status_forcelist=[500, 502, 503, 504]),
            cert_reqs="CERT_REQUIRED",
        )
        self._client = Minio(
            endpoint=endpoint,
            access_key=access_key,
            secret_key=secret_key,
            secure=secure,
            region=region,
            http_client=pool,
        )
        self.endpoint = endpoint
        self._bucket = bucket
        # threads of our own: the common ones may be busy with pictures
        self._threads = ThreadPoolExecutor(connections, thread_name_prefix="archive")

    async def prepare(self) -> None:
        """Make the bucket with object lock, or see that the one there has it.

        Raises:
            BrokenContract: the bucket exists without versions or without lock.
        """
        await self._call(self._prepare)

    async def put(self, content: bytes, kind: str, retain_until: datetime) -> Reference:
        """Store bytes under lock; returns when version, size, sha256 and retention have been read back.

        Args:
            kind: first part of the key, for example ``contract``; no personal data.
            retain_until: aware; a fraction of a second counts as a whole one.
        """
        until = _whole_second(retain_until)
        today = datetime.now(UTC)
        key = f"{kind}/{today:%Y}/{today:%m}/{uuid4().hex}"
        return await self._call(partial(self._put, content, key, until))

    async def get(self, key: str, version_id: str) -> bytes:
        """The bytes of one version.

        Raises:
            NotFound: `document-absent`.
        """
        content, _ = await self._call(partial(self._read, key, version_id))
        return content

    async def extend(self, key: str, version_id: str, until: datetime) -> None:
        """Lock longer; an end that is earlier than today's leaves it as it is."""
        await self._call(partial(self._extend, key, version_id, _whole_second(until)))

    async def remove(self, key: str, version_id: str) -> str | None:
        """Remove one version whose lock is over; None where it is gone, else the store's word for why it stays."""
        return await self._call(partial(self._remove, key, version_id))

    async def verify_lock(self) -> list[LockCheck]:
        """Try to break the lock in a scratch bucket, rule by rule. Takes some seconds and leaves small objects."""
        return await self._call(partial(check_lock, self._client, self._bucket))

    async def clear_scratch(self) -> int:
        """Remove what earlier checks have left, where its retention is over; the number of buckets removed."""
        return await self._call(partial(clear_old_scratch, self._client, self._bucket, datetime.now(UTC)))

    async def close(self) -> None:
        """Give the threads back."""
        self._threads.shutdown(wait=False)

    async def _call(self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        except S3Error as error:
            raise _fault(error) from error
        except (MinioException, urllib3.exceptions.HTTPError) as error:
            raise Unavailable(f"archive: {type(error).__name__}") from error

    def _prepare(self) -> None:
        if not self._client.bucket_exists(bucket_name=self._bucket):
            try:
                self._client.make_bucket(bucket_name=self._bucket, object_lock=True)
            except S3Error as error:  # a neighbour was quicker
                if error.code not in ("BucketAlreadyOwnedByYou", "BucketAlreadyExists"):
                    raise
        if self._client.get_bucket_versioning(bucket_name=self._bucket).status != "Enabled":
            raise BrokenContract("archive: the bucket keeps no versions")
        with suppress(ValueError):  # the SDK's word for a lock without a default retention, which is what we want
            self._client.get_object_lock_config(bucket_name=self._bucket)  # raises where lock is off

    def _remove(self, key: str, version_id: str) -> str | None:
        try:
            self._client.remove_object(bucket_name=self._bucket, object_name=key, version_id=version_id)
        except S3Error as error:
            return None if error.code in _ABSENT - {"MethodNotAllowed"} else str(error.code)
        return None

    def _put(self, content: bytes, key: str, until: datetime) -> Reference:
        digest = sha256(content)
        written = self._client.put_object(
            bucket_name=self._bucket,
            object_name=key,
            data=io.BytesIO(content),
            length=len(content),
            retention=Retention(COMPLIANCE, until),
            metadata={
                "x-amz-sdk-checksum-algorithm": "SHA256",
                "x-amz-checksum-sha256": base64.b64encode(digest.digest()).decode(),
            },
        )
        if not written.version_id:
            raise BrokenContract("archive: no version id after a put")
        back, headers = self._read(key, written.version_id)
        if back != content:
            raise BrokenContract("archive: other bytes came back")
        locked = self._locked_until(key, written.version_id, headers)
        if locked < until:
            raise BrokenContract("archive: the retention that came back is too short")
        return Reference(
            key=key,
            version_id=written.version_id,
            sha256=digest.hexdigest(),
            size=len(content),
            retain_until=locked,
        )

    def _read(self, key: str, version_id: str) -> tuple[bytes, Any]:
        response = self._client.get_object(bucket_name=self._bucket, object_name=key, version_id=version_id)
        try:
            if response.headers.get("x-amz-version-id", version_id) != version_id:
                raise BrokenContract("archive: another version came back")
            return response.data, response.headers
        finally:
            response.close()
            response.release_conn()

    def _locked_until(self, key: str, version_id: str, headers: Any) -> datetime:
        """From the answer's headers where the store sends them, else by a question of its own."""
        mode, until = headers.get("x-amz-object-lock-mode"), headers.get("x-amz-object-lock-retain-until-date")
        if mode and until:
            end = datetime.fromisoformat(until.replace("Z", "+00:00"))
        else:
            kept = self._client.get_object_retention(bucket_name=self._bucket, object_name=key, version_id=version_id)
            if kept is None:
                raise BrokenContract("archive: no retention came back")
            mode, end = kept.mode, kept.retain_until_date
        if mode != COMPLIANCE:
            raise BrokenContract("archive: the retention is not COMPLIANCE")
        return end.astimezone(UTC)

    def _extend(self, key: str, version_id: str, until: datetime) -> None:
        if self._locked_until(key, version_id, {}) >= until:
            return
        self._client.set_object_retention(
            bucket_name=self._bucket, object_name=key, version_id=version_id, config=Retention(COMPLIANCE, until)
        )
        if self._locked_until(key, version_id, {}) < until:
            raise BrokenContract("archive: the retention was not extended")


def _whole_second(moment: datetime) -> datetime:
    moment = moment.astimezone(UTC)
    return moment if moment.microsecond == 0 else moment.replace(microsecond=0) + timedelta(seconds=1)


def _fault(error: S3Error) -> Fault | NotFound:
    """An S3 error in our words; the text of the store may quote keys, so only its code is passed on."""
    if error.code in _ABSENT:
        return NotFound("document-absent")
    if error.code in ("SlowDown", "InternalError", "ServiceUnavailable", "RequestTimeout"):
        return Unavailable(f"archive: {error.code}")
    return BrokenContract(f"archive: {error.code}")
