"""Forms about cases: refusals, fraud, incidents, complaints, the waiting time, the audit trail.

Rules: para 10; para 13, part 1; para 13, part 2; para 13, part 4; para 32; law 205-VIII.
"""

from __future__ import annotations

from rules.clocks import CLOCKS
from rules.complaints import Outcome, Topic
from rules.incidents import Kind
from rules.report_checks import Balance, Check, Equals, NotAbove, Nothing, RowsAddUp, SumNeedsCount
from rules.report_forms import Column, Form, Row, Unit, words
from rules.reports_lending import AMOUNT, NUMBER

WITHOUT_GROUND = "without-ground"
_N, _THOUSAND = Unit.COUNT, Unit.THOUSAND

REFUSALS: tuple[Form, ...] = (
    Form(
        "RF-1",
        words("Негіздер бойынша бас тарту", "Отказы по основаниям", "Refusals by ground"),
        facts="refusal",
        by="grounds",
        labels="ground",
        several=True,
        columns=(Column("n", NUMBER), Column("amount", AMOUNT, _THOUSAND, "amount")),
    ),
)
REFUSALS_CHECKS: tuple[Check, ...] = (
    RowsAddUp("RF-1.sum", "RF-1", several=True),
    SumNeedsCount("RF-1.count", "RF-1", "amount", "RF-1", "n"),
    Nothing("RF-1.ground", "RF-1", "n", WITHOUT_GROUND, why="отказ без основания"),
)

_SUBMISSION, _VICTIM, _VERDICT = "INVESTIGATOR_SUBMISSION", "VICTIM_RESOLUTION", "COURT_VERDICT"
_BREACH, _OMBUDSMAN = "LENDER_BREACH", "OMBUDSMAN"
_PAPERS = (
    Row(_SUBMISSION, words("Тергеушінің ұсынуы", "Представление следователя", "Investigator's submission")),
    Row(_VICTIM, words("Жәбірленуші деп тану қаулысы", "Постановление о потерпевшем", "Victim resolution")),
    Row("CANCELLATION", words("Күшін жою", "Отмена", "Cancellation")),
    Row(_VERDICT, words("Сот үкімі", "Приговор суда", "Court verdict")),
    Row(_BREACH, words("Кредитордың бұзушылығы", "Нарушение кредитора", "Lender's breach")),
    Row(_OMBUDSMAN, words("Омбудсман шешімі", "Решение омбудсмана", "Ombudsman's decision")),
)
_OUTCOMES = {
    "met": words("Мерзімінде", "Исполнено в срок", "Met"),
    "late": words("Кешігіп", "Исполнено с опозданием", "Met late"),
    "missed": words("Өткізілген", "Пропущено, не исполнено", "Missed, open"),
    "running": words("Жүріп жатыр", "Срок идёт", "Running"),
    "cancelled": words("Тоқтатылған", "Отпало", "Fell away"),
}


def _clock_form(code: str, prefix: str, rules: tuple[str, ...]) -> Form:
    leaves = tuple(
        Column(f"{prefix}{outcome}", names, where={"outcome": (outcome,)}) for outcome, names in _OUTCOMES.items()
    )
    started = Column(f"{prefix}started", words("Басталған", "Начато", "Started"), parts=tuple(c.code for c in leaves))
    rows = tuple(Row(rule, words(*(f"{rule}: {CLOCKS[rule].title}",) * 3)) for rule in rules)
    names = words("Заңдағы мерзімдер", "Установленные законом сроки", "Statutory terms")
    return Form(code, names, facts=f"clock-{prefix.rstrip('-')}", by="rule", rows=rows, columns=(started, *leaves))


FRAUD_CLOCKS = ("P13.2", "P13.4", "lender-breach", "ombudsman")
INCIDENT_CLOCKS = ("P13.1-inform", "P13.1-act")
COMPLAINT_CLOCKS = ("complaint-answer",)
CLOCKS_OF = {
    "clock-fraud": FRAUD_CLOCKS,
    "clock-incident": INCIDENT_CLOCKS,
    "clock-complaint": COMPLAINT_CLOCKS,
}

