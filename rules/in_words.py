"""Numbers, sums and rates in words, Russian and Kazakh, as contracts need them.

>>> money_in_words(Money("150021.05"), "ru")
'сто пятьдесят тысяч двадцать один тенге 05 тиын'
>>> money_in_words(Money("150021.05"), "kk")
'бір жүз елу мың жиырма бір теңге 05 тиын'
>>> percent_in_words(Decimal("45.12"), "ru")
'сорок пять целых двенадцать сотых процента'
>>> percent_in_words(Decimal("45.12"), "kk")
'қырық бес бүтін жүзден он екі пайыз'
"""

from __future__ import annotations

from decimal import Decimal

from rules.money import Money

_RU_UNITS = "ноль один два три четыре пять шесть семь восемь девять десять одиннадцать двенадцать тринадцать"
_RU_SMALL = f"{_RU_UNITS} четырнадцать пятнадцать шестнадцать семнадцать восемнадцать девятнадцать".split()
_RU_TENS = (
    ["-", "-", "двадцать", "тридцать", "сорок", "пятьдесят", "шестьдесят", "семьдесят", "восемьдесят", "девяносто"]
)  # fmt: skip
_RU_HUNDREDS = (
    ["-", "сто", "двести", "триста", "четыреста", "пятьсот", "шестьсот", "семьсот", "восемьсот", "девятьсот"]
)  # fmt: skip
_RU_GROUPS = (
    ("", "", ""),
    ("тысяча", "тысячи", "тысяч"),
    ("миллион", "миллиона", "миллионов"),
    ("миллиард", "миллиарда", "миллиардов"),
)
_KK_UNITS = ["нөл", "бір", "екі", "үш", "төрт", "бес", "алты", "жеті", "сегіз", "тоғыз"]
_KK_TENS = ["-", "он", "жиырма", "отыз", "қырық", "елу", "алпыс", "жетпіс", "сексен", "тоқсан"]
_KK_GROUPS = ("", "мың", "миллион", "миллиард")
_LIMIT = 10**12


def plural_ru(number: int, one: str, few: str, many: str) -> str:
    """The Russian form after a number.

    >>> [plural_ru(n, "рубль", "рубля", "рублей") for n in (1, 2, 5, 11, 21, 112)]
    ['рубль', 'рубля', 'рублей', 'рублей', 'рубль', 'рублей']
    """
    if number % 10 == 1 and number % 100 != 11:
        return one
    return few if number % 10 in (2, 3, 4) and number % 100 not in (12, 13, 14) else many


def in_words(number: int, language: str, *, feminine: bool = False) -> str:
    """A whole number below a trillion in words. feminine: одна, две (Russian only).

    >>> in_words(2_001_612, "ru"), in_words(1000, "ru"), in_words(1000, "kk")
    ('два миллиона одна тысяча шестьсот двенадцать', 'одна тысяча', 'бір мың')
    """
    if not 0 <= number < _LIMIT:
        raise ValueError("only numbers below a trillion have words here")
    words: list[str] = []
    for power in (3, 2, 1, 0):
        group = number // 1000**power % 1000
        if not group:
            continue
        if language == "ru":
            words += _group_ru(group, feminine=power == 1 or (power == 0 and feminine))
            words.append(plural_ru(group, *_RU_GROUPS[power]))
        else:
            words += _group_kk(group)
            words.append(_KK_GROUPS[power])
    return " ".join(filter(None, words)) or (_RU_SMALL[0] if language == "ru" else _KK_UNITS[0])


def _group_ru(group: int, *, feminine: bool) -> list[str]:
    words = [_RU_HUNDREDS[group // 100]] if group >= 100 else []
    rest = group % 100
    if rest >= 20:
        words.append(_RU_TENS[rest // 10])
        rest %= 10
    if rest:
        words.append({1: "одна", 2: "две"}.get(rest, _RU_SMALL[rest]) if feminine else _RU_SMALL[rest])
    return words


def _group_kk(group: int) -> list[str]:
    words = [_KK_UNITS[group // 100], "жүз"] if group >= 100 else []
    if group % 100 >= 10:
        words.append(_KK_TENS[group % 100 // 10])
    if group % 10:
        words.append(_KK_UNITS[group % 10])
    return words


def money_in_words(amount: Money, language: str) -> str:
    """Tenge in words, tiyn in digits: as payment papers write it."""
    tiyn = int(amount.root * 100)
    currency = "тенге" if language == "ru" else "теңге"
    return f"{in_words(tiyn // 100, language)} {currency} {tiyn % 100:02d} тиын"


def percent_in_words(rate: Decimal, language: str) -> str:
    """A rate with two decimals in words."""
    whole, hundredths = divmod(int((rate * 100).to_integral_value()), 100)
    if language == "kk":
        return f"{in_words(whole, 'kk')} бүтін жүзден {in_words(hundredths, 'kk')} пайыз"
    wholes = plural_ru(whole, "целая", "целых", "целых")
    parts = plural_ru(hundredths, "сотая", "сотых", "сотых")
    first, second = (in_words(number, "ru", feminine=True) for number in (whole, hundredths))
    return f"{first} {wholes} {second} {parts} процента"
