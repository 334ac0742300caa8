"""The policy rows: data. One number, one row for each span of days, newest last.

To change a number: close the old row with `until`, add the new one from the same day. A test checks
that no name has a gap or an overlap. `R` are the Rules (resolution 217); `S` the lender's own security
procedures, which may be stricter than the Rules, never looser.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from rules.policy import Certainty, PolicyRow

A, B, C = Certainty.A, Certainty.B, Certainty.C

_START = date(2021, 5, 11)
_INDEXED = date(2022, 4, 1)
_R2023 = date(2023, 11, 20)
_CAPS = date(2024, 8, 1)  # the resolution is of mid-August: the stricter cap is taken for the whole month
_R2024B = date(2024, 9, 1)
_LAW_205 = date(2025, 9, 30)
_BURDEN = date(2025, 11, 24)

_BUDGET = "law on the republican budget of the year"
_RATES = "joint resolution 62/45 of August 2024, read through the press; the day it took effect was not read"
_WAIT = "law 205-VIII of 30.06.2025, six concordant press sources"
_VISIT = "the regulator's answer of November 2025, quoted by the press"
_ACT_OF_NOVEMBER = "regulator's act of 24.11.2025, quoted by the press; written for banks, applied to be safe"
_PENALTY = "press quoting the regulator; another site: 90 days alone, up to the principal"
_OWN = "S: the lender's procedures"
_CHOICE = "the lender's own choice"
_ENDS = "the lender's own choice: then the case ends"
_CHOICE_IDEC = "the lender's own choice; none is published"
_CHOICE_SILENCE = "the lender's own choice; silence annuls"
_MODEL = "the model's published threshold"
_MEASURED = "measured: docs/figures.md"


def _row(
    name: str,
    value: str | bool,
    unit: str,
    since: date,
    source: str,
    certainty: Certainty,
    paragraph: str,
    until: date | None = None,
) -> PolicyRow:
    typed = value if isinstance(value, bool) or unit == "names" else Decimal(value)
    return PolicyRow(name, typed, unit, since, until, source, certainty, paragraph)


def _mrp(
    year: int, tenge: str, certainty: Certainty, since: date | None = None, until: date | None = None
) -> PolicyRow:
    since, until = since or date(year, 1, 1), until or date(year + 1, 1, 1)  # a year not listed raises
    return _row("mrp", tenge, "tenge", since, _BUDGET, certainty, "budget law", until)


_MONEY = (
    _mrp(2021, "2917", C, since=_START),
    _mrp(2022, "3063", B, until=_INDEXED),
    _mrp(2022, "3180", C, since=_INDEXED),  # raised within the year
    _mrp(2023, "3450", B),
    _mrp(2024, "3692", B),
    _mrp(2025, "3932", B),
    _mrp(2026, "4325", B),
    _row("max-amount-mrp", "20000", "MRP", _START, "law on microfinance, art. 3", A, "law on microfinance, art. 3"),
    _row("two-people-above-mrp", "500", "MRP, exceeded", _START, _CHOICE, A, "para 27"),
    _row("aer-cap-percent", "56", "per cent", _START, _RATES, B, "law on microfinance, art. 5", _CAPS),
    _row("aer-cap-percent", "46", "per cent", _CAPS, _RATES, B, "law on microfinance, art. 5"),
    _row("aer-year-days", "365", "days", _START, "rules 378 of 2012 and a printed contract", B, "effective rate"),
    _row("aer-decimals", "2", "decimals", _START, "a printed contract; the act was not read", C, "effective rate"),
    _row("short-term-rule", True, "switch", _CAPS, _RATES, B, "law on microfinance, art. 5"),
    _row("short-term-max-days", "45", "days", _CAPS, _RATES, B, "law on microfinance, art. 5"),
    _row("short-term-max-mrp", "45", "MRP", _CAPS, _RATES, B, "law on microfinance, art. 5"),
    _row("short-term-daily-cap-percent", "0.3", "per cent a day, not reached", _CAPS, _RATES, B, "resolution 232"),
    _row("short-term-aer-cap-percent", "179", "per cent", _CAPS, _RATES, B, "resolution 232"),
    _row("short-term-overpayment-cap-percent", "100", "per cent", _CAPS, "one trade site", C, "resolution 232"),
)

_DUE_DILIGENCE = (
    _row("min-age", "18", "years", _START, "civil code: full capacity", A, "civil code, art. 17"),
    _row("debt-burden-cap", "0.5", "share of income", _START, "press quoting the regulator", B, "debt burden rules"),
    _row("debt-burden-income-months", "6", "months", _START, "press quoting the regulator", B, "debt burden rules"),
    _row("debt-burden-strict-rule", True, "switch", _BURDEN, _ACT_OF_NOVEMBER, B, "debt burden rules"),
    _row("debt-burden-cap-after-overdue", "0.25", "share of income", _BURDEN, _ACT_OF_NOVEMBER, B, "debt burden rules"),
    _row("debt-burden-strict-overdue-days", "90", "days, exceeded", _BURDEN, _ACT_OF_NOVEMBER, B, "debt burden rules"),
    _row("unsecured-overdue-rule", True, "switch", _BURDEN, _ACT_OF_NOVEMBER, B, "debt burden rules"),
    _row("unsecured-max-bank-overdue-days", "30", "days", _BURDEN, _ACT_OF_NOVEMBER, B, "debt burden rules"),
    _row("unsecured-max-microcredit-overdue-days", "1", "days", _BURDEN, _ACT_OF_NOVEMBER, B, "debt burden rules"),
    _row("forgiven-debt-lookback-months", "36", "months", _BURDEN, _ACT_OF_NOVEMBER, B, "debt burden rules"),
    _row("failed-restructuring-lookback-months", "12", "months", _BURDEN, _ACT_OF_NOVEMBER, B, "debt burden rules"),
    _row("voluntary-refusal-rule", True, "switch", date(2024, 4, 20), "R, resolution 17 of 2024", A, "para 8, part 8"),
    _row("bureau-report-max-age-hours", "24", "hours", _START, _CHOICE, C, "para 8, part 8"),
    _row("personal-visit-rule", True, "switch", _LAW_205, _VISIT, B, "law 205-VIII"),
    _row("personal-visit-threshold-mrp", "75", "MRP, exceeded", _LAW_205, _VISIT, B, "law 205-VIII"),
    _row("extra-consent-rule", True, "switch", _LAW_205, _VISIT, B, "law 205-VIII"),
    _row("extra-consent-under-age", "21", "years", _LAW_205, _VISIT, B, "law 205-VIII"),
    _row("extra-consent-over-age", "55", "years, exceeded", _LAW_205, _VISIT, C, "law 205-VIII"),
    _row("debt-burden-strict-gamblers-rule", False, "switch", _BURDEN, "one news site", C, "debt burden rules"),
    _row("night-ban-rule", False, "switch", _LAW_205, "one news site", C, "draft of 2026"),
    _row("suitability-test-rule", False, "switch", _LAW_205, "draft of February 2026", C, "draft of 2026"),
)

_WAITING = (
    _row("waiting-rule", True, "switch", _LAW_205, _WAIT, B, "law 205-VIII"),
    _row("waiting-threshold-mrp", "75", "MRP, exceeded", _LAW_205, _WAIT, B, "law 205-VIII"),
    _row("waiting-hours", "24", "hours", _LAW_205, _WAIT, B, "law 205-VIII"),
    _row("waiting-exempt-card-limit-mrp", "150", "MRP", _LAW_205, _WAIT, B, "law 205-VIII"),
    _row("confirmation-window-hours", "72", "hours", _LAW_205, _CHOICE_SILENCE, C, "law 205-VIII"),
)

_AFTER = (
    _row("penalty-daily-percent", "0.5", "per cent a day", _START, _PENALTY, B, "penalty"),
    _row("penalty-first-days", "90", "days", _START, _PENALTY, B, "penalty"),
    _row("penalty-later-daily-percent", "0.03", "per cent a day", _START, _PENALTY, B, "penalty"),
    _row("penalty-year-cap-percent", "10", "per cent of the loan a year", _START, _PENALTY, B, "penalty"),
    _row("accrual-stop-days", "90", "days overdue", _START, "not sourced; for unsecured loans", C, "penalty"),
    _row(
        "allocation-order",
        "overdue_principal,overdue_interest,penalty,principal,interest,costs",
        "names",
        _START,
        "not sourced: resolution 232 as recalled; contracts of 2018 name another order",
        C,
        "repayment order",
    ),
    _row("arrears-notice-days", "10", "calendar days", _START, "law on microfinance, art. 9-2", A, "art. 9-2, part 1"),
    _row("restructuring-request-days", "30", "calendar days", _START, "art. 9-2, press", B, "art. 9-2"),
    _row("restructuring-answer-days", "15", "calendar days", _START, "art. 9-2, press", B, "art. 9-2"),
    _row("arrears-notice-grace-days", "1", "calendar days", _START, _CHOICE, A, "art. 9-2, part 1"),
    _row("restructuring-warning-days", "3", "calendar days before", _START, _CHOICE, A, "art. 9-2"),
    _row("restructuring-consent-days", "10", "calendar days", _START, _CHOICE_SILENCE, C, "art. 9-2"),
    _row("repayment-wish-days", "30", "calendar days", _START, _CHOICE, A, "para 7, part 6"),
    _row("bureau-update-months", "1", "months", _START, _CHOICE, C, "law on microfinance, art. 4"),
    _row("furnishing-batch-size", "500", "records", _START, _CHOICE_IDEC, C, "law on microfinance, art. 4"),
    _row("furnishing-patience-hours", "24", "hours", _START, _CHOICE_IDEC, C, "law on microfinance, art. 4"),
    _row("retention-years", "5", "years", _START, "R", A, "para 34"),
    _row("retention-margin-days", "31", "days", _START, "the lender's own margin", A, "para 34"),
)

_IDENTIFICATION = (
    _row("code-digits", "6", "digits", _START, _CHOICE, A, "para 6, part 4"),
    _row("code-life-seconds", "60", "seconds", _START, _OWN + ", 9.1", A, "para 6, part 4"),
    _row("code-tries", "5", "tries", _START, _CHOICE, A, "para 11"),
    _row("phone-owner-check", True, "switch", _START, _CHOICE, A, "para 6, part 4"),
    _row("codes-per-10-minutes", "3", "messages", _START, _CHOICE, A, "para 11"),
    _row("session-idle-minutes", "10", "minutes", _START, _OWN + ", 19", A, "para 11"),
    _row("session-absolute-hours", "12", "hours", _START, _CHOICE, A, "para 11"),
    _row("login-tries", "5", "tries", _START, _CHOICE, A, "para 11"),
    _row("login-lock-minutes", "15", "minutes", _START, _CHOICE, A, "para 11"),
    _row("face-same-cosine", "0.40", "cosine, at least", _START, "measured on open face sets", A, "para 6, part 4"),
    _row("face-unsure-cosine", "0.363", "cosine, at least", _START, _MODEL, A, "para 6, part 4"),
    _row("idec-similarity-minimum", "0.80", "0..1", _START, _CHOICE_IDEC, C, "para 6, part 3"),
    _row("idec-similarity-review", "0.65", "0..1", _START, _CHOICE_IDEC, C, "para 6, part 3"),
    _row("liveness-lifetime-seconds", "120", "seconds", _R2023, _CHOICE, A, "para 35"),
    _row("liveness-sequence-rule", True, "switch", _R2024B, "R, resolution 58 of 2024", A, "para 35"),
    _row("liveness-movements", "3", "movements, at least", _START, _CHOICE, A, "para 35"),
    _row("liveness-movements-without-passive", "4", "movements, at least", _START, _CHOICE, A, "para 35"),
    _row("liveness-challenges-per-day", "40", "a client", _START, _CHOICE, A, "para 35"),
    _row("liveness-step-seconds", "5", "seconds a movement", _START, _CHOICE, A, "para 35"),
    _row("liveness-depth-yaw", "0.020", "of the face's width", _START, _MEASURED, A, "para 35"),
    _row("liveness-depth-pitch", "0.015", "of the face's width", _START, _MEASURED, A, "para 35"),
    _row("liveness-depth-without-passive", "1.2", "times", _START, _MEASURED, A, "para 35"),
    _row("liveness-same-in-turn", "0.25", "cosine, at least", _START, _MEASURED, A, "para 35"),
    _row("liveness-passive-absent", "stricter-active", "names", _START, _CHOICE, A, "para 35"),
    _row("liveness-passive-minimum", "0.5", "0..1, at least", _START, _MODEL, A, "para 35"),
    _row("liveness-replay-share", "0.4", "of the moving frames", _START, _MEASURED, A, "para 35"),
    _row("recording-kbit-s", "1000", "kbit/s", _START, _CHOICE, A, "para 34"),
    _row("recording-kbit-s-least", "25", "kbit/s", _START, _OWN + ", 26", A, "para 34"),
    _row("recording-kbit-s-most", "2500", "kbit/s", _START, _OWN + ", 26", A, "para 34"),
    _row("document-tries", "5", "tries", _START, _CHOICE, A, "para 6, part 3"),
    _row("document-name-same", "90", "similarity, 0..100", _START, "measured on invented names", A, "para 6, part 3"),
    _row("document-portrait-pixels", "60", "pixels, width of the face", _START, _CHOICE, A, "para 6, part 3"),
    _row("authority-tries", "5", "tries", _START, _CHOICE, A, "para 6, part 2"),
    _row("authority-papers", "10", "papers", _START, "the lender's choice: of one client", A, "para 6, part 2"),
    _row("face-tries", "5", "tries", _START, _CHOICE, A, "para 6, part 4"),
    _row("signature-tries", "5", "tries", _START, _CHOICE, A, "para 6, part 4"),
    _row("registration-days", "7", "days", _START, "the lender's own choice: then the case ends", A, "para 6, part 1"),
    _row("details-change-hours", "24", "hours", _START, "the lender's own choice: then it ends", A, "para 6, part 5"),
    _row("offer-days", "7", "days", _START, "the lender's own choice: then the case ends", A, "para 8, part 4"),
    _row("signing-hours", "24", "hours", _START, "the lender's own choice: then the case ends", A, "para 9"),
    _row(
        "signing-request-minutes",
        "10",
        "minutes",
        _START,
        "the lender's own choice: then it is asked anew",
        A,
        "para 9",
    ),
    _row("signature-max-age-hours", "24", "hours", _START, _CHOICE, A, "para 9"),
    _row("signature-ocsp-minutes", "10", "minutes, not older", _START, _CHOICE, A, "para 9"),
    _row("signature-skew-minutes", "5", "minutes between clocks", _START, _CHOICE, A, "para 9"),
    _row("signature-list-hours", "24", "hours, not older", _START, _CHOICE, A, "para 9"),
    _row("signature-list-instead-rule", True, "switch", _START, _CHOICE, A, "para 9"),
    _row("review-days", "3", "days", _START, "the lender's own choice: then it escalates", A, "para 8, part 1"),
)

_LOG_IN = (
    _row("codes-per-day", "10", "messages a phone", _START, _CHOICE, A, "para 11"),
    _row("codes-per-10-minutes-an-address", "3", "messages", _START, _CHOICE, A, "para 11"),
    _row("codes-per-day-an-address", "10", "messages", _START, _CHOICE, A, "para 11"),
    _row("begun-per-10-minutes-an-address", "10", "registrations and log-ins", _START, _CHOICE, A, "para 11"),
    _row("begun-per-day-an-address", "50", "registrations and log-ins", _START, _CHOICE, A, "para 11"),
    _row("codes-own-network-factor", "300", "times an address", _START, _CHOICE, A, "para 11"),
    _row("log-in-minutes", "5", "minutes, then begun anew", _START, _CHOICE, A, "para 6, part 4"),
    _row("log-in-failures-in-a-row", "100", "of new devices, NIST 800-63B", _START, _CHOICE, A, "para 11"),
    _row("log-in-second-failures-in-a-row", "30", "of new devices", _START, _CHOICE, A, "para 11"),
    _row("log-in-bound-days", "30", "days that new devices then wait", _START, _CHOICE, A, "para 11"),
    _row("log-in-new-device-rule", True, "switch", _START, _CHOICE, A, "para 6, part 4"),
    _row("log-in-by-passkey-rule", True, "switch", _START, _CHOICE, A, "para 6, part 4"),
    _row("log-in-by-code-rule", False, "switch", _START, _CHOICE, A, "para 6, part 4"),
    _row("log-in-code-beside-token-rule", False, "switch", _START, _CHOICE, A, "para 6, part 4"),
    _row("phone-factor-unknown-owner-rule", False, "switch", _START, _CHOICE, A, "para 6, part 4"),
    _row("phone-factor-officer-rule", True, "switch", _START, _CHOICE, A, "para 6, part 4"),
    _row("totp-window-steps", "1", "steps of 30 seconds either way", _START, _CHOICE, A, "para 6, part 4"),
    _row("passkey-challenge-seconds", "120", "seconds", _START, _CHOICE, A, "para 6, part 4"),
    _row("passkeys", "10", "a client", _START, _CHOICE, A, "para 6, part 4"),
    _row("recovery-hours", "24", "hours", _START, _ENDS, A, "para 6, part 4"),
    _row("recoveries-a-day", "3", "a client", _START, _CHOICE, A, "para 11"),
    _row("known-log-in-sms-rule", False, "switch", _START, _CHOICE, A, "para 25"),
    _row("new-device-sms-rule", True, "switch", _START, _CHOICE, A, "para 25"),
    _row("access-changed-sms-rule", True, "switch", _START, _CHOICE, A, "para 25"),
)

_CHANNELS = (
    _row("merchant-confirmation-hours", "72", "hours", _START, _ENDS, A, "para 9"),
    _row("cash-order-hours", "72", "hours", _START, _ENDS, A, "para 9"),
    _row("refund-account-reminder-days", "7", "calendar days", _START, _CHOICE, A, "para 9, part 2"),
    _row("refund-account-reminders", "4", "reminders, then people look", _START, _CHOICE, A, "para 9, part 2"),
    _row("refund-account-tries", "5", "accounts a day", _START, _CHOICE, A, "para 9, part 2"),
    _row("cash-two-people-tenge", "500000", "tenge, exceeded", _START, _CHOICE, A, "para 9"),
    _row("terminal-most-tenge", "500000", "tenge", _START, _CHOICE, A, "para 9"),
    _row("digital-document-minutes", "30", "minutes", _START, _CHOICE, A, "para 9"),
    _row("collection-code-digits", "8", "digits", _START, _CHOICE, A, "para 11"),
    _row("collection-code-tries", "5", "tries", _START, _CHOICE, A, "para 11"),
    _row("collection-codes", "3", "codes an order", _START, _CHOICE, A, "para 11"),
)

_CLOCKS = (
    _row("resource-notice-days", "10", "working days", _START, "R, para 4 and 5", A, "para 4"),
    _row("incident-inform-days", "1", "working days", _R2023, "R, para 13", A, "para 13, part 1"),
    _row("incident-act-days", "2", "working days", _R2023, "R, para 13", A, "para 13, part 1"),
    _row("suspension-days", "3", "working days", _R2023, "R, para 13", A, "para 13, part 2"),
    _row("suspension-unconfirmed-rule", True, "switch", _R2023, _CHOICE, A, "para 13, part 2"),
    _row("suspension-unconfirmed-hours", "15", "hours before the term ends", _R2023, _CHOICE, A, "para 13, part 2"),
    _row("charge-suspended-interest-rule", True, "switch", _R2023, "R, para 13", A, "para 13, part 3"),
    _row("write-off-days", "15", "working days", _R2023, "R, para 13", A, "para 13, part 4"),
    _row("lender-breach-days", "15", "working days", _LAW_205, f"{_WAIT}; the days were not read", C, "law 205-VIII"),
    _row("ombudsman-days", "15", "working days", _LAW_205, f"{_WAIT}; the days were not read", C, "law 205-VIII"),
    _row("verdict-returns-paid-rule", True, "switch", _R2023, "R, para 13", A, "para 13, part 4"),
    _row("lender-breach-returns-paid-rule", False, "switch", _LAW_205, f"{_WAIT}; not read", C, "law 205-VIII"),
    _row("ombudsman-returns-paid-rule", False, "switch", _LAW_205, f"{_WAIT}; not read", C, "law 205-VIII"),
    _row("leak-response-days", "3", "working days", _R2024B, _CHOICE, A, "para 36"),
    _row("report-days", "10", "working days", _START, "a sister act of the National Bank, by the press", C, "reports"),
    _row("complaint-answer-days", "15", "working days", _START, _CHOICE, C, "para 7, part 7"),
    _row("clock-warning-days", "1", "working days before", _START, _CHOICE, A, "para 13"),
    _row("clock-warning-hour", "9", "o'clock in Almaty", _START, _CHOICE, A, "para 13"),
)

_WATCHES = (
    _row("access-records-per-hour", "60", "records a person", _START, _CHOICE, A, "para 13, part 1"),
    _row("staff-log-ins-failed-per-hour", "10", "of one account", _START, _CHOICE, A, "para 13, part 1"),
    _row("staff-log-ins-failed-per-hour-all", "50", "of all accounts", _START, _CHOICE, A, "para 13, part 1"),
)

ROWS: tuple[PolicyRow, ...] = (
    *_MONEY, *_DUE_DILIGENCE, *_WAITING, *_AFTER, *_IDENTIFICATION, *_LOG_IN, *_CHANNELS, *_CLOCKS, *_WATCHES,
)  # fmt: skip
