"""The verifier on real samples of the national test authority, against the table of what each must come out as.

The samples lie outside the project (../shared/data/eds). Where they are absent, generated signatures of the same
kinds are checked instead, and the test says so: it never passes without having checked something.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import httpx
from asn1crypto import core, ocsp, pem, tsp
from pki_world import BORROWER, pki_world

from activities.integrations.signature import revocation_list, stamp, status
from activities.integrations.signature.authorities import Authorities
from activities.integrations.signature.certificate import Certificate, parse
from activities.integrations.signature.message import read
from activities.integrations.signature.revocation_list import RevocationList
from activities.integrations.signature.verifier import NativeVerifier
from rules.evidence import SignatureGround as Ground

SAMPLES = Path(__file__).parents[3] / "shared" / "data" / "eds"
CONTENTS = {"lol_kek": b"lol_kek", "test123": b"test123", "detached: test123": b"test123"}
STRICT = {"CERTIFICATE_EXPIRED": Ground.EXPIRED, "REVOCATION: not_issued": Ground.NEVER_ISSUED}
STATUSES = {
    "good": None,
    "not_issued": Ground.NEVER_ISSUED,
    "revoked superseded": Ground.REVOKED,
    "revoked certificate_hold": Ground.REVOKED,
}


def rows(*kinds: str) -> list[dict[str, str]]:
    """The table's rows of some kinds."""
    with (SAMPLES / "truth.csv").open(encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if row["object"] in kinds]


def authorities() -> list[Certificate]:
    """The sample authorities; their roots are not among the samples, so these are pinned themselves."""
    return [parse(file.read_bytes()) for file in sorted((SAMPLES / "ca").iterdir())]


def trust() -> bytes:
    """The same as the verifier takes it."""
    return b"".join(pem.armor("CERTIFICATE", one.der) for one in authorities())


def verifier_at(moment: datetime, pinned: bytes | None = None) -> NativeVerifier:
    """A verifier whose clock stands; it is not let onto the network."""
    client = httpx.AsyncClient(transport=httpx.MockTransport(lambda _: httpx.Response(500)))
    return NativeVerifier(pinned or trust(), client, "http://unused.invalid", clock=lambda: moment)


def recorded_status(serial: str) -> tuple[Ground | None, str]:
    """Our verdict on the recorded OCSP answer about a serial, asked at the time and with the nonce of then."""
    for row in rows("ocsp"):
        if row["serial"] == serial:
            content = (SAMPLES / row["file"]).read_bytes()
            issuer = next(one for one in authorities() if one.subject_values["2.5.4.3"] == [row["issuer_cn"]])
            question = status.Question(int(serial, 16), issuer, _nonce(content))
            return status.judge(content, question, datetime.fromisoformat(row["at"])), row["status"]
    raise AssertionError(f"no recorded answer about {serial}")


def _nonce(content: bytes) -> bytes:
    basic = ocsp.OCSPResponse.load(content)["response_bytes"]["response"].parsed
    found = next(
        one
        for one in basic["tbs_response_data"]["response_extensions"]
        if one["extn_id"].dotted == "1.3.6.1.5.5.7.48.1.2"
    )
    return bytes(core.OctetString.load(found["extn_value"].contents).native)


def check_signers() -> Iterator[str]:
    """Every signature: what a strict verifier answers at its signing time."""
    for row in rows("signer"):
        at = datetime.fromisoformat(row["at"])
        cms, content = (SAMPLES / row["file"]).read_bytes(), CONTENTS[row["content"]]
        verdict = verifier_at(at).inspect(cms, content, row["iin"])
        signer = verdict.case.signer
        assert f"{signer.certificate.serial:040x}" == row["serial"], row
        assert signer.certificate.key is not None
        assert signer.certificate.key.algorithm.name == row["algorithm"], row
        assert signer.signing_time == at, row
        ground = verdict.ground or recorded_status(row["serial"])[0]
        assert ground == STRICT[row["strict"]], row
        assert verifier_at(at).inspect(cms, content + b"!", row["iin"]).ground == Ground.OTHER_CONTENT, row
        yield row["file"]


def check_certificates() -> Iterator[str]:
    """Every certificate: holder, life and issuer."""
    pinned = Authorities(authorities())
    for row in rows("certificate"):
        certificate = parse((SAMPLES / row["file"]).read_bytes())
        assert f"{certificate.serial:040x}" == row["serial"], row
        assert (certificate.iin or "", certificate.bin or "") == (row["iin"], row["bin"]), row
        assert certificate.subject_values["2.5.4.3"] == [row["cn"]], row
        assert certificate.not_before == datetime.fromisoformat(row["not_before"]), row
        assert certificate.not_after == datetime.fromisoformat(row["not_after"]), row
        assert bool(pinned.chain(certificate)) == (row["chain_ok"] == "yes"), row
        yield row["file"]


