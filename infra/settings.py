"""Settings: read once by worker.py, api/app.py and the command line, then passed on as plain values.

Environment variables start with NESIE_, nested by `__`: NESIE_ARCHIVE__ENDPOINT. The local stack writes
all of them, secrets included, into `<state>/nesie.env` (0600); real environment variables win over it.
No number of the law stands here: those are policy rows.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from rules.bank_profile import BankProfile, profile
from rules.errors import InvalidInput


def state_folder() -> Path:
    """Where the local stack keeps everything: NESIE_STATE, else `.state` in the working folder."""
    return Path(os.environ.get("NESIE_STATE", ".state")).absolute()


class Database(BaseModel):
    """Three roles of one database. url: application; owner_url: migrations; read_url: reports."""

    url: SecretStr
    owner_url: SecretStr | None = None
    read_url: SecretStr | None = None
    pool_size: int = 10

    def reading(self) -> str:
        """Where reports are read from: as the readers' role, or as the application where no such role is set."""
        return (self.read_url or self.url).get_secret_value()


class Archive(BaseModel):
    """S3 with object lock. endpoint: host:port without scheme."""

    endpoint: str
    access_key: str
    secret_key: SecretStr
    bucket: str = "nesie-documents"
    secure: bool = False
    region: str = "us-east-1"


class Keys(BaseModel):
    """Keys of the lender. Each is base64 of 32 bytes; several ids allow rotation, `current` writes.

    master: wraps the clients' data keys. payload: Temporal payloads. index: blind indexes. device: binds tokens.
    """

    master: dict[str, SecretStr]
    master_current: str
    payload: dict[str, SecretStr]
    payload_current: str
    index: SecretStr


class Party(BaseModel):
    """One outside service: base URL, our credential, and the secret of its callbacks."""

    url: str
    token: SecretStr
    callback_secret: SecretStr | None = None


class Parties(BaseModel):
    """The outside services; in the local stack all of them are infra/counterparties."""

    bureau: Party
    state_bureau: Party
    idec: Party
    person_register: Party
    digital_documents: Party
    pki: Party
    aml: Party
    antifraud: Party
    bank: Party
    terminal: Party
    sms: Party
    operator: Party
    regulator: Party


class Temporal(BaseModel):
    """The local stack's server; the SDK's TEMPORAL_* variables win. ui_url: the UI's own private address."""

    address: str = "127.0.0.1:7233"
    namespace: str = "nesie"
    ui_url: str = "http://127.0.0.1:8233"


class Seal(BaseModel):
    """The lender's PAdES key and certificate (PEM files), and the CA certificates trusted for clients' signatures."""

    key_file: Path
    certificate_file: Path
    chain_file: Path
    trusted_authorities: Path


class Signatures(BaseModel):
    """How clients' signatures are verified and asked for.

    verifier: native | ncanode (the state's own library judges, we check what it cannot know) | both (each must agree).
    egov_method: what the state's mobile application is asked for, detached or attached.
    revocation_lists: full lists and deltas that serve while the status responder is away: addresses, or names under
    the authority's own. In production https://crl.pki.gov.kz/{nca_rsa_2022,nca_gost_2022,nca_d_rsa_2022,...}.crl.
    """

    verifier: Literal["native", "ncanode", "both"] = "native"
    ncanode_url: str = "http://127.0.0.1:14579"
    egov_method: Literal["CMS_SIGN_ONLY", "CMS_WITH_DATA"] = "CMS_SIGN_ONLY"
    revocation_lists: tuple[str, ...] = ("nca_rsa.crl", "nca_gost.crl")


