"""Records the histories of recoveries, codes of log-ins and notices; see record_histories.py:

python -m pytest tests/workflows/record_access.py
"""

from __future__ import annotations

from uuid import uuid4

from activities.log_in_codes import LogInCodeWanted
from activities.security_notices import NoticeRef
from tests.support.played import Played, fact
from tests.workflows.record_histories import TestRecording as _Recording
from tests.workflows.test_access import A_LITTLE, Recovering
from workflows.access import ClientNotice, LogInCode
from workflows.messages import ReviewDecided
from workflows.password_recovery import PasswordRecovery

save = _Recording().save


async def test_recovery_changed_after_an_officer(case):
    played = Played()
    played.grounds["face"] = ["face-unsure"]
    async with case(played) as start:
        recovering = await Recovering.begun(start)
        await recovering.face()
        decision = uuid4()
        played.known_decisions[decision] = "approve"
        decided = ReviewDecided(review_id=fact("review/face-unsure"), decision_id=decision)
        await recovering.handle.execute_update(PasswordRecovery.review_decided, decided)
        await recovering.password()
        await recovering.ended()
        await save(recovering.handle, "recovery-changed")


async def test_recovery_expired(case):
    async with case(Played()) as start:
        recovering = await Recovering.begun(start)
        await recovering.face()
        await recovering.turn_to(recovering.expires_at + A_LITTLE)
        await recovering.ended()
        await save(recovering.handle, "recovery-expired")


async def test_log_in_code_and_notice(case):
    async with case(Played()) as start:
        wanted = LogInCodeWanted(authentication_id=uuid4(), n=1)
        code = await start.run(LogInCode.run, wanted, f"log-in-code/{wanted.authentication_id}/1")
        await code.result()
        await save(code, "log-in-code")
        ref = NoticeRef(notice_id=uuid4())
        notice = await start.run(ClientNotice.run, ref, f"security-notice/{ref.notice_id}")
        await notice.result()
        await save(notice, "security-notice")
