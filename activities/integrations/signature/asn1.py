"""Shapes of CMS, certificates and OCSP answers, and the way of reading them without surprises.

asn1crypto's own certificate classes raise KeyError on Kazakhstan's key algorithms, hence classes of our own
for everything that holds a key, a certificate or an attribute. Shapes: RFC 5280, 5652, 6960.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from asn1crypto import core, ocsp, tsp, x509


class Unreadable(Exception):
    """Bytes that are not what they should be. Stays inside this folder."""


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Turns whatever the parser raises into Unreadable.

    The parser reads lazily, and on broken bytes raises ValueError, TypeError, KeyError, IndexError,
    OverflowError, RecursionError: anything but a clean refusal. So all of a value is read inside one block.
    """
    try:
        yield
    except Unreadable:
        raise
    except Exception as error:
        raise Unreadable(what) from error


def instant(value: datetime) -> datetime:
    """An instant with its offset; a time without one cannot be compared.

    Raises:
        Unreadable: no offset.
    """
    if value.tzinfo is None:
        raise Unreadable("time without offset")
    return value


class AlgorithmId(core.Sequence):  # type: ignore[misc]
    _fields = [("oid", core.ObjectIdentifier), ("parameters", core.Any, {"optional": True})]


class PublicKeyInfo(core.Sequence):  # type: ignore[misc]
    _fields = [("algorithm", AlgorithmId), ("key", core.OctetBitString)]


class Oids(core.SequenceOf):  # type: ignore[misc]
    _child_spec = core.ObjectIdentifier


class Extension(core.Sequence):  # type: ignore[misc]
    _fields = [
        ("oid", core.ObjectIdentifier),
        ("critical", core.Boolean, {"default": False}),
        ("value", core.OctetString),
    ]


class Extensions(core.SequenceOf):  # type: ignore[misc]
    _child_spec = Extension


class ToBeSigned(core.Sequence):  # type: ignore[misc]
    _fields = [
        ("version", core.Integer, {"explicit": 0, "default": 0}),
        ("serial", core.Integer),
        ("algorithm", AlgorithmId),
        ("issuer", x509.Name),
        ("validity", x509.Validity),
        ("subject", x509.Name),
        ("key", PublicKeyInfo),
        ("issuer_id", core.OctetBitString, {"implicit": 1, "optional": True}),
        ("subject_id", core.OctetBitString, {"implicit": 2, "optional": True}),
        ("extensions", Extensions, {"explicit": 3, "optional": True}),
    ]


class CertificateShape(core.Sequence):  # type: ignore[misc]
    _fields = [("tbs", ToBeSigned), ("algorithm", AlgorithmId), ("signature", core.OctetBitString)]


class AnySet(core.SetOf):  # type: ignore[misc]
    _child_spec = core.Any


class AnySequence(core.SequenceOf):  # type: ignore[misc]
    _child_spec = core.Any


class Attribute(core.Sequence):  # type: ignore[misc]
    _fields = [("oid", core.ObjectIdentifier), ("values", AnySet)]


class Attributes(core.SetOf):  # type: ignore[misc]
    _child_spec = Attribute


class IssuerAndSerial(core.Sequence):  # type: ignore[misc]
    _fields = [("issuer", x509.Name), ("serial", core.Integer)]


class SignerId(core.Choice):  # type: ignore[misc]
    _alternatives = [("by_issuer", IssuerAndSerial), ("by_key", core.OctetString, {"implicit": 0})]


class SignerInfo(core.Sequence):  # type: ignore[misc]
    _fields = [
        ("version", core.Integer),
        ("signer", SignerId),
        ("digest", AlgorithmId),
        ("signed", Attributes, {"implicit": 0, "optional": True}),
        ("algorithm", AlgorithmId),
        ("signature", core.OctetString),
        ("unsigned", Attributes, {"implicit": 1, "optional": True}),
    ]


class SignerInfos(core.SetOf):  # type: ignore[misc]
    _child_spec = SignerInfo


class Encapsulated(core.Sequence):  # type: ignore[misc]
    _fields = [
        ("type", core.ObjectIdentifier),
        ("content", core.OctetString, {"explicit": 0, "optional": True}),
    ]


class SignedData(core.Sequence):  # type: ignore[misc]
    _fields = [
        ("version", core.Integer),
        ("digests", AnySet),
        ("encapsulated", Encapsulated),
        ("certificates", AnySet, {"implicit": 0, "optional": True}),
        ("revocation", AnySet, {"implicit": 1, "optional": True}),
        ("signers", SignerInfos),
    ]


class ContentInfo(core.Sequence):  # type: ignore[misc]
    _fields = [("type", core.ObjectIdentifier), ("content", SignedData, {"explicit": 0})]


class BasicResponse(core.Sequence):  # type: ignore[misc]
    """An OCSP answer whose certificates are kept as bytes."""

    _fields = [
        ("tbs", ocsp.ResponseData),
        ("algorithm", AlgorithmId),
        ("signature", core.OctetBitString),
        ("certificates", AnySequence, {"explicit": 0, "optional": True}),
    ]


class TimeStampReply(core.Sequence):  # type: ignore[misc]
    """A time-stamping authority's reply; the library's own class cannot read a refusal, which has no token."""

    _fields = [("status", tsp.PKIStatusInfo), ("token", core.Any, {"optional": True})]
