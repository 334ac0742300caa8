"""Names of lines that come from elsewhere: products, and grounds of refusals."""

from __future__ import annotations

from rules.products import PRODUCTS
from rules.report_facts import UNKNOWN
from rules.report_forms import Words, words
from rules.reports_cases import WITHOUT_GROUND

GROUNDS: dict[str, Words] = {
    "account-not-owned": words("Шот клиенттікі емес", "Счёт принадлежит не клиенту", "Account is not the client's"),
    "age-above-product": words("Жасы өнім шегінен асады", "Возраст выше предела продукта", "Age above the product's"),
    "age-below-minimum": words("Жасы жетпеген", "Возраст меньше допустимого", "Age below the minimum"),
    "aml-hit": words("Тізімде бар", "Есть в перечне", "On a sanctions list"),
    "amount-above-law": words("Сома заң шегінен асады", "Сумма выше предела закона", "Amount above the law's limit"),
    "amount-outside-product": words("Өнімде мұндай сома жоқ", "Сумма вне продукта", "Amount outside the product"),
    "antifraud-listed": words("Антифрод тізімінде", "В списке антифрод-центра", "On the anti-fraud list"),
    "bank-debt-overdue": words("Банк қарызы кешіктірілген", "Просрочен банковский заём", "Bank debt overdue"),
    "debt-burden-too-high": words("Борыштық жүктеме жоғары", "Долговая нагрузка выше предела", "Debt burden too high"),
    "microcredit-overdue": words("Микрокредит кешіктірілген", "Просрочен микрокредит", "Microcredit overdue"),
    "product-not-for-client": words("Өнім клиентке арналмаған", "Продукт не для клиента", "Product not for the client"),
    "review-refused": words("Қызметкер бас тартты", "Отказал сотрудник", "Refused by a person"),
    "term-outside-product": words("Өнімде мұндай мерзім жоқ", "Срок вне продукта", "Term outside the product"),
    "voluntary-refusal": words("Өз еркімен бас тарту", "Добровольный отказ", "Voluntary refusal"),
    WITHOUT_GROUND: words("Негізсіз", "Без основания", "Without a ground"),
}


def labels() -> dict[str, dict[str, dict[str, str]]]:
    """The names that a snapshot carries with it, so that it is read years later as it was meant."""
    products = {one.code: dict(one.names) for one in PRODUCTS}
    products[UNKNOWN] = dict(words("белгісіз", "неизвестен", "unknown"))
    return {"product": products, "ground": {code: dict(names) for code, names in GROUNDS.items()}}