def check_statuses() -> Iterator[str]:
    """Every recorded OCSP answer."""
    for row in rows("ocsp"):
        ground, written = recorded_status(row["serial"])
        assert ground == STATUSES[written], row
        yield row["file"]


def check_stamps() -> Iterator[str]:
    """Every time stamp: the signature and the right to stamp."""
    for row in rows("timestamp"):
        content = (SAMPLES / row["file"]).read_bytes()
        message = read(content if row["file"].endswith("token.bin") else stamp.token_of(content))
        info = tsp.TSTInfo.load(message.content)
        at = datetime.fromisoformat(row["at"])
        assert info["gen_time"].native == at, row
        assert f"policy {info['policy'].dotted}" == row["status"], row
        assert stamp.signed_by_authority(message, Authorities(authorities()), at), row
        yield row["file"]


def lists() -> dict[str, RevocationList]:
    """The sample revocation lists by their issuer's name."""
    found = [revocation_list.parse(file.read_bytes()) for file in sorted((SAMPLES / "crl").iterdir())]
    names = {one.subject: one.subject_values["2.5.4.3"][0] for one in authorities()}
    return {names[one.issuer]: one for one in found}


def check_lists() -> Iterator[str]:
    """Every revocation list: its issuer, its life, its length."""
    issuers = {one.subject_values["2.5.4.3"][0]: one for one in authorities()}
    for row in rows("crl"):
        found = lists()[row["issuer_cn"]]
        assert found.by(issuers[row["issuer_cn"]]), row
        assert not any(found.by(one) for name, one in issuers.items() if name != row["issuer_cn"]), row
        assert found.this_update == datetime.fromisoformat(row["not_before"]), row
        assert found.next_update == datetime.fromisoformat(row["not_after"]), row
        assert len(found.entries) == int(row["n"]), row
        yield row["file"]


def check_keys() -> Iterator[str]:
    """Every key store: whether the list of its issuer names its certificate, why and since when."""
    for row in rows("key"):
        found = lists()[row["issuer_cn"]].find(int(row["serial"], 16))
        word = f"revoked {found[0]} {found[1]:%Y-%m-%dT%H:%M:%SZ}" if found else "not listed"
        assert row["status"].split(";")[0] == f"crl: {word}", row
        yield row["file"]


async def test_every_sample_comes_out_as_the_table_says() -> None:
    if not SAMPLES.exists():
        print(f"\nno samples beside the project: {await generated()} generated signatures were checked instead")
        return
    parts = (check_signers, check_certificates, check_statuses, check_stamps, check_lists, check_keys)
    checked = [name for part in parts for name in part()]
    every = list(csv.DictReader((SAMPLES / "truth.csv").read_text(encoding="utf-8").splitlines()))
    print(f"\n{len(checked)} of {len(every)} samples checked")
    assert len(checked) == len(every)


async def test_the_samples_made_worse_are_refused() -> None:
    if not SAMPLES.exists():
        print(f"\nno samples beside the project: {await generated()} generated signatures were checked instead")
        return
    checked = 0
    for row in rows("signer"):
        at, content = datetime.fromisoformat(row["at"]), CONTENTS[row["content"]]
        cms = (SAMPLES / row["file"]).read_bytes()
        signer = verifier_at(at).inspect(cms, content, row["iin"]).case.signer
        value, half = signer.signature, len(signer.signature) // 2
        spoilt = [
            cms.replace(value, value[:-1] + bytes([value[-1] ^ 1])),
            cms.replace(value, value[half:] + value[:half]),
            cms.replace(value, bytes(len(value))),
        ]
        for one in spoilt:
            assert verifier_at(at).inspect(one, content, row["iin"]).ground == Ground.WRONG, row
        strangers = b"".join(
            pem.armor("CERTIFICATE", ca.der) for ca in authorities() if ca.subject != signer.certificate.issuer
        )
        assert verifier_at(at, strangers).inspect(cms, content, row["iin"]).ground == Ground.NOT_OUR_CA, row
        assert verifier_at(at).inspect(cms, content, "880412401006").ground == Ground.OTHER_PERSON, row
        checked += len(spoilt) + 2
    print(f"\n{checked} changed samples refused")
    assert checked >= 5 * 6


async def generated() -> int:
    """The same kinds from an authority of our own: a good one, an expired one, one that was never issued."""
    checked = 0
    async with pki_world() as world:
        for alg in ("RSA", "GOST2015"):
            key = await world.key(alg)
            assert (await world.verify(key.sign(b"test123"), b"test123")).accepted
            bad = world.verifier.inspect(key.sign_badly(b"test123"), b"test123", BORROWER.iin)
            assert bad.ground == Ground.WRONG
            await key.set_status(world.client, "NEVER_ISSUED")
            assert (await world.verify(key.sign(b"test123"), b"test123")).ground == Ground.NEVER_ISSUED
            checked += 3
    return checked


async def test_the_replacement_for_absent_samples_works() -> None:
    assert await generated() == 6
