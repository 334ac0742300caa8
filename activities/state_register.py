"""What the state says of the client: the identity centre's photo, the person register, the phone's owner.

Rules: para 6, part 3; para 35; para 36.
"""

from __future__ import annotations

from uuid import UUID

from temporalio import activity

from activities.context import Records, conclude
from activities.ports import IdentityCentre, PhoneOwners, RegisteredPerson
from activities.screening import same_name
from rules.client import Person
from rules.errors import NotFound
from rules.evidence import Frozen, StepResult
from rules.iin import birth_date
from storage import devices


class ClientClaimed(Frozen):
    """Ask the state about a client. consent_sha256: of the consent text the client marked."""

    client_id: UUID
    selfie_id: UUID


class StateRegister:
    """Asks the identity centre and the operators' base."""

    def __init__(self, records: Records, centre: IdentityCentre, owners: PhoneOwners) -> None:
        self._records, self._centre, self._owners = records, centre, owners

    @activity.defn
    async def verify_with_state(self, claimed: ClientClaimed) -> StepResult:
        """Face, person and phone; the first difference is the ground."""
        async with self._records.moment() as moment:
            client = await self._records.clients.get(moment.session, claimed.client_id)
            document, selfie = await self._records.documents.load(moment.session, claimed.selfie_id)
            minimum = moment.policy.number("idec-similarity-minimum")
            check_phone = moment.policy.switch("phone-owner-check")
        person = self._records.clients.person(client)
        evidence: dict[str, object] = {"selfie": str(claimed.selfie_id)}
        try:
            match = await self._centre.match_face(
                person.iin, selfie, document.media_type, f"registration/{client.id}/{document.sha256[:16]}"
            )
            registered = await self._centre.person(person.iin, document.sha256)
            evidence |= {"similarity": match.similarity, "vendor": match.vendor, "minimum": str(minimum)}
            ground = compare(person, registered)
            if ground is None and match.similarity < float(minimum):
                ground = "idec-face-different"
        except NotFound:
            ground = "idec-unknown-person"
        owned: bool | None = None
        asked = check_phone and ground != "idec-unknown-person"
        if asked:  # also where something else differs: an officer who lets it pass needs the answer, and so do log-ins
            owned = await self._owners.owned_by(person.iin, person.phone)
            if owned is False and person.bin:  # a number of the organisation's own
                owned = await self._owners.owned_by(person.bin, person.phone)
            evidence["phone_owned"] = owned
            ground = "phone-not-owned" if ground is None and owned is False else ground
        async with self._records.moment() as moment:
            if asked:
                await devices.note_owner(moment.session, client, devices.outcome_of(owned), "operators")
            return await conclude(
                moment,
                client,
                act="REGISTRATION",
                step="idec",
                ground=ground,
                evidence=evidence,
                paragraph="6",
            )


def compare(person: Person, registered: RegisteredPerson) -> str | None:
    """The first difference between the register and what the client typed."""
    if registered.deceased:
        return "idec-deceased"
    same = (
        registered.birth_date == birth_date(person.iin)
        and same_name(registered.surname, person.surname)
        and same_name(registered.given_name, person.given_name)
        and registered.document_number == person.document.number
        and registered.document_expires == person.document.expires
    )
    return None if same else "idec-data-differs"
