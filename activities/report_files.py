"""A computed report as files: XLSX for the regulator's portal, JSON for programs, PDF for people.

Pure: the same snapshot gives the same bytes on any day in any process. Times in the files are those of the snapshot.
Numbers are written as whole numbers, amounts in tenge with their tiyn; none passes through a float on our side.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import xlsxwriter

from activities import localised, papers
from rules.calendar import ALMATY
from rules.report_forms import TOTAL, Column, Figure, Form, Row, Unit, Words, text_of
from rules.report_snapshot import Built, canonical

TEMPLATE = "report-1"
MEDIA = {
    "XLSX": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "JSON": "application/json",
    "PDF": "application/pdf",
}
_ROUNDING = {
    "kk": "Сомалар мың теңгемен: 500 теңгеден азы нөлге, 500 теңге және одан көбі мыңға дөңгелектеледі,"
    " әр жол бөлек; қорытынды – көрсетілген жолдардың қосындысы.",
    "ru": "Суммы в тысячах тенге: меньше 500 тенге округляется до нуля, 500 тенге и больше – до тысячи,"
    " каждая строка отдельно; итог – сумма показанных строк.",
}
_NOTHING = {"kk": "", "ru": ""}
_NAME_WIDTH, _CELL_WIDTH, _TEXT_WIDTH = 44, 15, 68


def files_of(built: Built, snapshot_sha256: str) -> dict[str, bytes]:
    """The three files by their formats."""
    return {
        "XLSX": _xlsx(built, snapshot_sha256),
        "JSON": canonical(plain(built, snapshot_sha256)),
        "PDF": _pdf(built, snapshot_sha256),
    }


def plain(built: Built, snapshot_sha256: str) -> dict[str, Any]:
    """The report as plain values: counts and thousand tenge as whole numbers, tenge as text."""
    definition, head = built.report, built.head
    return {
        "report": definition.code,
        "layout": definition.layout,
        "period": head.period,
        "names": dict(definition.names),
        "lender": {"bin": head.lender_bin, "names": head.lender},
        "recipient": {"code": definition.recipient.code, "branch": definition.recipient.branch},
        "signer": definition.signer,
        "taken_at": head.taken_at.isoformat(),
        "snapshot_sha256": snapshot_sha256,
        "facts": built.facts,
        "forms": [_plain_form(built, form) for form in definition.forms],
        "checks": [one.model_dump() for one in built.checks],
    }


def _plain_form(built: Built, form: Form) -> dict[str, Any]:
    return {
        "form": form.code,
        "names": dict(form.names),
        "columns": [{"code": one.code, "unit": one.unit.value, "names": dict(one.names)} for one in form.columns],
        "rows": [
            {"code": row.code, "names": dict(row.names), "cells": cells_of(built, form, row)}
            for row in built.rows[form.code]
        ],
    }


def cells_of(built: Built, form: Form, row: Row) -> dict[str, int | str]:
    """One line of a form by columns, as shown."""
    line = built.figures[form.code][row.code]
    return {
        one.code: text_of(line[one.code], one.unit) if one.unit is Unit.TENGE else line[one.code].shown
        for one in form.columns
        if one.code in line
    }


def figures_of(built: Built) -> dict[str, dict[str, dict[str, int | str]]]:
    """All figures as shown: {form: {row: {column: figure}}}."""
    return {
        form.code: {row.code: cells_of(built, form, row) for row in built.rows[form.code]}
        for form in built.report.forms
    }  # fmt: skip


def _both(names: Words | Mapping[str, str]) -> str:
    return names["kk"] if names["kk"] == names["ru"] else f"{names['kk']} / {names['ru']}"


def _cover(built: Built, snapshot_sha256: str) -> list[tuple[str, str]]:
    head, definition = built.head, built.report
    taken = head.taken_at.astimezone(ALMATY).strftime("%d.%m.%Y %H:%M:%S")
    return [
        ("Есепті кезең / Отчётный период", head.period),
        ("Микроқаржы ұйымы / Микрофинансовая организация", f"{_both(head.lender)}, БСН / БИН {head.lender_bin}"),
        ("Алушы / Получатель", f"{_both(definition.recipient.names)}, {definition.recipient.branch}"),
        ("Деректер алынған уақыт (Алматы) / Данные на (Алматы)", taken),
        ("Жолдар саны / Число записей", str(built.facts)),
        ("SHA-256", snapshot_sha256),
    ]


def _note(built: Built) -> Mapping[str, str]:
    columns = (column for form in built.report.forms for column in form.columns)
    return _ROUNDING if any(one.unit is Unit.THOUSAND for one in columns) else _NOTHING


def _pdf(built: Built, snapshot_sha256: str) -> bytes:
    forms = [
        {
            "code": form.code,
            "names": form.names,
            "columns": form.columns,
            "rows": [
                {"code": row.code, "names": row.names, "cells": list(_texts(built, form, row))}
                for row in built.rows[form.code]
            ],
        }
        for form in built.report.forms
    ]
    html = localised.render(
        "report.html",
        title=built.report.names,
        code=built.report.code,
        period=built.head.period,
        lender=built.head.lender,
        taken_at=built.head.taken_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        template_version=TEMPLATE,
        snapshot_sha256=snapshot_sha256,
        lines=_cover(built, snapshot_sha256),
        forms=forms,
        checks=built.checks,
        note=_note(built),
    )
    return papers.pdf_of(html, TEMPLATE).pdf


def _texts(built: Built, form: Form, row: Row) -> Iterator[str]:
    line = built.figures[form.code][row.code]
    for column in form.columns:
        figure = line.get(column.code)
        yield "" if figure is None else _grouped(figure, column)


def _grouped(figure: Figure, column: Column) -> str:
    """A figure with groups of three digits."""
    if column.unit is Unit.TEXT:
        return str(figure.shown)
    whole, _, tiyn = text_of(figure, column.unit).partition(".")
    text = f"{int(whole):,}".replace(",", "\u00a0")
    return f"{text},{tiyn}" if tiyn else text


class _Book:
    """The workbook with its formats."""

    def __init__(self, built: Built) -> None:
        self.stream = io.BytesIO()
        self.book = xlsxwriter.Workbook(self.stream, {"in_memory": True, "strings_to_formulas": False})
        self.book.set_properties(
            {
                "title": f"{built.report.code} {built.head.period}",
                "author": built.head.lender["ru"],
                "created": built.head.taken_at.replace(tzinfo=None, microsecond=0),
            }
        )
        named: dict[str, dict[str, Any]] = {
            "title": {"bold": True, "font_size": 13},
            "head": {"bold": True, "text_wrap": True, "border": 1, "align": "center", "valign": "top",
                     "bg_color": "#E8EDF3"},
            "text": {"border": 1, "text_wrap": True},
            "whole": {"border": 1, "num_format": "#,##0"},
            "tenge": {"border": 1, "num_format": "#,##0.00"},
        }  # fmt: skip
        self.formats = {name: self.book.add_format(one) for name, one in named.items()}
        self.totals = {name: self.book.add_format(one | {"bold": True}) for name, one in named.items()}

    def sheet(self, name: str) -> Any:
        """A sheet that prints on landscape pages, one page wide."""
        sheet = self.book.add_worksheet(name)
        sheet.set_landscape()
        sheet.set_paper(9)
        sheet.fit_to_pages(1, 0)
        return sheet

    def end(self) -> bytes:
        """The file."""
        self.book.close()
        return self.stream.getvalue()


def _xlsx(built: Built, snapshot_sha256: str) -> bytes:
    book = _Book(built)
    cover = book.sheet("report")
    cover.set_column(0, 0, _NAME_WIDTH)
    cover.set_column(1, 1, _TEXT_WIDTH)
    cover.write_string(0, 0, _both(built.report.names), book.formats["title"])
    for at, (name, value) in enumerate(_cover(built, snapshot_sha256), start=2):
        cover.write_string(at, 0, name, book.formats["text"])
        cover.write_string(at, 1, value, book.formats["text"])
    for at, language in enumerate(("kk", "ru"), start=9):
        cover.write_string(at, 0, _note(built)[language])
    for form in built.report.forms:
        _form_sheet(book, built, form)
    checks = book.sheet("checks")
    checks.set_column(0, 1, _NAME_WIDTH)
    for column, name in enumerate(("rule", "formula", "ok")):
        checks.write_string(0, column, name, book.formats["head"])
    for at, one in enumerate(built.checks, start=1):
        for column, value in enumerate((one.rule, one.formula, "+" if one.ok else "-")):
            checks.write_string(at, column, value, book.formats["text"])
    return book.end()


def _form_sheet(book: _Book, built: Built, form: Form) -> None:
    sheet = book.sheet(form.code)
    sheet.write_string(0, 0, f"{form.code}. {_both(form.names)}", book.formats["title"])
    sheet.set_column(0, 0, _CELL_WIDTH)
    sheet.set_column(1, 1, _NAME_WIDTH)
    sheet.freeze_panes(3, 2)
    for at, name in enumerate(("code", "Жол / Строка")):
        sheet.write_string(2, at, name, book.formats["head"])
    for at, column in enumerate(form.columns, start=2):
        sheet.set_column(at, at, _TEXT_WIDTH if column.unit is Unit.TEXT else _CELL_WIDTH)
        sheet.write_string(1, at, column.code, book.formats["head"])
        sheet.write_string(2, at, f"{column.names['kk']}\n{column.names['ru']}", book.formats["head"])
    for at, row in enumerate(built.rows[form.code], start=3):
        styles = book.totals if row.code == TOTAL else book.formats
        sheet.write_string(at, 0, row.code, styles["text"])
        sheet.write_string(at, 1, _both(row.names), styles["text"])
        for place, column in enumerate(form.columns, start=2):
            figure = built.figures[form.code][row.code].get(column.code)
            if figure is not None:
                _write(sheet, at, place, figure, column, styles)


def _write(sheet: Any, row: int, place: int, figure: Figure, column: Column, styles: Mapping[str, Any]) -> None:
    if column.unit is Unit.TEXT:
        sheet.write_string(row, place, str(figure.shown), styles["text"])
    elif column.unit is Unit.TENGE:
        sheet.write_number(row, place, Decimal(figure.exact).scaleb(-2), styles["tenge"])
    else:
        sheet.write_number(row, place, figure.shown, styles["whole"])
