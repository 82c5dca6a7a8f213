"""Cells and sheet names of a workbook. Text stays text, whatever it begins with."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from xlsxwriter import Workbook
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from kontora_workflows.reports.document import Money, Value
from kontora_workflows.reports.formats import currency_sign, minor_digits, show
from kontora_workflows.reports.words import Language, words

#: A spreadsheet keeps this many significant digits of a number, and no more.
EXACT_DIGITS = 15
#: Spreadsheets know no earlier dates.
FIRST_YEAR = 1900
#: The most characters that a cell holds.
CELL_LETTERS = 32_767
#: The most characters that the name of a sheet holds.
NAME_LETTERS = 31
LETTERS_PER_LINE = 105
LINE_POINTS = 15

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_NOT_IN_NAMES = str.maketrans("[]:*?/\\", "()-----")

_STYLES: dict[str, dict[str, object]] = {
    "plain": {},
    "title": {"bold": True, "font_size": 16},
    "subtitle": {"bold": True, "font_size": 12},
    "heading": {"bold": True, "bottom": 2, "text_wrap": True, "valign": "bottom"},
    "number heading": {"bold": True, "bottom": 2, "text_wrap": True, "valign": "bottom", "align": "right"},
    "quiet": {"font_color": "#57616A"},
    "wrapped": {"text_wrap": True, "valign": "top"},
    "flag": {"text_wrap": True, "valign": "top", "bg_color": "#FFF0C2", "font_color": "#5B3A00", "italic": True},
    "notice": {"bold": True, "font_color": "#B04A1D"},
    "link": {"font_color": "#0B5A69", "underline": 1},
    "number text": {"align": "right"},
}


class Cells:
    """Writes values into cells in the formats of one language."""

    def __init__(self, workbook: Workbook, language: Language) -> None:
        self._workbook, self._language = workbook, language
        self._formats: dict[tuple[str, str, bool], Format] = {}

    def style(self, name: str, number_format: str = "", *, quoted: bool = False) -> Format:
        """Return a named look, made once. `quoted`: editing the cell does not turn its text into a formula."""
        key = (name, number_format, quoted)
        if key not in self._formats:
            numbers = {"num_format": number_format} if number_format else {}
            self._formats[key] = self._workbook.add_format({**_STYLES[name], **numbers, "quote_prefix": quoted})
        return self._formats[key]

    def text(self, sheet: Worksheet, row: int, column: int, text: str, style: str = "plain") -> None:
        """Write text as text: never a formula, a link or a number."""
        quoted = text.startswith(_FORMULA_STARTS)
        cut = text if len(text) <= CELL_LETTERS else text[: CELL_LETTERS - 1] + "…"
        sheet.write_string(row, column, cut, self.style(style, quoted=quoted))

    def paragraph(self, sheet: Worksheet, row: int, last_column: int, text: str, style: str) -> None:
        """Write wrapped text across the columns up to `last_column`, in a row as high as it needs."""
        sheet.merge_range(row, 0, row, last_column, "", self.style(style))
        self.text(sheet, row, 0, text, style)
        lines = sum(1 + len(line) // LETTERS_PER_LINE for line in text.split("\n"))
        sheet.set_row(row, min(400, LINE_POINTS * lines))

    def value(self, sheet: Worksheet, row: int, column: int, value: Value, currency: str | None = None) -> None:
        """Write a value as what it is. An amount in `currency` goes without its sign, because the heading has it."""
        if isinstance(value, Money):
            self._number(sheet, row, column, value.amount, value, self._money_format(value, currency))
        elif isinstance(value, Decimal | int):
            self._number(sheet, row, column, Decimal(value), value, _number_format(Decimal(value)))
        elif isinstance(value, date) and not isinstance(value, datetime) and value.year >= FIRST_YEAR:
            pattern = "dd.mm.yyyy" if self._language == "ru" else "d mmm yyyy"
            sheet.write_datetime(row, column, value, self.style("plain", pattern))
        elif value is not None:
            self.text(sheet, row, column, show(value, self._language))

    def width(self, value: Value) -> int:
        """Return about how many characters wide a value is."""
        return len(show(value, self._language))

    def _number(self, sheet: Worksheet, row: int, column: int, number: Decimal, value: Value, pattern: str) -> None:
        if len(number.normalize().as_tuple().digits) <= EXACT_DIGITS:
            sheet.write_number(row, column, float(number), self.style("plain", pattern))
            return
        self.text(sheet, row, column, show(value, self._language), "number text")
        sheet.write_comment(row, column, words(self._language).as_text, {"author": "Kontora"})

    def _money_format(self, value: Money, currency: str | None) -> str:
        pattern = _number_format(value.amount, minor_digits(value.currency))
        sign = currency_sign(value.currency, self._language)
        return pattern if value.currency == currency else f'{pattern}\\ "{sign}"'


def sheet_names(titles: list[str]) -> list[str]:
    """Return a name for each title that a workbook accepts: short, without signs it refuses, each once."""
    names: list[str] = []
    taken = {"history"}
    for title in titles:
        clean = title.translate(_NOT_IN_NAMES).strip(" '") or "1"
        name, count = clean[:NAME_LETTERS].rstrip(" '"), 1
        while name.casefold() in taken:
            count += 1
            ending = f" {count}"
            name = clean[: NAME_LETTERS - len(ending)].rstrip(" '") + ending
        taken.add(name.casefold())
        names.append(name)
    return names


def _number_format(number: Decimal, digits: int = 0) -> str:
    exponent = number.normalize().as_tuple().exponent
    places = max(digits, -exponent if isinstance(exponent, int) else 0)
    return "#,##0." + "0" * places if places else "#,##0"
