"""By which paper a person signs for a legal entity: shown by the signatory, compared by an officer.

A part of Registration, after the signatory's face and before the signature.

Rules: para 6, part 2.
"""

from __future__ import annotations

import asyncio
from uuid import UUID

from temporalio import workflow

from activities.authorities import Authorities, AuthorityConfirmed, AuthorityShown
from rules.evidence import StepResult
from workflows.cases import do, wrong_step
from workflows.messages import RegisterClient, SubmitAuthority


class SignatoryAuthority:
    """The step and its update."""

    _start: RegisterClient
    _lock: asyncio.Lock
    _authority_id: UUID | None = None

    @workflow.update(description="Приказ или доверенность подписанта организации")
    async def submit_authority(self, shown: SubmitAuthority) -> StepResult:
        """A paper that is still good goes to an officer."""
        async with self._lock:
            self._expect("authority")
            self._authority_id = shown.authority_id
            wanted = AuthorityShown(client_id=self._start.client_id, authority_id=shown.authority_id)
            result = await do(Authorities.check_authority, wanted, "документ о полномочиях: срок")
            return await self._follow(result, next_step=self._signing)

    @submit_authority.validator
    def _may_submit_authority(self, shown: SubmitAuthority) -> None:
        self._expect("authority")

    async def _authority_ground(self, review_id: UUID | None) -> str | None:
        """The officer has compared paper, person and BIN. The ground why it is not taken all the same, else None."""
        if self._authority_id is None or review_id is None:
            raise wrong_step("wrong-step")
        wanted = AuthorityConfirmed(
            client_id=self._start.client_id, authority_id=self._authority_id, review_id=review_id
        )
        return (await do(Authorities.confirm_authority, wanted, "полномочия подтверждены")).ground

    # ---- of the whole case

    def _expect(self, step: str) -> None:
        raise NotImplementedError

    @property
    def _signing(self) -> str:
        raise NotImplementedError

    async def _follow(self, result: StepResult, next_step: str) -> StepResult:
        raise NotImplementedError
