"""Incidents: their kinds, what must be done about each, and which looks into records are unusual.

Rules: para 13, part 1.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class Kind(StrEnum):
    """What has happened. The last five the system finds itself."""

    UNAUTHORISED_ACCESS = "UNAUTHORISED_ACCESS"
    UNAUTHORISED_CHANGE = "UNAUTHORISED_CHANGE"
    FRAUD = "FRAUD"
    DATA_LEAK = "DATA_LEAK"
    AUDIT_CHAIN = "AUDIT_CHAIN"
    ARCHIVE_DAMAGE = "ARCHIVE_DAMAGE"
    ARCHIVE_LOCK = "ARCHIVE_LOCK"
    UNUSUAL_ACCESS = "UNUSUAL_ACCESS"
    FAILED_LOG_INS = "FAILED_LOG_INS"


class Severity(StrEnum):
    """How bad it is. The terms of the law are the same for all."""

    LOW = "LOW"
    MEDIUM = "MEDIUM"
    HIGH = "HIGH"
    CRITICAL = "CRITICAL"


# Told to nobody at once: two people may find that it was nothing. If they do not in half of the term, it is told.
SUSPICIONS = frozenset({Kind.UNUSUAL_ACCESS, Kind.FAILED_LOG_INS})

SEVERITY: Mapping[Kind, Severity] = {
    Kind.AUDIT_CHAIN: Severity.CRITICAL,
    Kind.ARCHIVE_DAMAGE: Severity.HIGH,
    Kind.ARCHIVE_LOCK: Severity.CRITICAL,
    Kind.UNUSUAL_ACCESS: Severity.MEDIUM,
    Kind.FAILED_LOG_INS: Severity.MEDIUM,
}
OTHER = "other"  # the code of a task that staff have thought of themselves


@dataclass(frozen=True)
class Task:
    """One thing to be done. part: CAUSE | CONSEQUENCE. about: for staff."""

    code: str
    part: str
    about: str


_CAUSE = Task("find-cause", "CAUSE", "установить причину и собрать доказательства")
_ALL = {
    one.code: one
    for one in (
        _CAUSE,
        Task("block-access", "CAUSE", "закрыть доступ: учётные записи, сеансы, ключи"),
        Task("close-gap", "CAUSE", "устранить уязвимость или ошибку"),
        Task("restore-records", "CONSEQUENCE", "восстановить верные записи из копии и сверить"),
        Task("compare-copies", "CAUSE", "сверить журнал с вынесенными заголовками и копиями"),
        Task("restore-document", "CONSEQUENCE", "восстановить документ из копии и сверить его хеш"),
        Task("repair-lock", "CAUSE", "вернуть блокировку хранилища и проверить её: nesie archive verify-lock"),
        Task("check-documents", "CONSEQUENCE", "проверить документы, принятые без блокировки"),
        Task("stop-loss", "CONSEQUENCE", "остановить выплаты и начисления по затронутым займам"),
        Task("report-crime", "CONSEQUENCE", "обратиться в органы, если есть признаки преступления"),
        Task("identify-again", "CONSEQUENCE", "проследить: ответ на утечку начат по каждому клиенту (п. 36)"),
        Task("talk-to-colleague", "CAUSE", "выяснить у сотрудника, зачем открывались записи"),
        Task("check-accounts", "CONSEQUENCE", "проверить учётные записи и сменить пароли"),
    )
}
_TEMPLATES: Mapping[Kind, tuple[str, ...]] = {
    Kind.UNAUTHORISED_ACCESS: ("find-cause", "block-access", "close-gap"),
    Kind.UNAUTHORISED_CHANGE: ("find-cause", "block-access", "close-gap", "restore-records"),
    Kind.FRAUD: ("find-cause", "stop-loss", "report-crime"),
    Kind.DATA_LEAK: ("find-cause", "block-access", "close-gap", "identify-again"),
    Kind.AUDIT_CHAIN: ("find-cause", "compare-copies", "block-access", "restore-records"),
    Kind.ARCHIVE_DAMAGE: ("find-cause", "restore-document"),
    Kind.ARCHIVE_LOCK: ("find-cause", "repair-lock", "check-documents"),
    Kind.UNUSUAL_ACCESS: ("find-cause", "talk-to-colleague", "block-access"),
    Kind.FAILED_LOG_INS: ("find-cause", "check-accounts"),
}


def tasks_of(kind: Kind) -> tuple[Task, ...]:
    """What every incident of a kind asks for; staff may add to it.

    >>> [one.code for one in tasks_of(Kind.ARCHIVE_LOCK)]
    ['find-cause', 'repair-lock', 'check-documents']
    """
    return tuple(_ALL[code] for code in _TEMPLATES[kind])


def about(code: str) -> str:
    """What a task of a template is about, for staff; empty for one that staff have written."""
    return _ALL[code].about if code in _ALL else ""


# ---- looks into records

# An audited action of staff that shows somebody's record ends in one of these.
LOOKS = r"-(read|seen|looked-at|opened|taken-out)$"
_OF_CLIENTS = re.compile(
    r"(client|registration|application|disbursement|collection|loan|restructuring|suspension|write-off|refund"
    r"|document|leak|change|disposal):[0-9a-f-]{36}(:.*)?"
)


@dataclass(frozen=True)
class Look:
    """A member of staff looked at records at that row of the audit trail. records: subjects, as audited."""

    n: int
    at: datetime
    who: str
    records: frozenset[str]


@dataclass(frozen=True)
class Excess:
    """Somebody looked at more records within an hour than is usual. first: row of the first look of that hour."""

    who: str
    first: int
    last: int
    at: datetime
    records: int


def is_of_client(subject: str) -> bool:
    """Whether an audited subject names somebody's record.

    >>> is_of_client("loan:00000000-0000-4000-8000-000000000000"), is_of_client("payments:UNMATCHED")
    (True, False)
    """
    return _OF_CLIENTS.fullmatch(subject) is not None


def unusual(looks: Iterable[Look], allowed: int, window: timedelta) -> list[Excess]:
    """Who looked at more than `allowed` different records within a window, each once, when that first was so.

    Args:
        looks: in order of their rows.

    >>> from datetime import UTC
    >>> at = datetime(2026, 3, 2, 9, tzinfo=UTC)
    >>> looks = [Look(n, at + n * timedelta(minutes=1), "staff:a", frozenset({f"loan:{n}"})) for n in range(1, 5)]
    >>> [(one.who, one.first, one.last, one.records) for one in unusual(looks, 2, timedelta(hours=1))]
    [('staff:a', 1, 3, 3)]
    >>> unusual(looks, 2, timedelta(minutes=1))
    []
    """
    kept: dict[str, deque[Look]] = {}
    found: dict[str, Excess] = {}
    for look in looks:
        if look.who in found:
            continue
        mine = kept.setdefault(look.who, deque())
        mine.append(look)
        while mine[0].at < look.at - window:
            mine.popleft()
        records = frozenset().union(*(one.records for one in mine))
        if len(records) > allowed:
            found[look.who] = Excess(look.who, mine[0].n, look.n, look.at, len(records))
    return list(found.values())