FRAUD: tuple[Form, ...] = (
    Form(
        "FR-1",
        words("Алаяқтық туралы құжаттар", "Бумаги о мошенничестве", "Papers about fraud"),
        facts="paper",
        by="kind",
        rows=_PAPERS,
        columns=(
            Column("received", words("Түскен", "Поступило", "Received"),
                   parts=("confirmed", "refused", "waiting")),
            Column("confirmed", words("Расталған", "Подтверждено", "Confirmed"), where={"state": ("CONFIRMED",)}),
            Column("refused", words("Қабылданбаған", "Отклонено или отозвано", "Refused or withdrawn"),
                   where={"state": ("REFUSED", "WITHDRAWN")}),
            Column("waiting", words("Тексеруде", "На проверке", "Being checked"), where={"state": ("ENTERED",)}),
        ),
    ),
    _clock_form("FR-2", "fraud-", FRAUD_CLOCKS),
)  # fmt: skip
FRAUD_CHECKS: tuple[Check, ...] = (
    RowsAddUp("FR-1.sum", "FR-1"),
    RowsAddUp("FR-2.sum", "FR-2"),
    Equals("FR-1-2.suspension", "FR-1", ((_SUBMISSION, "received"), (_VICTIM, "received")),
           "FR-2", (("P13.2", "fraud-started"),)),
    Equals("FR-1-2.breach", "FR-1", ((_BREACH, "received"),), "FR-2", (("lender-breach", "fraud-started"),)),
    Equals("FR-1-2.ombudsman", "FR-1", ((_OMBUDSMAN, "received"),), "FR-2", (("ombudsman", "fraud-started"),)),
)  # fmt: skip

_KINDS = {
    Kind.UNAUTHORISED_ACCESS: words("Рұқсатсыз кіру", "Несанкционированный доступ", "Unauthorised access"),
    Kind.UNAUTHORISED_CHANGE: words("Рұқсатсыз өзгерту", "Несанкционированное изменение", "Unauthorised change"),
    Kind.FRAUD: words("Алаяқтық", "Мошенничество", "Fraud"),
    Kind.DATA_LEAK: words("Деректердің таралуы", "Утечка данных", "Data leak"),
    Kind.AUDIT_CHAIN: words("Журнал тізбегінің бұзылуы", "Нарушение цепи журнала", "Audit chain broken"),
    Kind.ARCHIVE_DAMAGE: words("Архивтегі құжаттың бүлінуі", "Повреждение архива", "Archive damaged"),
    Kind.ARCHIVE_LOCK: words("Архив құлпының бұзылуы", "Нарушение блокировки архива", "Archive lock broken"),
    Kind.UNUSUAL_ACCESS: words("Әдеттен тыс қарау", "Необычный доступ", "Unusual access"),
    Kind.FAILED_LOG_INS: words("Сәтсіз кірулер", "Неудачные входы", "Failed log-ins"),
}
INCIDENTS: tuple[Form, ...] = (
    Form(
        "IN-1",
        words("Оқыс оқиғалар", "Инциденты", "Incidents"),
        facts="incident",
        by="kind",
        rows=tuple(Row(kind.value, names) for kind, names in _KINDS.items()),
        columns=(
            Column("found", words("Анықталған", "Обнаружено", "Found"), parts=("open", "closed", "dismissed")),
            Column("open", words("Ашық", "Не закрыто", "Open"), where={"state": ("OPEN",)}),
            Column("closed", words("Жабық", "Закрыто", "Closed"), where={"state": ("CLOSED",)}),
            Column("dismissed", words("Расталмаған", "Не подтвердилось", "Dismissed"), where={"state": ("DISMISSED",)}),
            Column("clients", words("Қатысты клиенттер", "Затронуто клиентов", "Clients touched"), _N, "clients"),
            Column("told", words("Хабарланған клиенттер", "Сообщено клиентам", "Clients told"), _N, "told"),
        ),
    ),
    _clock_form("IN-2", "incident-", INCIDENT_CLOCKS),
)
INCIDENTS_CHECKS: tuple[Check, ...] = (
    RowsAddUp("IN-1.sum", "IN-1"),
    RowsAddUp("IN-2.sum", "IN-2"),
    NotAbove("IN-1.told", "IN-1", "told", "IN-1", "clients"),
    SumNeedsCount("IN-1.clients", "IN-1", "clients", "IN-1", "found"),
)

