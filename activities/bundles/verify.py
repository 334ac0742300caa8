"""Checks a bundle without our database: signatures, every byte, the audit rows against their seals, the figures.

What is wrong is named: the member, the row, the posting.

Rules: para 11; para 32.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from hashlib import sha256
from typing import Any

from activities.bundles.container import MANIFEST, SIGNATURE, first_difference, unpacked
from activities.lender_signature import SignatureCheck, check
from rules import loan as fold
from rules.errors import BusinessError, Fault, InvalidInput
from rules.evidence import Frozen
from rules.lender import EXAMPLE
from rules.loan_books import balances
from rules.loan_events import loan_event
from rules.merkle import root_by
from rules.money import Money
from rules.schedule import LoanTerms

_NOTHING = Money(0)
_DAMAGE = (ValueError, KeyError, TypeError, IndexError, AttributeError, BusinessError, Fault)


class Finding(Frozen):
    """One thing that was looked at. subject: the member, row or posting it is about."""

    subject: str
    ok: bool
    detail: str = ""


class BundleCheck(Frozen):
    """ok: everything together. changed: the members that are not as they were signed. rows: audit rows under a seal."""

    ok: bool
    loan: str | None = None
    made_at: str | None = None
    signed: SignatureCheck
    rows: int = 0
    changed: list[str]
    findings: list[Finding]


def verify_bundle(content: bytes, trusted_pem: bytes, lender_bin: str = EXAMPLE.bin) -> BundleCheck:
    """Whether a bundle is what the lender signed, and true in itself.

    Args:
        trusted_pem: certificates of the authorities that are trusted; they must not come out of the bundle.
        lender_bin: of the organisation that must have signed: an authority certifies many.
    """
    try:
        members = unpacked(content)
    except InvalidInput as error:
        return BundleCheck(
            ok=False,
            signed=SignatureCheck(bottom_line=False),
            changed=["the file"],
            findings=[_bad("the file", str(error))],
        )
    signed = check(members.get(SIGNATURE, b""), members.get(MANIFEST, b""), trusted_pem)
    listed, head = _listed(members.get(MANIFEST, b""))
    findings = [*_signature(signed, lender_bin), *_files(members, listed), *_container(content, members)]
    inside = {name: body for name, body in members.items() if name in listed}
    looks: dict[str, Callable[[], Iterable[Finding]]] = {
        "the seals": lambda: _seals(inside, trusted_pem, lender_bin),
        "the debt": lambda: _debt(inside),
        "the ledger": lambda: _ledger(inside),
        "the documents": lambda: _documents(inside),
    }
    for what, look in looks.items():
        try:
            findings += look()
        except _DAMAGE as error:
            findings.append(_bad(what, f"cannot be checked: {type(error).__name__}"))
    wrong = [one for one in findings if not one.ok]
    return BundleCheck(
        ok=not wrong,
        loan=head.get("loan"),
        made_at=head.get("made_at"),
        signed=signed,
        rows=sum(one.ok and one.subject.startswith("audit row") for one in findings),
        changed=list(dict.fromkeys(one.subject for one in wrong)),
        findings=wrong or findings,
    )


def _bad(subject: str, detail: str) -> Finding:
    return Finding(subject=subject, ok=False, detail=detail)


def _listed(manifest: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    try:
        head = json.loads(manifest)
        return dict(head["files"]), head
    except _DAMAGE:
        return {}, {}


def _signature(signed: SignatureCheck, lender_bin: str) -> Iterator[Finding]:
    if not signed.intact:
        yield _bad(MANIFEST, "is not what was signed, or its signature was changed")
    elif not signed.trusted:
        yield _bad(SIGNATURE, "no trusted authority stands behind the certificate")
    elif signed.bin != lender_bin:
        yield _bad(SIGNATURE, f"signed by another organisation, BIN {signed.bin}")
    else:
        yield Finding(subject=SIGNATURE, ok=signed.bottom_line, detail=f"signed at {signed.signed_at}")


def _files(members: Mapping[str, bytes], listed: Mapping[str, Any]) -> Iterator[Finding]:
    for name, wanted in listed.items():
        body = members.get(name)
        if body is None:
            yield _bad(name, "is missing")
        elif sha256(body).hexdigest() != wanted.get("sha256"):
            yield _bad(name, "was changed")
        else:
            yield Finding(subject=name, ok=True)
    for name in members:
        if name not in listed and name not in (MANIFEST, SIGNATURE):
            yield _bad(name, "does not belong to the bundle")


def _container(content: bytes, members: Mapping[str, bytes]) -> Iterator[Finding]:
    at = first_difference(content, members)
    if at is not None:
        yield _bad("the file", f"byte {at} is not as the bundle was written")


def _json(members: Mapping[str, bytes], name: str) -> Any:
    return json.loads(members[f"{name}.json"])


def _seals(members: Mapping[str, bytes], trusted_pem: bytes, lender_bin: str) -> Iterator[Finding]:
    """Each audit row has its hash, and lies under a seal that the lender signed."""
    said = {}
    for name in members:
        if name.startswith("seals/") and name.endswith(".json"):
            words = members[name]
            seal = json.loads(words)
            said[seal["seal"]] = seal
            signed = check(members[f"{name.removesuffix('.json')}.p7s"], words, trusted_pem)
            yield Finding(
                subject=name, ok=signed.bottom_line and signed.bin == lender_bin, detail=f"signed at {signed.signed_at}"
            )
    for row in _json(members, "audit"):
        seal = said[row["seal"]]
        own = sha256(row["text"].encode()).hexdigest() == row["hash"] and json.loads(row["text"])[0] == row["n"]
        count, place = seal["last"] - seal["first"] + 1, row["n"] - seal["first"]
        root = root_by(bytes.fromhex(row["hash"]), place, count, [bytes.fromhex(step) for step in row["path"]])
        yield Finding(subject=f"audit row {row['n']}", ok=own and root == bytes.fromhex(seal["root"]))


def _debt(members: Mapping[str, bytes]) -> Iterator[Finding]:
    """The debt follows from facts and terms."""
    loan = _json(members, "loan")
    events, terms = [loan_event.validate_python(one) for one in loan["facts"]], LoanTerms.model_validate(loan["terms"])
    found = fold.position(events, terms, date.fromisoformat(loan["as_of"])).model_dump(mode="json")
    differ = [name for name, value in loan["debt"].items() if found.get(name) != value]
    yield Finding(subject="the debt", ok=not differ, detail=", ".join(differ))


def _ledger(members: Mapping[str, bytes]) -> Iterator[Finding]:
    """Each posting balances, and the accounts of the loan are those that its facts make."""
    sums: dict[str, Money] = {}
    of_posting: dict[str, Money] = {}
    for entry in _json(members, "entries"):
        amount = Money(entry["amount"]) if entry["side"] == "D" else -Money(entry["amount"])
        for key, among in ((entry["account"], sums), (entry["posting_id"], of_posting)):
            among[key] = among.get(key, _NOTHING) + amount
    for posting in _json(members, "postings"):
        if of_posting.get(posting["id"], _NOTHING) != _NOTHING:
            yield _bad(f"posting {posting['key']}", "does not balance")
    loan = _json(members, "loan")
    events, terms = [loan_event.validate_python(one) for one in loan["facts"]], LoanTerms.model_validate(loan["terms"])
    made = balances(events, terms, date.fromisoformat(loan["as_of"]))
    booked = {account: amount for account, amount in sums.items() if amount != _NOTHING}
    differ = sorted(account for account, _ in set(made.items()) ^ set(booked.items()))
    yield Finding(subject="the ledger", ok=not differ, detail=", ".join(dict.fromkeys(differ)))


def _documents(members: Mapping[str, bytes]) -> Iterator[Finding]:
    """The hash of each document is the one that the audit trail had when it was archived."""
    archived = {}
    for row in _json(members, "audit"):
        _, _, _, action, subject, _, _, detail, _ = json.loads(row["text"])
        if action == "document-archived":
            archived[subject] = detail["sha256"]
    for document in _json(members, "documents"):
        known = archived.get(f"document:{document['id']}")
        if known is not None and known != document["sha256"]:
            yield _bad(f"document {document['id']}", "has another hash than when it was archived")