class Bank(BaseModel):
    """What the lender's bank promises (rules.bank_profile): keyed | lookup_only | neither.

    settle_after_seconds: after it, what the bank does not show was not paid; at least the hand-over, a whole request
    and the bank's posting time together. key_lifetime_seconds: an hour less than the bank remembers a key.
    request_seconds: a request of ours; the bank is asked and sent to within one activity. posting_seconds: the longest
    time until a payout shows in the bank's books. patience_seconds: while the bank cannot be understood, people are
    told after this.
    """

    profile: Literal["keyed", "lookup_only", "neither"] = "keyed"
    settle_after_seconds: float | None = Field(default=None, gt=0)
    key_lifetime_seconds: float | None = Field(default=None, gt=0)
    request_seconds: float = Field(default=10.0, gt=0, le=12)
    posting_seconds: float | None = Field(default=None, ge=0)
    patience_seconds: float = 600.0

    @model_validator(mode="after")
    def _times_fit(self) -> Bank:
        try:
            self.promises()
        except ValueError as error:
            raise ValueError(f"SETTLE_AFTER_SECONDS, REQUEST_SECONDS, POSTING_SECONDS: {error}") from None
        return self

    def promises(self) -> BankProfile:
        """The profile with the bank's own times."""
        return profile(
            self.profile,
            settle_after_seconds=self.settle_after_seconds,
            key_lifetime_seconds=self.key_lifetime_seconds,
            request_seconds=self.request_seconds,
            posting_seconds=self.posting_seconds,
        )


class Biometrics(BaseModel):
    """Steps with a face or a card that one API process lets in: so many at once, so many in line; the rest get 503."""

    at_once: int = Field(default=16, ge=1)
    waiting: int = Field(default=84, ge=0)


class Settings(BaseSettings):
    """Everything a process of the system is told."""

    model_config = SettingsConfigDict(
        env_prefix="NESIE_",
        env_nested_delimiter="__",
        frozen=True,
        extra="ignore",
        hide_input_in_errors=True,  # what came in may be a secret
    )

    database: Database
    archive: Archive
    keys: Keys
    parties: Parties
    bank: Bank = Bank()
    temporal: Temporal = Temporal()
    seal: Seal
    signatures: Signatures = Signatures()
    models: Path
    public_url: str = "http://127.0.0.1:8080"
    secure_cookies: bool = True
    biometrics: Biometrics = Biometrics()
    worker_slots: int = 40

    def vault(self) -> dict[str, Any]:
        """The arguments of storage.vault.Vault.from_base64."""
        return {
            "master": {name: key.get_secret_value() for name, key in self.keys.master.items()},
            "current": self.keys.master_current,
            "index_key": self.keys.index.get_secret_value(),
        }

    def records(self) -> dict[str, Any]:
        """The arguments of activities.context.open_records, as plain values."""
        return {
            "database_url": self.database.url.get_secret_value(),
            "pool_size": self.database.pool_size,
            "keys": self.vault(),
            "archive": {
                "endpoint": self.archive.endpoint,
                "access_key": self.archive.access_key,
                "secret_key": self.archive.secret_key.get_secret_value(),
                "bucket": self.archive.bucket,
                "secure": self.archive.secure,
                "region": self.archive.region,
            },
        }


class _DatabaseAlone(BaseSettings):
    model_config = Settings.model_config
    database: Database | None = None


def database(state: Path | None = None) -> Database | None:
    """The database alone, for what needs nothing else; None where none is configured."""
    file = (state or state_folder()) / "nesie.env"
    return _DatabaseAlone(_env_file=file if file.exists() else None).database


def load(state: Path | None = None) -> Settings:
    """Settings from the environment, with `<state>/nesie.env` below it.

    Raises:
        InvalidInput: `settings-wrong`: one is missing or cannot be, or some do not fit together; which, and why.
    """
    file = (state or state_folder()) / "nesie.env"
    try:
        return Settings(_env_file=file if file.exists() else None)
    except ValidationError as error:
        wrong = [(f"NESIE_{'__'.join(map(str, one['loc'])).upper()}", str(one["msg"])) for one in error.errors()]
    told = [f"{name}: {why.removeprefix('Value error, ')}" for name, why in wrong]
    raise InvalidInput("settings-wrong", "; ".join(told))