_TOPICS = {
    Topic.CONTRACT: words("Шарт", "Договор", "Contract"),
    Topic.PAYMENTS: words("Төлемдер", "Платежи", "Payments"),
    Topic.COLLECTION: words("Өндіріп алу", "Взыскание", "Collection"),
    Topic.FRAUD: words("Алаяқтық", "Мошенничество", "Fraud"),
    Topic.PERSONAL_DATA: words("Дербес деректер", "Персональные данные", "Personal data"),
    Topic.SERVICE: words("Қызмет көрсету", "Обслуживание", "Service"),
    Topic.OTHER: words("Басқа", "Прочее", "Other"),
}
COMPLAINTS: tuple[Form, ...] = (
    Form(
        "CO-1",
        words("Клиенттердің шағымдары", "Жалобы клиентов", "Clients' complaints"),
        facts="complaint",
        by="topic",
        rows=tuple(Row(topic.value, names) for topic, names in _TOPICS.items()),
        columns=(
            Column("before", words("Кезең басында қаралуда", "На рассмотрении на начало", "Open before"),
                   where={"before": (True,)}),
            Column("received", words("Түскен", "Поступило", "Received"), where={"before": (False,)}),
            Column("answered", words("Жауап берілген", "Дан ответ", "Answered"),
                   parts=tuple(outcome.value for outcome in Outcome)),
            Column("satisfied", words("Қанағаттандырылған", "Удовлетворено", "Satisfied"),
                   where={"result": (Outcome.SATISFIED.value,)}),
            Column("partly", words("Ішінара", "Частично", "Partly"), where={"result": (Outcome.PARTLY.value,)}),
            Column("declined", words("Қабылданбаған", "Отказано", "Declined"),
                   where={"result": (Outcome.DECLINED.value,)}),
            Column("left", words("Кезең соңында қаралуда", "На рассмотрении на конец", "Open after"),
                   where={"answered": (False,)}),
            Column("late", words("Мерзімі бұзылған", "С нарушением срока", "Out of time"), where={"late": (True,)}),
        ),
    ),
    _clock_form("CO-2", "complaint-", COMPLAINT_CLOCKS),
)  # fmt: skip
COMPLAINTS_CHECKS: tuple[Check, ...] = (
    RowsAddUp("CO-1.sum", "CO-1"),
    RowsAddUp("CO-2.sum", "CO-2"),
    Balance("CO-1.balance", "CO-1", "left", ("before", "received"), ("answered",)),
)

_ENDS = {
    "declined": words("Клиент бас тартты", "Клиент отказался", "Declined by the client"),
    "silent": words("Клиент растамады", "Клиент не подтвердил", "Not confirmed in time"),
    "withdrawn": words("Клиент өтінішті қайтарып алды", "Клиент отозвал заявление", "Withdrawn by the client"),
    "refused": words("Кредитор бас тартты", "Отказал кредитор", "Refused by the lender"),
    "confirmed": words("Клиент растады", "Клиент подтвердил", "Confirmed by the client"),
}
WAITING: tuple[Form, ...] = (
    Form(
        "WT-1",
        words("Күту мерзімі қалай аяқталды", "Чем закончился период ожидания", "How waiting times ended"),
        facts="waiting",
        by="outcome",
        rows=tuple(Row(code, names) for code, names in _ENDS.items()),
        columns=(
            Column("n", NUMBER),
            Column("amount", AMOUNT, _THOUSAND, "amount"),
            Column("early", words("Күту аяқталғанға дейін", "До конца ожидания", "Before its end"),
                   where={"early": (True,)}),
        ),
    ),
)  # fmt: skip
WAITING_CHECKS: tuple[Check, ...] = (
    RowsAddUp("WT-1.sum", "WT-1"),
    SumNeedsCount("WT-1.count", "WT-1", "amount", "WT-1", "n"),
    Nothing("WT-1.early", "WT-1", "early", "confirmed", why="подтверждение до конца ожидания"),
)

AUDIT: tuple[Form, ...] = (
    Form(
        "AU-1",
        words("Аудит журналының басы", "Вершина журнала аудита", "Head of the audit trail"),
        facts="head",
        by="row",
        rows=(Row("head", words("Соңғы жазба", "Последняя запись", "Last entry")),),
        total=False,
        columns=(
            Column("number", words("Нөмірі", "Номер", "Number"), _N, "n"),
            Column("hash", words("Хеш (SHA-256)", "Хеш (SHA-256)", "Hash (SHA-256)"), Unit.TEXT, "hash"),
            Column("written", words("Кезеңде жазылған", "Записано за период", "Written in the period"), _N, "written"),
            Column("broken", words("Тізбектегі алшақтық", "Разрывы цепи", "Breaks of the chain"),
                   where={"whole": (False,)}),
        ),
    ),
)  # fmt: skip
AUDIT_CHECKS: tuple[Check, ...] = (
    Nothing("AU-1.chain", "AU-1", "broken", "head", why="цепь журнала не сходится"),
    NotAbove("AU-1.written", "AU-1", "written", "AU-1", "number"),
)
