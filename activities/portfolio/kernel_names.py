"""The columns and variables of the compiled fold: numbers of rows, units, limits."""

from __future__ import annotations

SCALE = 10**18
HALF = SCALE // 2
LIMB = 10**9
MOST_DAYS = 4000  # of the table of factors
LARGEST_BALANCE = 8 * 10**9  # tiyn: times the largest factor it stays below 2**63
PENALTY_UNIT = 10**6  # of a tiyn
NEVER = 10**9
ANNUITY, DIFFERENTIATED, BULLET, OWN = 0, 1, 2, 3
SHORTER_TERM, SMALLER_INSTALMENT, REFUNDED = 2, 3, 4  # loan_event.code; 1 is a payment for what is due
TOO_CLOSE = 1e-12  # relative: far above the error of the float sums
MOST_ROWS, MOST_BILLS = 120, 160

# columns of the terms and of the answer
LENT, RATE, PERIODS, METHOD, INTEREST_ONLY, DISBURSED, FIRST_DUE, LENT_ON = range(8)
(
    PRINCIPAL, PRINCIPAL_DUE, INTEREST_DUE, INTEREST_ACCRUED, PENALTY, ADVANCE, OVERDUE_DAYS, OVERDUE_PRINCIPAL,
    OVERDUE_INTEREST, NEXT_DUE, NEXT_PAYMENT, TOTAL_TO_CLOSE, OVERPAID, INTEREST_CHARGED, PENALTY_CHARGED, PAID,
    REFUND, CLOSED, ODD,
) = range(19)  # fmt: skip
# variables of a loan that change
(
    V_PRINCIPAL, V_SINCE, V_RUNNING, V_REST, V_PASSED, V_COUNT, V_BILLS, V_OLDEST, V_PAID_P, V_PAID_I, V_STOP,
    V_PENALTY, V_GONE, V_PENALTY_AT, V_YEAR, V_YEAR_END, V_YEAR_PENALTY, V_ADVANCE, V_OVERPAID, V_PAID,
    V_REFUNDED, V_CHARGED, V_CLOSED, V_ODD, V_RATE, V_CAP, V_METHOD, V_FREE, V_LENT_ON,
) = range(29)  # fmt: skip
VARIABLES = 29
# rules
R_FIRST, R_DAYS, R_LATER, R_CAP, R_STOP = range(5)
