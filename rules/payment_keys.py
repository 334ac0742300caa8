"""Names of outgoing payments: the key is the business fact, and everything else is read from it.

| payment | key | what the bank is told | its case |
|---|---|---|---|
| a microcredit issued | disburse:{application} | {application} | disbursement/{application} |
| money above the debt, back to the client | refund:{loan}:{n} | the key | refund/{loan}/{n} |
| a payment nobody can place, back to its payer | return:{incoming payment} | the key | refund/{incoming payment} |
| the same, its n-th try, from the second | return:{incoming payment}:{n} | the key | refund/{incoming payment}/{n} |
| what was collected on a loan made by fraud | return-collected:{loan}:{n} | the key | refund/{loan}/collected-{n} |

Rules: para 9, part 2; para 13, part 5.
"""

from __future__ import annotations

import re
from enum import StrEnum
from uuid import UUID

from rules.errors import InvalidInput

_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_KEY = re.compile(
    rf"disburse:(?P<application>{_UUID})"
    rf"|(?P<back>refund|return-collected):(?P<loan>{_UUID}):(?P<n>[0-9]{{1,6}})"
    rf"|return:(?P<incoming>{_UUID})(?::(?P<attempt>[2-9]|[1-9][0-9]{{1,5}}))?",
    re.ASCII,
)


class Purpose(StrEnum):
    """Why money leaves."""

    DISBURSEMENT = "disbursement"
    REFUND = "refund"
    RETURN = "return"
    RETURN_COLLECTED = "return-collected"


def disbursement_key(application_id: UUID) -> str:
    """The key of a microcredit's payout."""
    return f"disburse:{application_id}"


def refund_key(loan_id: UUID, n: int) -> str:
    """The key of a loan's n-th refund of an overpayment."""
    return f"refund:{loan_id}:{n}"


def return_key(incoming_payment_id: UUID, attempt: int = 1) -> str:
    """The key of a payment that goes back to whoever sent it. attempt: from 1; another one is another payment.

    >>> return_key(UUID("00000000-0000-4000-8000-000000000000"), 2)
    'return:00000000-0000-4000-8000-000000000000:2'
    """
    first = f"return:{incoming_payment_id}"  # as it was before there were others
    return first if attempt == 1 else f"{first}:{attempt}"


def return_collected_key(loan_id: UUID, n: int = 1) -> str:
    """The key of what is given back after a loan made by fraud is written off. Rules: para 13, part 5."""
    return f"return-collected:{loan_id}:{n}"


def attempt_of(key: str) -> int:
    """Which try to send an incoming payment back a payment is, from 1.

    Raises:
        InvalidInput: `payment-key-invalid`: no business fact of ours.

    >>> attempt_of("return:00000000-0000-4000-8000-000000000000:12")
    12
    """
    return int(_read(key)["attempt"] or 1)


def purpose_of(key: str) -> Purpose:
    """Why a payment with this key is made.

    Raises:
        InvalidInput: `payment-key-invalid`: no business fact of ours.

    >>> str(purpose_of("refund:00000000-0000-4000-8000-000000000000:1"))
    'refund'
    """
    found = _read(key)
    if found["application"]:
        return Purpose.DISBURSEMENT
    if found["incoming"]:
        return Purpose.RETURN
    return Purpose.REFUND if found["back"] == "refund" else Purpose.RETURN_COLLECTED


def order_of(key: str) -> str:
    """What the bank is told to call the payment; the word by which it is asked about.

    >>> order_of("disburse:00000000-0000-4000-8000-000000000000")
    '00000000-0000-4000-8000-000000000000'
    """
    return _read(key)["application"] or key


def case_of(order_id: str) -> str:
    """The id of the workflow that waits for the bank's word on an order.

    Raises:
        InvalidInput: `payment-key-invalid`: not an order of ours.

    >>> case_of("00000000-0000-4000-8000-000000000000")
    'disbursement/00000000-0000-4000-8000-000000000000'
    >>> case_of("refund:00000000-0000-4000-8000-000000000000:2")
    'refund/00000000-0000-4000-8000-000000000000/2'
    >>> case_of("return:00000000-0000-4000-8000-000000000000:2")
    'refund/00000000-0000-4000-8000-000000000000/2'
    """
    found = _read(order_id if ":" in order_id else f"disburse:{order_id}")
    if found["application"]:
        return f"disbursement/{found['application']}"
    if found["incoming"]:
        return f"refund/{found['incoming']}" + (f"/{found['attempt']}" if found["attempt"] else "")
    part = found["n"] if found["back"] == "refund" else f"collected-{found['n']}"
    return f"refund/{found['loan']}/{part}"


def _read(key: str) -> re.Match[str]:
    found = _KEY.fullmatch(key)
    if found is None:
        raise InvalidInput("payment-key-invalid", field="/key")
    return found
