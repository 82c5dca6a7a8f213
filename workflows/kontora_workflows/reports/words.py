"""The words a report says by itself, in the languages it speaks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Language = Literal["en", "ru"]
LANGUAGES: tuple[Language, ...] = get_args(Language)


@dataclass(frozen=True)
class Words:
    """Every phrase of the page and the workbook. `*_forms` hold the forms that `counted` chooses from."""

    source: str
    sources: str
    sources_note: str
    no_sources: str
    not_from_call: str
    as_table: str
    chart_of: str
    nothing_to_draw: str
    yes: str
    no: str
    written_by: str
    scripted_by: str
    rehearsal: str
    rehearsal_note: str
    no_comment: str
    flagged: str
    generated: str
    run: str
    workflow: str
    models: str
    no_models: str
    inputs: str
    tool: str
    connector: str
    call: str
    arguments: str
    time: str
    result_hash: str
    rows: str
    figure: str
    value: str
    summary: str
    as_text: str
    months: tuple[str, ...]
    row_forms: tuple[str, ...]
    flag_forms: tuple[str, ...]


_EN = Words(
    source="Source",
    sources="Sources",
    sources_note="The figures came from these tool calls, as the business systems answered them. "
    "Figures in a comment that nothing backs are marked there.",
    no_sources="No figure of this report came from a tool call.",
    not_from_call="not from a tool call",
    as_table="The same numbers as a table",
    chart_of="Bar chart",
    nothing_to_draw="There is nothing to draw.",
    yes="yes",
    no="no",
    written_by="Written by agent {author} on {model}",
    scripted_by="Agent {author}",
    rehearsal="rehearsal: scripted, not a language model",
    rehearsal_note="Rehearsal: the comments in this report are scripted, not written by a language model. "
    "Headline figures, charts and tables come from the systems named under Sources.",
    no_comment="There is no comment: the agent that writes it did not run.",
    flagged="is in no tool result and no part of the task",
    generated="Generated",
    run="Run",
    workflow="Workflow",
    models="Language models",
    no_models="none",
    inputs="Inputs",
    tool="Tool",
    connector="Connector",
    call="Call",
    arguments="Arguments",
    time="Time",
    result_hash="Hash of the answer",
    rows="Rows",
    figure="Figure",
    value="Value",
    summary="Summary",
    as_text="Written as text: a spreadsheet number would lose its last digits.",
    months=("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
    row_forms=("row", "rows"),
    flag_forms=("figure without a source", "figures without a source"),
)

_RU = Words(
    source="Источник",
    sources="Источники",
    sources_note="Показатели получены этими вызовами в том виде, в каком их дали учётные системы. "
    "Значения в комментариях, которые ничем не подтверждены, там же отмечены.",
    no_sources="Ни один показатель отчёта не получен вызовом инструмента.",
    not_from_call="не из вызова инструмента",
    as_table="Те же числа таблицей",
    chart_of="Столбчатая диаграмма",
    nothing_to_draw="Показывать нечего.",
    yes="да",
    no="нет",
    written_by="Написал агент {author}, модель {model}",
    scripted_by="Агент {author}",
    rehearsal="репетиция: текст по сценарию, не языковая модель",
    rehearsal_note="Репетиция: комментарии в этом отчёте взяты из сценария, их писала не языковая модель. "
    "Показатели, диаграммы и таблицы получены из систем, названных в разделе «Источники».",
    no_comment="Комментария нет: агент, который его пишет, не запускался.",
    flagged="нет ни в ответах инструментов, ни в задании",
    generated="Составлен",
    run="Запуск",
    workflow="Процесс",
    models="Языковые модели",
    no_models="нет",
    inputs="Параметры",
    tool="Инструмент",
    connector="Коннектор",
    call="Вызов",
    arguments="Аргументы",
    time="Время",
    result_hash="Хеш ответа",
    rows="Строк",
    figure="Показатель",
    value="Значение",
    summary="Сводка",
    as_text="Записано текстом: числовая ячейка потеряла бы последние цифры.",
    months=(),
    row_forms=("строка", "строки", "строк"),
    flag_forms=("значение без источника", "значения без источника", "значений без источника"),
)


def words(language: Language) -> Words:
    """Return the phrases of a language."""
    return _RU if language == "ru" else _EN


def counted(number: int, forms: tuple[str, ...], language: Language) -> str:
    """Return `number` with the form of the noun that goes with it: 1 row, 5 rows; 1 счёт, 2 счёта, 5 счетов.

    `forms` are (one, many) in English and (one, few, many) in Russian.
    """
    return f"{number}\u00a0{forms[_form(number, language)]}"


def _form(number: int, language: Language) -> int:
    if language == "en":
        return 0 if number == 1 else 1
    tens, units = number % 100, number % 10
    if units == 1 and tens != 11:
        return 0
    return 1 if 2 <= units <= 4 and not 12 <= tens <= 14 else 2
