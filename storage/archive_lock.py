"""What a store's object lock is worth: it is tested, not trusted.

Every rule is tried in a scratch bucket with short retentions. A vital rule that does not hold means that
documents could be altered: nothing may be signed then. Where another rule does not hold, the archive works
around it, and the check says how.

Rules: para 11; para 34.
"""

from __future__ import annotations

import base64
import io
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from uuid import uuid4

import urllib3
from minio import Minio
from minio.commonconfig import COMPLIANCE, GOVERNANCE
from minio.deleteobjects import DeleteObject
from minio.error import MinioException, S3Error
from minio.objectlockconfig import DAYS, ObjectLockConfig
from minio.retention import Retention
from minio.versioningconfig import SUSPENDED, VersioningConfig
from pydantic import BaseModel, ConfigDict

HELD, BROKEN = "held", "BROKEN"
_LOCK = timedelta(minutes=10)  # long enough for the check, over when the bucket is cleared away
_EXPIRES_SECONDS = 2
_OVER = 2 * _LOCK  # the longest lock of a check, extended, is over by then
_NAMED = "%Y%m%d%H%M%S"


class LockCheck(BaseModel):
    """One rule. result: `held`, `not held (worked around by ...)` or `BROKEN`. vital: BROKEN stops signing."""

    model_config = ConfigDict(frozen=True)

    rule: str
    vital: bool
    result: str
    detail: str = ""


def lock_is_sound(checks: list[LockCheck]) -> bool:
    """Whether every vital rule held."""
    return all(check.result == HELD for check in checks if check.vital)


def check_lock(client: Minio, bucket: str) -> list[LockCheck]:
    """Try every rule; blocks for some seconds. Raises what the SDK raises when the store is away."""
    now = datetime.now(UTC)
    clear_old_scratch(client, bucket, now)
    name = f"{bucket}-check-{now:{_NAMED}}-{uuid4().hex[:6]}"
    client.make_bucket(bucket_name=name, object_lock=True)
    return _Scratch(client, name).checks()


def clear_old_scratch(client: Minio, bucket: str, now: datetime) -> int:
    """Remove scratch buckets whose retentions are over at `now`; the number removed."""
    removed = 0
    for found in client.list_buckets():
        made = _made_at(found.name, bucket)
        if made is None or now - made < _OVER:
            continue
        with suppress(MinioException):  # what is still locked stays for the next time
            for item in list(client.list_objects(bucket_name=found.name, recursive=True, include_version=True)):
                client.remove_object(bucket_name=found.name, object_name=item.object_name, version_id=item.version_id)
            client.remove_bucket(bucket_name=found.name)
            removed += 1
    return removed


def _made_at(name: str, bucket: str) -> datetime | None:
    """When a scratch bucket was made, by its name; None where the bucket is none of ours."""
    head, _, tail = name.partition(f"{bucket}-check-")
    if head or not tail:
        return None
    try:
        return datetime.strptime(tail.rpartition("-")[0], _NAMED).replace(tzinfo=UTC)
    except ValueError:
        return None


