"""The certification authorities we trust: a fixed list, and nothing that a message brings along."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from asn1crypto import pem

from activities.integrations.signature.asn1 import Unreadable, header
from activities.integrations.signature.certificate import Certificate, parse

_DEPTH = 4
_REMEMBERED = 1024


class Authorities:
    """Pinned certificates, roots and intermediate ones alike.

    An issuer is found by name and then by its key, never by the addresses inside a certificate: one of the
    authority's own samples points at the files of another authority.
    """

    def __init__(self, certificates: Sequence[Certificate]) -> None:
        self._by_name: dict[bytes, list[Certificate]] = {}
        for certificate in certificates:
            self._by_name.setdefault(certificate.subject, []).append(certificate)
        self._above = {certificate.der: self._climb(certificate) for certificate in certificates}

    @classmethod
    def load(cls, content: bytes) -> Authorities:
        """From a file of PEM certificates.

        Raises:
            Unreadable: the file holds something else.
        """
        return cls([parse(der) for _, _, der in pem.unarmor(content, multiple=True)])

    def chain(self, certificate: Certificate) -> list[Certificate]:
        """Issuer, issuer's issuer and so on as far as we hold them; empty for a stranger's certificate."""
        issuer = self._issuer(certificate)
        return [issuer, *self._above[issuer.der]] if issuer else []

    def _climb(self, certificate: Certificate) -> list[Certificate]:
        found: list[Certificate] = []
        current = certificate
        while len(found) < _DEPTH and (issuer := self._issuer(current)) and issuer.der != current.der:
            found.append(issuer)
            current = issuer
        return found

    def _issuer(self, certificate: Certificate) -> Certificate | None:
        return next((one for one in self._by_name.get(certificate.issuer, []) if issued_by(certificate, one)), None)


def split(chain: bytes) -> list[Certificate]:
    """Certificates written one after another, DER.

    Raises:
        Unreadable: there is something else.
    """
    found, at = [], 0
    while at < len(chain):
        end = header(chain, at)[1]
        if end is None:
            raise Unreadable("a certificate without length")
        found.append(parse(chain[at:end]))
        at = end
    return found


@lru_cache(maxsize=_REMEMBERED)
def issued_by(certificate: Certificate, issuer: Certificate) -> bool:
    """Whether the issuer may issue certificates and signed this one."""
    return (
        certificate.issuer == issuer.subject
        and issuer.authority
        and "key_cert_sign" in issuer.usage
        and not issuer.strange
        and issuer.key is not None
        and issuer.key.verify(certificate.signature_oid, certificate.signed_part, certificate.signature)
    )
