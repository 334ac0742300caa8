"""Where a microcredit goes: the client's account or card, a seller, a cash desk, a terminal.

What the client gave is sealed with the application as one JSON text. An application of an earlier release holds a bare
IBAN there and is read all the same.

Rules: para 8, part 6; para 8, part 7; para 9.
"""

from __future__ import annotations

import json
import re
from uuid import UUID

from rules.errors import InvalidInput
from rules.evidence import Frozen
from rules.money import Money
from rules.policy import PolicySet
from rules.products import Purpose, ReceivingMethod

_TOKEN = re.compile(r"[A-Za-z0-9_-]{16,128}", re.ASCII)
# digits in a row, also in the groups that people write and machines make
_DIGITS = re.compile(r"[0-9](?:[ ._-]?[0-9])*", re.ASCII)
_CARD_LENGTHS = range(13, 20)

# How a payment leaves, as outbound payments and the ledger name it.
CHANNELS = {
    ReceivingMethod.OWN_ACCOUNT: "bank",
    ReceivingMethod.OWN_CARD: "card",
    ReceivingMethod.MERCHANT: "merchant",
    ReceivingMethod.CASH_DESK: "cash-desk",
    ReceivingMethod.CASH_TERMINAL: "terminal",
}
MERCHANT_ACT = "merchant-payment"
CASH = frozenset({ReceivingMethod.CASH_DESK, ReceivingMethod.CASH_TERMINAL})


class Receiving(Frozen):
    """How the client gets the money. Personal data where it names an account or a card.

    value: IBAN | token of a card | id of a partner | code of a desk | empty for any terminal.

    >>> Receiving.read('KZ86125KZT5004100100').method.value
    'OWN_ACCOUNT'
    >>> Receiving.read(Receiving(method=ReceivingMethod.CASH_DESK, value="almaty-1").written()).value
    'almaty-1'
    """

    method: ReceivingMethod
    value: str = ""

    @property
    def channel(self) -> str:
        """bank | card | merchant | cash-desk | terminal."""
        return CHANNELS[self.method]

    def written(self) -> str:
        """As it is sealed: JSON with kind and value."""
        return json.dumps({"kind": self.method.value, "value": self.value}, ensure_ascii=False)

    @classmethod
    def read(cls, text: str) -> Receiving:
        """What was sealed; a bare account number is one of an earlier release."""
        if not text.startswith("{"):
            return cls(method=ReceivingMethod.OWN_ACCOUNT, value=text)
        stored = json.loads(text)
        return cls(method=ReceivingMethod(stored["kind"]), value=stored["value"])


def validate_card_token(token: str, field: str = "/card_token") -> str:
    """The token by which the bank knows the client's card; the bank's own form gave it to the client.

    >>> validate_card_token("crd_b7e1f0c2a94d4c7f8a51")
    'crd_b7e1f0c2a94d4c7f8a51'

    Raises:
        InvalidInput: `card-number-given`: this looks like the number of a card, which must never come here;
            `card-token-format`.
    """
    if looks_like_card_number(token):
        raise InvalidInput("card-number-given", "the number of a card is never sent here", field=field)
    if not _TOKEN.fullmatch(token):
        raise InvalidInput("card-token-format", "16 to 128 letters, digits, - or _", field=field)
    return token


def looks_like_card_number(text: str) -> bool:
    """Whether a card's number stands in a text, or is all of it with a digit mistyped.

    A random token of 32 hexadecimal digits holds such a run by chance about twice in a thousand; then the bank's form
    is asked for another.

    >>> looks_like_card_number("4111 1111-1111 1111"), looks_like_card_number("4111111111111112")
    (True, True)
    >>> looks_like_card_number("b7e1f0c2a94d4c7f8a51b7e1f0c2a94d")
    False
    """
    for run in _DIGITS.finditer(text):
        digits = re.sub(r"[^0-9]", "", run.group())
        if len(digits) in _CARD_LENGTHS and (_luhn(digits) or run.group() == text.strip()):
            return True
    return False


def _luhn(digits: str) -> bool:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def check_purpose(method: ReceivingMethod, purpose: Purpose, field: str = "/receiving/method") -> None:
    """Whether money may go this way for this purpose. Rules: para 8, part 6.

    Raises:
        InvalidInput: `merchant-for-goods-only`.
    """
    if method is ReceivingMethod.MERCHANT and purpose is not Purpose.GOODS:
        raise InvalidInput("merchant-for-goods-only", "a seller is paid for goods", field=field)


def merchant_act(application_id: UUID) -> str:
    """What a face that confirms a payment to a seller is shown for: this application's payment and no other."""
    return f"{MERCHANT_ACT}:{application_id}"


def at_a_terminal(rules: PolicySet) -> Money:
    """The most that a terminal hands out; above it nobody but a cashier does, with a second person."""
    return Money(rules.number("terminal-most-tenge"))


def exempt_from_waiting(method: ReceivingMethod, purpose: Purpose) -> bool:
    """Whether the waiting time does not apply: goods, paid to their seller. Rules: law 205-VIII."""
    return method is ReceivingMethod.MERCHANT and purpose is Purpose.GOODS