@dataclass
class _Scratch:
    """One scratch bucket and the tries on it."""

    client: Minio
    bucket: str

    def checks(self) -> list[LockCheck]:
        self.first = self._locked("c", b"first")
        self.other = self._locked("d")
        by_extension = "extending the retention"
        by_own = "an explicit retention in every put"
        return [
            self._vital("a bucket with lock keeps versions", self._versions),
            self._vital("an explicit retention in the put is stored", lambda: self._retained("c", self.first)),
            self._refused("deleting a locked version is refused", lambda: self._delete("c", self.first)),
            self._refused("deleting many versions at once is refused for locked ones", self._delete_many),
            self._refused("shortening is refused", lambda: self._retain("c", self.first, COMPLIANCE, _LOCK / 2)),
            self._refused("changing the mode is refused", lambda: self._retain("c", self.first, GOVERNANCE, _LOCK)),
            self._vital("extending is allowed", lambda: self._retain("c", self.first, COMPLIANCE, _LOCK * 1.5)),
            self._vital("overwriting makes a new version, the old one reads back", self._overwrite),
            self._vital("a plain delete makes a marker, the old version reads back", self._marker),
            self._refused("deleting the bucket is refused", lambda: self.client.remove_bucket(bucket_name=self.bucket)),
            self._worked_around("a default retention is stamped on each object", by_own, self._default_retention),
            self._worked_around("a legal hold outlives the retention", by_extension, self._legal_hold),
            # last: a store that lets versions be suspended answers everything after it differently
            self._refused("suspending versions is refused", self._suspend),
            self._refused("afterwards a locked version still stays", lambda: self._delete("d", self.other)),
        ]

    def _vital(self, rule: str, attempt: Callable[[], object]) -> LockCheck:
        """The attempt must succeed; None and truth are success."""
        good, detail = _answer(attempt)
        return LockCheck(rule=rule, vital=True, result=HELD if good else BROKEN, detail=detail)

    def _refused(self, rule: str, attempt: Callable[[], object]) -> LockCheck:
        """The store itself must refuse; an error on our side is no refusal."""
        try:
            attempt()
        except S3Error as error:
            return LockCheck(rule=rule, vital=True, result=HELD, detail=f"refused: {error.code}")
        except (MinioException, urllib3.exceptions.HTTPError, ValueError) as error:
            return LockCheck(rule=rule, vital=True, result=BROKEN, detail=f"no answer: {type(error).__name__}")
        return LockCheck(rule=rule, vital=True, result=BROKEN, detail="the store did it")

    def _worked_around(self, rule: str, means: str, attempt: Callable[[], object]) -> LockCheck:
        good, detail = _answer(attempt)
        result = HELD if good else f"not held (worked around by {means})"
        return LockCheck(rule=rule, vital=False, result=result, detail=detail)

    def _put(self, key: str, content: bytes = b"x", retention: Retention | None = None) -> str:
        digest = base64.b64encode(sha256(content).digest()).decode()
        written = self.client.put_object(
            bucket_name=self.bucket,
            object_name=key,
            data=io.BytesIO(content),
            length=len(content),
            retention=retention,
            metadata={"x-amz-sdk-checksum-algorithm": "SHA256", "x-amz-checksum-sha256": digest},
        )
        return str(written.version_id)

    def _locked(self, key: str, content: bytes = b"x") -> str:
        return self._put(key, content, Retention(COMPLIANCE, datetime.now(UTC) + _LOCK))

    def _read(self, key: str, version: str) -> bytes:
        response = self.client.get_object(bucket_name=self.bucket, object_name=key, version_id=version)
        try:
            return bytes(response.data)
        finally:
            response.close()
            response.release_conn()

    def _delete(self, key: str, version: str | None) -> None:
        self.client.remove_object(bucket_name=self.bucket, object_name=key, version_id=version)

    def _retain(self, key: str, version: str, mode: str, span: timedelta) -> None:
        self.client.set_object_retention(
            bucket_name=self.bucket,
            object_name=key,
            version_id=version,
            config=Retention(mode, datetime.now(UTC) + span),
        )

    def _versions(self) -> bool:
        return bool(self.client.get_bucket_versioning(bucket_name=self.bucket).status == "Enabled")

    def _retained(self, key: str, version: str) -> bool:
        kept = self.client.get_object_retention(bucket_name=self.bucket, object_name=key, version_id=version)
        return kept is not None and kept.mode == COMPLIANCE

    def _delete_many(self) -> None:
        errors = list(
            self.client.remove_objects(bucket_name=self.bucket, delete_object_list=[DeleteObject("d", self.other)])
        )
        if errors and self._read("d", self.other) == b"x":
            raise S3Error(None, errors[0].code, errors[0].message, None, None, None)

    def _overwrite(self) -> bool:
        return self._locked("c", b"second") != self.first and self._read("c", self.first) == b"first"

    def _marker(self) -> bool:
        self._delete("c", None)
        return self._read("c", self.first) == b"first"

    def _default_retention(self) -> bool:
        config = ObjectLockConfig(mode=COMPLIANCE, duration=1, duration_unit=DAYS)
        self.client.set_object_lock_config(bucket_name=self.bucket, config=config)
        try:
            return self._retained("plain", self._put("plain"))
        finally:
            self.client.delete_object_lock_config(bucket_name=self.bucket)

    def _legal_hold(self) -> bool:
        soon = datetime.now(UTC) + timedelta(seconds=_EXPIRES_SECONDS)
        version = self._put("h", retention=Retention(COMPLIANCE, soon))
        self.client.enable_object_legal_hold(bucket_name=self.bucket, object_name="h", version_id=version)
        time.sleep(_EXPIRES_SECONDS + 1)
        try:
            self._delete("h", version)
        except S3Error:
            self.client.disable_object_legal_hold(bucket_name=self.bucket, object_name="h", version_id=version)
            return True
        return False

    def _suspend(self) -> None:
        self.client.set_bucket_versioning(bucket_name=self.bucket, config=VersioningConfig(SUSPENDED))


def _answer(attempt: Callable[[], object]) -> tuple[bool, str]:
    try:
        got = attempt()
    except S3Error as error:
        return False, f"refused: {error.code}"
    except (MinioException, urllib3.exceptions.HTTPError, ValueError) as error:
        return False, f"no answer: {type(error).__name__}"
    return (got is None or bool(got)), ""
