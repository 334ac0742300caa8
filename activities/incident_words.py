"""What clients and the regulator are told of an incident. Staff may write their own words; these are for the rest.

Rules: para 13, part 1.
"""

from __future__ import annotations

import json
from datetime import date
from typing import Any
from uuid import UUID

from activities import localised
from rules.evidence import Frozen
from rules.incidents import Kind
from rules.lender import Lender
from storage.tables import Incident
from storage.vault import Vault

LANGUAGES = ("kk", "ru", "en")

_WHAT = {
    Kind.UNAUTHORISED_ACCESS: {
        "kk": "ақпараттық жүйемізге бөгде адамның кіргенін",
        "ru": "посторонний доступ к нашей информационной системе",
        "en": "that somebody had access to our information system without right",
    },
    Kind.UNAUTHORISED_CHANGE: {
        "kk": "жазбаларымыздың рұқсатсыз өзгертілгенін",
        "ru": "несанкционированное изменение наших записей",
        "en": "that records of ours were changed without right",
    },
    Kind.FRAUD: {"kk": "алаяқтық әрекеттерді", "ru": "мошеннические действия", "en": "fraud"},
    Kind.DATA_LEAK: {"kk": "дербес деректердің таралғанын", "ru": "утечку персональных данных", "en": "a leak of data"},
    Kind.AUDIT_CHAIN: {
        "kk": "әрекеттер журналының бүлінгенін",
        "ru": "нарушение целостности журнала действий",
        "en": "that the trail of actions is damaged",
    },
    Kind.ARCHIVE_DAMAGE: {
        "kk": "мұрағаттағы құжаттың бүлінгенін",
        "ru": "повреждение документа в архиве",
        "en": "that a document in the archive is damaged",
    },
    Kind.ARCHIVE_LOCK: {
        "kk": "құжаттар мұрағатының қорғанысы бұзылғанын",
        "ru": "нарушение защиты архива документов",
        "en": "that the protection of the archive of documents failed",
    },
    Kind.UNUSUAL_ACCESS: {
        "kk": "клиенттер жазбаларының әдеттен тыс көп ашылғанын",
        "ru": "необычно частые обращения к записям клиентов",
        "en": "that clients' records were opened unusually often",
    },
    Kind.FAILED_LOG_INS: {
        "kk": "жүйеге кірудің көп сәтсіз әрекетін",
        "ru": "многочисленные неудачные попытки входа в систему",
        "en": "many failed attempts to log in",
    },
}
_MEASURES = "Заведено дело, задачи розданы; причины и последствия устраняются в срок, установленный правилами."


class Story(Frozen):
    """What is known in words; it may hold personal data. texts: to the clients, by language; none means our own."""

    what: str
    measures: str = ""
    texts: dict[str, str] = {}


def seal(vault: Vault, incident_id: UUID, story: Story) -> bytes:
    """The story as the incident's row keeps it."""
    return vault.seal_own(story.model_dump_json().encode(), f"incident:{incident_id}:story")


def story_of(vault: Vault, incident: Incident) -> Story:
    """The story, opened."""
    return Story.model_validate_json(vault.open_own(incident.story, f"incident:{incident.id}:story"))


def seal_words(vault: Vault, of: UUID, words: dict[str, str]) -> bytes:
    """Words of staff about a task or a closing; of: its id."""
    return vault.seal_own(json.dumps(words, ensure_ascii=False).encode(), f"incident-words:{of}")


def words_of(vault: Vault, of: UUID, sealed: bytes | None) -> dict[str, str]:
    """The same, opened."""
    if sealed is None:
        return {}
    opened: dict[str, str] = json.loads(vault.open_own(sealed, f"incident-words:{of}"))
    return opened


def found(kind: Kind) -> str:
    """The story of what the system found itself, for the regulator."""
    return f"Система обнаружила {_WHAT[kind]['ru']}."


def to_client(kind: Kind, language: str, on: date, story: Story, lender: Lender) -> str:
    """The message to a client. on: the day of the detection."""
    return localised.render(
        f"incident_notice.{language}.txt",
        what=_WHAT[kind][language],
        words=story.texts.get(language, ""),
        on=on,
        lender=lender,
    ).strip()


def sms(language: str) -> str:
    """That a message waits, one SMS long; nothing of what happened."""
    return localised.render(f"sms_incident.{language}.txt").strip()


def to_regulator(incident: Incident, story: Story, n: int, clients: int) -> tuple[str, str]:
    """Description and measures of a notice. n: which round of clients it tells of."""
    facts: dict[str, Any] = incident.facts
    lines = [
        f"Инцидент {incident.id}, вид {incident.kind}, уровень {incident.severity}.",
        story.what,
        f"Выявлено клиентов, данные которых затронуты: {clients}." if n == 1 else f"Дополнительно выявлено: {clients}.",
    ]
    if facts:
        lines.append(f"Обстоятельства: {json.dumps(facts, ensure_ascii=False, sort_keys=True)}.")
    return "\n".join(lines), story.measures or _MEASURES
