"""What a contract says of the way the money goes, in Kazakh and Russian.

Rules: para 8, part 6; para 9.
"""

from __future__ import annotations

from activities.localised import iban
from rules.contacts import masked
from rules.desks import known_desk
from rules.evidence import Frozen
from rules.partners import known_partner
from rules.products import ReceivingMethod
from rules.receiving import Receiving

Words = dict[str, str]


class ReceivingWords(Frozen):
    """label and value: of the row on the first page. clause: what is promised. By language."""

    label: Words
    value: Words
    clause: Words


_LABELS = {
    ReceivingMethod.OWN_ACCOUNT: {
        "kk": "Ақша түсетін шот (Қарыз алушының өзінікі)",
        "ru": "Счёт зачисления (собственный счёт Заёмщика)",
    },
    ReceivingMethod.OWN_CARD: {
        "kk": "Ақша түсетін карта (Қарыз алушының өзінікі)",
        "ru": "Карта зачисления (собственная карта Заёмщика)",
    },
    ReceivingMethod.MERCHANT: {"kk": "Ақша төленетін сатушы", "ru": "Продавец, которому платятся деньги"},
    ReceivingMethod.CASH_DESK: {"kk": "Ақша қолма-қол берілетін касса", "ru": "Касса, где выдаются наличные"},
    ReceivingMethod.CASH_TERMINAL: {"kk": "Ақша беру тәсілі", "ru": "Способ выдачи"},
}
_CLAUSES = {
    ReceivingMethod.OWN_ACCOUNT: {
        "kk": "Ақша Қарыз алушының бірінші бетте көрсетілген шотына бір рет аударылады. Банк шот иесі Қарыз алушы "
        "екенін растағанда ғана аударылады.",
        "ru": "Деньги переводятся один раз на счёт Заёмщика, указанный на первой странице. Перевод делается только "
        "тогда, когда банк подтвердил, что владелец счёта – Заёмщик.",
    },
    ReceivingMethod.OWN_CARD: {
        "kk": "Ақша Қарыз алушының бірінші бетте көрсетілген картасына бір рет аударылады. Банк карта Қарыз алушыға "
        "берілгенін растағанда ғана аударылады.",
        "ru": "Деньги переводятся один раз на карту Заёмщика, указанную на первой странице. Перевод делается только "
        "тогда, когда банк подтвердил, что карта выдана Заёмщику.",
    },
    ReceivingMethod.MERCHANT: {
        "kk": "Ақша Қарыз алушы сатып алатын тауар үшін бірінші бетте көрсетілген сатушының шотына бір рет аударылады "
        "және осы күннен бастап Қарыз алушы алған болып саналады. Қарыз алушы осы төлемді биометриялық "
        "сәйкестендірумен растағаннан кейін ғана аударылады.",
        "ru": "Деньги переводятся один раз на счёт продавца, указанного на первой странице, в оплату товара, который "
        "покупает Заёмщик, и с этого дня считаются полученными Заёмщиком. Перевод делается только после того, как "
        "Заёмщик подтвердил именно этот платёж биометрической идентификацией.",
    },
    ReceivingMethod.CASH_DESK: {
        "kk": "Ақша бірінші бетте көрсетілген кассада Қарыз алушының өзіне жеке басын куәландыратын құжатпен немесе "
        "цифрлық құжаттар сервисінің деректерімен және жеке кабинеттегі бір реттік кодпен бір рет қолма-қол беріледі; "
        "заңды тұлғаға – сенімхатпен де.",
        "ru": "Деньги выдаются один раз наличными в кассе, указанной на первой странице, лично Заёмщику по документу, "
        "удостоверяющему личность, или данным сервиса цифровых документов и по одноразовому коду из личного кабинета; "
        "юридическому лицу – ещё и по доверенности.",
    },
    ReceivingMethod.CASH_TERMINAL: {
        "kk": "Ақша терминалда жеке кабинеттегі бір реттік кодпен бір рет қолма-қол беріледі.",
        "ru": "Деньги выдаются один раз наличными в терминале по одноразовому коду из личного кабинета.",
    },
}


def receiving_words(how: Receiving) -> ReceivingWords:
    """The words of one way.

    Raises:
        ValueError: a seller or desk that no list names.
    """
    return ReceivingWords(label=_LABELS[how.method], value=_value(how), clause=_CLAUSES[how.method])


def _value(how: Receiving) -> Words:
    if how.method is ReceivingMethod.MERCHANT:
        seller = known_partner(how.value)
        if seller is None:
            raise ValueError("no such seller")
        terms = f"{iban(seller.iban)}, {seller.bank}"
        return {
            "kk": f"{seller.names['kk']}, БСН {seller.bin}, {terms}; {seller.agreement} келісімі",
            "ru": f"{seller.names['ru']}, БИН {seller.bin}, {terms}; соглашение {seller.agreement}",
        }
    if how.method is ReceivingMethod.CASH_DESK:
        desk = known_desk(how.value)
        if desk is None:
            raise ValueError("no such desk")
        return {language: desk.addresses[language] for language in ("kk", "ru")}
    if how.method is ReceivingMethod.CASH_TERMINAL:
        return {"kk": "терминалда қолма-қол", "ru": "наличными в терминале"}
    if how.method is ReceivingMethod.OWN_CARD:
        return dict.fromkeys(("kk", "ru"), masked(how.value))
    return dict.fromkeys(("kk", "ru"), iban(how.value))
