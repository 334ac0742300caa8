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
TOO_CLOSE = 1e-12  # relative: far above the error of the float sums
MOST_ROWS, MOST_BILLS = 120, 160

# kinds of facts: those of loan_event.code, where RARE is anything else; then what RARE may be
PAID, SHORTER_TERM, SMALLER_INSTALMENT, REFUNDED, RARE = 1, 2, 3, 4, 9
DUE_MOVED, PENALTY_RULE, SUSPENDED, RESUMED, RESTRUCTURED, WRITTEN_OFF = range(11, 17)
DETAILS = 6  # the most numbers that one of them has
BEFORE_DUES = (DUE_MOVED, PENALTY_RULE, SUSPENDED, RESUMED)

# columns of the terms and of the answer
LENT, RATE, PERIODS, METHOD, INTEREST_ONLY, DISBURSED, FIRST_DUE, LENT_ON, RULES = range(9)
(
    PRINCIPAL, PRINCIPAL_DUE, INTEREST_DUE, INTEREST_ACCRUED, PENALTY, ADVANCE, OVERDUE_DAYS, OVERDUE_PRINCIPAL,
    OVERDUE_INTEREST, NEXT_DUE, NEXT_PAYMENT, TOTAL_TO_CLOSE, OVERPAID, INTEREST_CHARGED, PENALTY_CHARGED, PAID_IN,
    GIVEN_BACK, CLOSED, ODD,
) = range(19)  # fmt: skip
# rows of a plan; bills: sums of principal and interest of all bills before one; nights suspended since its due date
ROW_DUE, ROW_PART, ROW_PAY, ROW_NUMBER = range(4)
BILL_DUE, BILLED_PRINCIPAL, BILLED_INTEREST, BILL_SHIFT = range(4)
# variables of a loan that change
(
    V_PRINCIPAL, V_SINCE, V_RUNNING, V_REST, V_CARRIED, V_PASSED, V_COUNT, V_BILLS, V_OLDEST, V_PAID_P, V_PAID_I,
    V_STOP, V_SUSPENDED, V_AGAIN, V_HELD, V_HELD_REST, V_REJOIN, V_REJOIN_SINCE, V_REJOIN_RUNNING, V_REJOIN_REST,
    V_PENALTY, V_GONE, V_FORGIVEN, V_PENALTY_AT, V_YEAR, V_YEAR_END, V_YEAR_PENALTY, V_DAILY, V_DAILY_DAYS, V_LATER,
    V_CAP, V_ADVANCE, V_OVERPAID, V_PAID, V_REFUNDED, V_CHARGED, V_CLOSED, V_ODD, V_RATE, V_METHOD, V_FREE, V_LENT,
    V_LENT_ON,
) = range(43)  # fmt: skip
VARIABLES = 43
# a set of rules; the last five are the waterfall: what is paid first, and so on
R_DAILY, R_DAILY_DAYS, R_LATER, R_CAP, R_STOP, R_ORDER = range(6)
R_END = R_ORDER + 5
PAY_LATE_PRINCIPAL, PAY_LATE_INTEREST, PAY_PENALTY, PAY_PRINCIPAL, PAY_INTEREST = range(5)
