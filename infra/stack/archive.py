"""The archive server of the local stack: an application account that is not the root key, and its bucket."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from minio import Minio
from minio.error import MinioException
from urllib3 import PoolManager, Retry
from urllib3.exceptions import HTTPError

from infra.stack.errors import StartFailed


@dataclass(frozen=True)
class ArchiveAdmin:
    """The server at host:port. root and account are (access key, secret key)."""

    binary: Path
    endpoint: str
    root: tuple[str, str]
    account: tuple[str, str]
    bucket: str
    secure: bool = False

    def _client(self, keys: tuple[str, str]) -> Minio:
        http = PoolManager(timeout=2.0, retries=Retry(0, redirect=0))
        return Minio(self.endpoint, keys[0], keys[1], secure=self.secure, region="us-east-1", http_client=http)

    def _answers(self, keys: tuple[str, str]) -> bool:
        try:
            self._client(keys).list_buckets()
        except (MinioException, HTTPError, OSError):
            return False
        return True

    def alive(self) -> bool:
        """Whether the server lists its buckets to the root key."""
        return self._answers(self.root)

    def answers(self) -> bool:
        """Whether the application account may list buckets."""
        return self._answers(self.account)

    def prepare(self) -> None:
        """The account, and the bucket with object lock, made by that account; as often as wanted."""
        if not self.answers():
            admin = [str(self.binary), "admin", "--access", self.root[0], "--secret", self.root[1]]
            create = ["create-user", "--access", self.account[0], "--secret", self.account[1], "--role", "userplus"]
            command = [*admin, "--endpoint-url", f"http://{self.endpoint}", *create]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if not self.answers():
                raise StartFailed(f"the archive's account could not be made: {done.stderr.strip()[-300:]}")
        self.make_bucket()

    def make_bucket(self) -> None:
        """The bucket with object lock, made by the application account."""
        client = self._client(self.account)
        if not client.bucket_exists(self.bucket):
            client.make_bucket(self.bucket, object_lock=True)
