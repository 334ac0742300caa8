"""What the workflows say to the payouts' activities, and what they are told. Ids only, no personal data."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from pydantic import Field, model_validator

from activities.applications import ApplicationRef
from rules.evidence import Frozen
from rules.payment_keys import Purpose, disbursement_key, order_of, purpose_of

# grounds; the bank's own code of a refusal stays with the payment and in the audit trail
REFUSED, UNKNOWN, MISMATCH = "payout-refused", "payout-outcome-unknown", "bank-mismatch"
LARGE, NOT_APPROVED = "amount-needs-two-people", "payout-not-approved"
NOTHING, NO_RECEIVER, UNDER_WAY = "nothing-to-refund", "receiver-unknown", "refund-under-way"
NOT_BOOKABLE = "payout-cannot-be-booked"
DISPUTED = "account-disputed"  # by the verdict the client never got what went there
NOT_OWNED, OWNER_UNKNOWN, LISTED = "account-not-owned", "account-owner-unknown", "recipient-listed"
# what another account of the client's own mends: it is unknown, closed, or not shown to be theirs
OF_THE_ACCOUNT = frozenset({NO_RECEIVER, DISPUTED, NOT_OWNED, OWNER_UNKNOWN, "account-unknown", "iban-invalid"})


class PayoutOrder(Frozen):
    """Which payment. key: the business fact (rules.payment_keys); amount and receiver are read from the records.

    A disbursement names its application, a refund its loan, a return the incoming payment.
    """

    key: str
    client_id: UUID | None = None
    application_id: UUID | None = None
    loan_id: UUID | None = None
    incoming_payment_id: UUID | None = None

    @model_validator(mode="before")
    @classmethod
    def _named(cls, values: Any) -> Any:
        """An application alone is its disbursement: cases that run since before there were other payments say so."""
        if isinstance(values, dict) and "key" not in values and values.get("application_id"):
            return {"key": disbursement_key(values["application_id"]), **values}
        return values

    @classmethod
    def disbursement(cls, ref: ApplicationRef) -> PayoutOrder:
        """The payout of an application's microcredit."""
        return cls(key=disbursement_key(ref.application_id), application_id=ref.application_id, client_id=ref.client_id)

    @property
    def purpose(self) -> Purpose:
        """Why the money leaves."""
        return purpose_of(self.key)

    @property
    def order_id(self) -> str:
        """What the bank is told."""
        return order_of(self.key)

    @property
    def subject(self) -> str:
        """Of the audit entries."""
        if self.application_id is not None:
            return f"application:{self.application_id}"
        return f"loan:{self.loan_id}" if self.loan_id is not None else f"incoming:{self.incoming_payment_id}"


class PaymentState(Frozen):
    """Where a payout stands. ground: why it was not paid, or why people look.

    state: held (two people must approve the amount first) | sending (it may be on its way) | accepted | done | refused
    | returned | unknown (people look) | absent (certainly not with the bank: it may be sent).
    """

    state: str
    payout_id: str | None = None
    loan_id: UUID | None = None
    ground: str | None = None


class AccountNamed(PayoutOrder):
    """An account that the client names for this refund; which one, the record of that id says."""

    account_id: UUID


class PaymentDecided(PayoutOrder):
    """What two people decided about a payment; the decision itself is read in the database."""

    review_id: UUID | None = None
    decision_id: UUID | None = Field(default=None, description="none in cases older than decisions with evidence")
