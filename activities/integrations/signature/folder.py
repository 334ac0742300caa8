"""Pinned certificates and recorded proofs from folders, for checking a message by hand and offline."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from asn1crypto import pem

from activities.integrations.signature import revocation_list, status
from activities.integrations.signature.asn1 import Unreadable, reading
from activities.integrations.signature.authorities import Authorities
from activities.integrations.signature.certificate import Certificate, parse
from activities.integrations.signature.revocation_list import Freshness, RevocationList
from activities.integrations.signature.standing import GOOD, HOLD, NO_PROOF, STALE, Standing

_SKEW, _BEFORE = timedelta(minutes=5), timedelta(minutes=10)
_MOST_FILES = 1000


class UnusableFolder(Exception):
    """Nothing can be read there; the words say why."""


def authorities(folder: Path) -> tuple[Authorities, list[str]]:
    """Every certificate that lies in the folder, DER or PEM whatever its name; and the names of what is none.

    Raises:
        UnusableFolder: no certificate lies there.
    """
    found: list[Certificate] = []
    strange: list[str] = []
    for file, content in _files(folder):
        try:
            with reading("certificates"):
                ders = [der for _, _, der in pem.unarmor(content, multiple=True)] if pem.detect(content) else [content]
                found += [parse(der) for der in ders]
        except Unreadable:
            strange.append(file.name)
    if not found:
        raise UnusableFolder(f"{folder}: no certificate there")
    return Authorities(found), strange


@dataclass(frozen=True)
class Recorded:
    """OCSP answers and revocation lists somebody kept. strange: names of files that are neither."""

    answers: list[bytes] = field(default_factory=list)
    lists: list[RevocationList] = field(default_factory=list)
    strange: list[str] = field(default_factory=list)

    @classmethod
    def load(cls, folder: Path) -> Recorded:
        """From a folder and those within it."""
        recorded = cls()
        for file, content in _files(folder, deep=True):
            der = _unarmored(content)
            try:
                recorded.lists.append(revocation_list.parse(der))
            except Unreadable:
                if status.is_answer(der):
                    recorded.answers.append(der)
                else:
                    recorded.strange.append(file.name)
        return recorded

    def standing(self, certificate: Certificate, issuer: Certificate, at: datetime, *, proved: bool) -> Standing:
        """Where a certificate stood at a moment.

        Bad news from any source wins. A good word counts where it was said at that moment or later. A nonce cannot be
        compared any more: whoever keeps the folder answers for its being genuine and whole.

        Args:
            proved: whether the moment is proved (a time stamp, or whoever asks). Then a revocation after it does not
                count; a mere claim of the signer could be dated back.
        """
        said = [*self._answered(certificate, issuer, at), self._listed(certificate, issuer, at)]
        if proved:
            said = [_before(one, at) for one in said]
        bad = [one for one in said if one.word not in (GOOD, NO_PROOF, STALE)]
        if bad:
            return next((one for one in bad if one.for_ever), bad[0])
        for word in (GOOD, STALE):
            if any(one.word == word for one in said):
                return next(one for one in said if one.word == word)
        return Standing(NO_PROOF)

    def _answered(self, certificate: Certificate, issuer: Certificate, at: datetime) -> list[Standing]:
        question = status.Question(certificate.serial, issuer, None)
        found = []
        for one in self.answers:
            try:
                answer, _ = status.genuine(one, question)
            except Unreadable:
                continue
            if answer is not None:
                found.append(answer)
        found.sort(key=lambda one: one.produced, reverse=True)
        said = [one.standing if _speaks_of(one, at) else _aged(one.standing) for one in found]
        # of a hold the newest word counts; what is for ever counts whenever it was said
        return said[:1] + [one for one in said[1:] if one.for_ever]

    def _listed(self, certificate: Certificate, issuer: Certificate, at: datetime) -> Standing:
        wanted = Freshness(_SKEW, later=True)
        try:
            return revocation_list.standing(self.lists, certificate, issuer, at, wanted)
        except Unreadable:
            return Standing(NO_PROOF)


def _speaks_of(answer: status.Answer, at: datetime) -> bool:
    return answer.produced >= at - _BEFORE or (answer.next_update is not None and answer.next_update >= at)


def _aged(said: Standing) -> Standing:
    return Standing(STALE, None, said.said_at) if said.word == GOOD else said


def _before(said: Standing, at: datetime) -> Standing:
    """A revocation that came after a proved moment is none at that moment; a hold may have been there before."""
    later = said.for_ever and said.since is not None and said.since > at
    return Standing(GOOD, None, said.said_at) if later and HOLD not in said.word else said


def _unarmored(content: bytes) -> bytes:
    try:
        with reading("PEM"):
            return bytes(pem.unarmor(content)[2]) if pem.detect(content) else content
    except Unreadable:
        return content


def _files(folder: Path, *, deep: bool = False) -> Iterator[tuple[Path, bytes]]:
    if not folder.is_dir():
        raise UnusableFolder(f"{folder}: not a folder")
    found = sorted(one for one in (folder.rglob("*") if deep else folder.iterdir()) if one.is_file())
    if len(found) > _MOST_FILES:
        raise UnusableFolder(f"{folder}: more than {_MOST_FILES} files")
    for file in found:
        if file.stat().st_size <= revocation_list.LARGEST:
            yield file, file.read_bytes()
