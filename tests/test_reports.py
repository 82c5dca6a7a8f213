"""Reports: every figure says where it came from, names stay data, and both files are the same every time."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kontora_workflows import reports
from kontora_workflows.reports.chart import BARS_WIDTH, draw
from kontora_workflows.reports.definition import ReportDefinition
from kontora_workflows.reports.document import Bar, Chart, Column, Figure, FigureRow, Money, Prose, Table
from kontora_workflows.reports.errors import ReportError
from kontora_workflows.reports.files import report_files
from kontora_workflows.reports.formats import day, moment, money, number
from kontora_workflows.reports.html import render_html
from kontora_workflows.reports.prose import blocks
from kontora_workflows.reports.sheets import sheet_names
from kontora_workflows.reports.words import Language, counted, words
from pydantic import ValidationError

from tests.report_samples import AT, EVIL_NAME, FORMULA_NAME, WRITTEN, book_of, built, cells, one, page_of

#: A busy machine is no failure.
unhurried = settings(deadline=None, max_examples=50)


# What a report is made of


def test_a_report_keeps_the_calls_that_its_figures_came_from_and_no_others() -> None:
    report = built()
    assert [kept.ref for kept in report.sources] == ["call-1", "call-3"]
    assert report.figures[0] == Figure("Открытая задолженность", Money(Decimal("18412907.36"), "RUB"), "call-1")
    assert report.subtitle == "ООО «Контора» · 23.11.2026"


def test_figures_of_the_prose_are_linked_to_the_call_that_returned_them() -> None:
    (prose,) = built().prose
    said = {WRITTEN[link.start : link.end]: link.source for link in prose.links}
    assert said == {"1 027 448,44": "call-1", "40 000,00": "call-3", "02.10.2026": "call-3"}
    assert [WRITTEN[flag.start : flag.end] for flag in prose.ungrounded] == ["312 000,00"]


def test_a_figure_that_two_calls_returned_is_linked_to_the_first() -> None:
    (prose,) = built(written="40 000,00 was paid.", overdue="40000.00").prose
    assert [link.source for link in prose.links] == ["call-1"]


def test_a_report_of_an_unknown_source_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="no such source: call-7"):
        one(FigureRow((Figure("Total", 1, "call-7"),)))


@pytest.mark.parametrize(
    ("changed", "said", "hint"),
    [
        ({"total": 12.5}, "12.5, not an exact number", "decimals as text"),
        ({"total": "NaN"}, "'NaN', not an exact number", "decimals as text"),
        ({"total": "a lot"}, "'a lot', not an exact number", "decimals as text"),
        ({"worsened": {"name": "x"}}, "not a list of records", "Name a list"),
        ({"worsened": [{"nam": "x"}]}, "no field 'name'", "Did you mean 'nam'?"),
        ({"company": {"name": "x", "currency": "roubles"}}, "'roubles', not a currency", "ISO 4217"),
    ],
)
def test_data_that_do_not_fit_are_named_with_what_to_do(changed: dict[str, Any], said: str, hint: str) -> None:
    with pytest.raises(ReportError, match=re.escape(said)) as caught:
        built(**changed)
    assert hint in caught.value.hint


def test_a_report_is_not_written_in_a_language_it_does_not_speak() -> None:
    with pytest.raises(ReportError, match="cannot be written in 'de'") as caught:
        built(language="de")
    assert caught.value.hint == "Choose one of: en, ru."


def test_an_amount_without_a_currency_is_refused_where_it_is_written() -> None:
    figures = [{"label": "Debtors", "value": "${{ a.n }}", "type": "number"}, {"label": "Open", "value": "${{ a.t }}"}]
    with pytest.raises(ValidationError, match="an amount needs `currency` beside `figures`") as caught:
        ReportDefinition.model_validate({"title": "R", "sections": [{"figures": figures}]})
    assert any(error["loc"][-3:] == ("figures", 1, "type") for error in caught.value.errors())


def test_bars_are_called_by_the_names_the_workflow_gives_them() -> None:
    chart = {"title": "By age", "rows": "${{ steps.ageing.buckets }}", "label": "name", "value": "amount"}
    chart["names"] = {"current": {"en": "Not yet due", "ru": "Срок не наступил"}}  # type: ignore[assignment]
    report = built(ReportDefinition.model_validate({"title": "R", "language": "ru", "sections": [{"chart": chart}]}))
    assert [bar.label for bar in report.sections[0].bars] == ["Срок не наступил", "1-30"]  # type: ignore[union-attr]


# How values are written


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", ["1,250.50\u00a0EUR", "\u22121,250\u00a0JPY", "0.125\u00a0KWD", "23\u00a0Nov\u00a02026", "1,289"]),
        ("ru", ["1\u00a0250,50\u00a0€", "\u22121\u00a0250\u00a0JPY", "0,125\u00a0KWD", "23.11.2026", "1\u00a0289"]),
    ],
)
def test_values_are_written_as_the_language_does(language: Language, said: list[str]) -> None:
    amounts = [Money(Decimal("1250.5"), "EUR"), Money(Decimal("-1250"), "JPY"), Money(Decimal("0.125"), "KWD")]
    shown = [money(amount, language) for amount in amounts]
    assert [*shown, day(date(2026, 11, 23), language), number(1289, language)] == said


def test_digits_beyond_the_minor_unit_are_shown_and_not_rounded_away() -> None:
    assert money(Money(Decimal("1.005"), "EUR"), "en") == "1.005\u00a0EUR"
    assert number(Decimal("1E+3"), "en") == "1,000"


@unhurried
@given(st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=-(10**18), max_value=10**18))
def test_a_written_number_can_be_read_back_exactly(value: Decimal) -> None:
    assert Decimal(number(value, "en").replace(",", "").replace("\u2212", "-")) == value
    assert Decimal(number(value, "ru").replace("\u00a0", "").replace(",", ".").replace("\u2212", "-")) == value


def test_times_are_written_with_their_zone() -> None:
    assert moment(AT, "en") == "23\u00a0Nov\u00a02026, 02:00\u00a0UTC"
    assert moment(AT.astimezone(timezone(timedelta(hours=3))), "ru") == "23.11.2026, 05:00\u00a0UTC+03:00"


def test_russian_nouns_agree_with_their_number() -> None:
    forms = ("счёт", "счёта", "счетов")
    said = {n: counted(n, forms, "ru").split("\u00a0")[1] for n in (0, 1, 2, 5, 11, 12, 21, 22, 111, 114, 1001)}
    assert [n for n, form in said.items() if form == "счёт"] == [1, 21, 1001]
    assert [n for n, form in said.items() if form == "счёта"] == [2, 22]
    assert counted(1, ("row", "rows"), "en") == "1\u00a0row"


# The page


@pytest.mark.parametrize("language", ["en", "ru"])
def test_the_page_links_every_figure_chart_and_table_to_its_tool_call(language: str) -> None:
    report = built(language=language)
    page = page_of(report)
    anchors = {attributes["id"] for _, attributes in page.tags if "id" in attributes}
    links = [str(link["href"]) for link in page.all("a")]
    assert all(link.startswith("#") and link[1:] in anchors for link in links)
    assert len([link for link in page.all("a") if link.get("class") == "source"]) == 4 + 1 + 2
    assert "erp.receivables_ageing" in page.words
    assert "ab" * 32 in page.words
    assert '"company": "1"' in page.words
    assert page.all("html") == [{"lang": language}]


def test_the_page_asks_the_network_for_nothing() -> None:
    page = render_html(built())
    assert not re.search(rb"https?:|//[a-z]|@import|url\(|<script|<iframe|\bon[a-z]+=", page)
    references = [a[name] for _, a in page_of(built()).tags for name in ("src", "href", "xlink:href") if name in a]
    assert {reference for reference in references if not str(reference).startswith("#")} == {"data:,"}
    policy = next(a["content"] for a in page_of(built()).all("meta") if "http-equiv" in a)
    assert str(policy).startswith("default-src 'none'")


def test_on_paper_links_are_plain_headings_repeat_and_a_flag_has_a_border() -> None:
    style = render_html(built()).decode()
    paper = style[style.index("@media print") : style.index("</style>")]
    for rule in (
        "a, a.source, a.backed { color: inherit; text-decoration: none; }",
        "thead { display: table-header-group; }",
        "mark { border: 1px dashed currentColor; }",
    ):
        assert rule in paper
    assert re.search(r"figure, tr,[^{]*\{ break-inside: avoid; }", paper)
    assert "size: A4;" in style


def test_a_name_that_is_a_script_is_shown_and_not_run() -> None:
    report = built(written=f"Call **{EVIL_NAME}** first.", company={"name": EVIL_NAME, "currency": "EUR"})
    page = page_of(report)
    assert page.all("script") == []
    assert page.words.count(EVIL_NAME) >= 3
    assert render_html(built(language="en", written="\ud800\x00 broken"))


def test_a_flagged_figure_is_marked_in_the_text_and_explained_below_it() -> None:
    page = page_of(built())
    assert len(page.all("mark")) == 2
    assert "?1" in page.words
    assert "312 000,00 нет ни в ответах инструментов, ни в задании" in page.words
    assert "1\u00a0значение без источника" in page.words


@pytest.mark.parametrize("language", ["en", "ru"])
def test_scripted_words_are_called_so_wherever_they_appear(language: Language) -> None:
    notice = words(language).rehearsal
    report = built(language=language, rehearsal=True)
    assert page_of(report).words.count(notice) == 2
    assert "qwen3:8b" not in page_of(report).words
    said = [value for value in cells(book_of(report).worksheets[0]) if isinstance(value, str)]
    assert len([value for value in said if notice in value]) == 2
    assert words(language).rehearsal_note in said
    assert notice not in page_of(built(language=language)).words


def test_the_footer_names_the_run_the_model_and_the_inputs() -> None:
    said = page_of(built(language="en")).words
    footer = said[said.rindex("Workflow") :]
    for fact in ("receivables-ageing", "01KAZ4V0M7Q2W8E3R5T6Y9U1P0", "02:00\u00a0UTC", "qwen3:8b", "as_of", "\u2014"):
        assert fact in footer


def test_a_report_without_its_comment_says_so() -> None:
    report = built(written=None, language="en")
    assert words("en").no_comment in page_of(report).words
    assert words("en").no_comment in cells(book_of(report).worksheets[0])
    assert report.models == ()


def test_an_empty_list_is_said_to_be_empty() -> None:
    report = built(language="en", buckets=[])
    assert page_of(report).words.count("Nothing to show.") == 1
    assert "There is nothing to draw." in page_of(report).words
    assert cells(book_of(report).worksheets[3])[-1] == "Nothing to show."


def test_an_unknown_amount_is_a_dash_and_never_zero() -> None:
    table = Table("T", (Column("Open", "money", "EUR"),), ((None,), (Money(Decimal(0), "EUR"),)), "", None)
    said = page_of(one(table)).words
    assert "\u2014" in said
    assert "0.00" in said
    assert "not from a tool call" in said


# The chart


def chart_of(*values: str | None) -> Chart:
    bars = tuple(Bar(f"bar {n}", None if v is None else Money(Decimal(v), "EUR")) for n, v in enumerate(values))
    return Chart("Chart", bars, "EUR", None)


def test_bars_below_zero_grow_to_the_left_of_the_zero_line() -> None:
    drawing = draw(chart_of("75", "-25", None), "en")
    up, down, unknown = drawing.bars
    assert drawing.zero == up.x == BARS_WIDTH / 4
    assert (down.x, down.width, down.negative) == (Decimal(0), BARS_WIDTH / 4, True)
    assert (unknown.width, unknown.shown) == (Decimal(0), "\u2014")
    assert "bar 1: \u221225.00\u00a0EUR" in drawing.description


def test_a_chart_of_zeros_has_bars_of_no_width() -> None:
    drawing = draw(chart_of("0", "0.00"), "en")
    assert [drawing.zero, *(bar.width for bar in drawing.bars)] == [Decimal(0)] * 3


@unhurried
@given(st.lists(st.decimals(-(10**15), 10**15, places=2, allow_nan=False), min_size=1, max_size=8))
def test_no_bar_leaves_the_drawing(values: list[Decimal]) -> None:
    for bar in draw(chart_of(*map(str, values)), "en").bars:
        assert bar.x >= 0
        assert bar.x + bar.width <= BARS_WIDTH + Decimal("0.42")


def test_a_long_label_is_cut_after_two_lines_and_told_in_full() -> None:
    chart = Chart("Chart", (Bar("Торговый дом " * 20, Decimal(1)),), None, None)
    (bar,) = draw(chart, "ru").bars
    assert len(bar.lines) == 2
    assert bar.lines[1][1].endswith("…")
    assert bar.label in page_of(one(chart, "ru")).words


def test_the_chart_can_be_read_without_seeing_it() -> None:
    page = page_of(built(language="en"))
    (svg,) = page.all("svg")
    named = str(svg["aria-labelledby"]).split()
    assert named == [page.all("title")[1]["id"], page.all("desc")[0]["id"]]
    assert "Not yet due: 9,292,452.26\u00a0RUB; 1-30: \u22121,380,115.00\u00a0RUB" in page.words


# The prose


def test_a_little_markdown_is_understood() -> None:
    text = "## Facts\nTwo **big** debtors:\n* one\n* two\n3. three\nand more\n\n2 ** 3 ** 4"
    found = [(block.kind, block.text) for block in blocks(Prose("P", text))]
    assert found == [
        ("heading", "Facts"),
        ("paragraph", "Two big debtors:"),
        ("item", "one"),
        ("item", "two"),
        ("numbered", "three\nand more"),
        ("paragraph", "2 ** 3 ** 4"),
    ]


@unhurried
@given(st.text(alphabet="ab1,. \n*#-\r\u2028\u0085", max_size=60))
def test_no_word_of_a_prose_is_lost(text: str) -> None:
    kept = "".join(block.text for block in blocks(Prose("P", text)))
    assert re.findall("[ab]", kept) == re.findall("[ab]", text)


# The palette


def palettes() -> list[dict[str, str]]:
    style = (Path(reports.__file__).parent / "assets" / "report.css").read_text(encoding="utf-8")
    blocks_of_variables = re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    found = [dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", block)) for block in blocks_of_variables]
    return [palette for palette in found if palette]


def contrast(one: str, other: str) -> float:
    def luminance(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_text_and_bars_stand_out_in_light_and_in_dark() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    light, dark = palettes()
    assert light["page"] != dark["page"]
    pairs = [(ink, paper) for ink in ("ink", "muted", "accent") for paper in ("page", "panel")]
    for palette in (light, dark):
        for ink, paper in [*pairs, ("flag-ink", "flag")]:
            assert contrast(palette[ink], palette[paper]) >= 4.5, (ink, paper)
        assert min(contrast(palette[bar], palette["page"]) for bar in ("bar", "below")) >= 3


# The workbook


def test_the_workbook_holds_numbers_and_dates_as_what_they_are() -> None:
    columns = (Column("Day", "date"), Column("Open", "money", "EUR"), Column("Count", "number"))
    row = (date(2026, 11, 23), Money(Decimal("1250.50"), "EUR"), Decimal(7))
    book = book_of(one(Table("Invoices", columns, (row,), "", None)))
    when, amount, count = (book["Invoices"].cell(5, column) for column in (1, 2, 3))
    assert (when.value, amount.value, count.value) == (datetime(2026, 11, 23), 1250.5, 7)  # noqa: DTZ001
    assert (amount.number_format, when.is_date) == ("#,##0.00", True)
    assert book["Invoices"]["B4"].value == "Open, EUR"
    assert book["Invoices"].freeze_panes == "B5"


@unhurried
@given(st.decimals(-(10**13) + 1, 10**13 - 1, places=2, allow_nan=False))
def test_no_cent_is_lost_up_to_fifteen_digits(value: Decimal) -> None:
    book = book_of(one(FigureRow((Figure("Total", Money(value, "EUR"), None),))))
    held = book.worksheets[0]["B5"].value
    assert Decimal(f"{held:.15g}") == value


def test_an_amount_too_long_for_a_spreadsheet_is_written_as_text_with_a_note() -> None:
    book = book_of(one(FigureRow((Figure("Total", Money(Decimal("12345678901234.56"), "EUR"), None),))))
    cell = book.worksheets[0]["B5"]
    assert cell.value == "12,345,678,901,234.56\u00a0EUR"
    assert words("en").as_text in cell.comment.text


def test_a_name_that_looks_like_a_formula_stays_text() -> None:
    sheet = book_of(built()).worksheets[2]
    cell = next(cell for row in sheet.iter_rows() for cell in row if cell.value == FORMULA_NAME)
    assert (cell.data_type, cell.quotePrefix) == ("s", True)
    assert all(c.data_type != "f" for sheet in book_of(built()).worksheets for row in sheet.iter_rows() for c in row)


def test_the_workbook_has_a_native_chart_and_links_figures_to_their_source() -> None:
    book = book_of(built(language="en"))
    titles = ["Summary", "By days past due", "Where it got worse", "Largest debtors", "Sources"]
    assert book.sheetnames == titles
    (chart,) = book["By days past due"]._charts
    assert chart.series[0].val.numRef.f == "'By days past due'!$B$5:$B$6"
    filled = [cell for sheet in book.worksheets for row in sheet.iter_rows() for cell in row if cell.hyperlink]
    links = [(cell.hyperlink.location, cell.value) for cell in filled]
    assert links.count(("'Sources'!A2", "Source 1: erp.receivables_ageing")) == 4 + 1 + 1 + 2
    assert links.count(("'Sources'!A3", "Source 2: erp.payments")) == 1
    assert [book["Sources"].cell(3, column).value for column in (1, 2, 6)] == [2, "erp.payments", "call-3"]


def test_sheets_have_names_that_a_workbook_accepts() -> None:
    names = sheet_names(["a/b:c*d?[e]", "x" * 40, "X" * 40, "History", "''", "Итого", "итого"])
    assert names == ["a-b-c-d-(e)", "x" * 31, "X" * 29 + " 2", "History 2", "1", "Итого", "итого 2"]


# The files


@pytest.mark.parametrize("language", ["en", "ru"])
def test_the_same_report_gives_the_same_bytes(language: str) -> None:
    first, second = (report_files(built(language=language), ["html", "xlsx"]) for _ in range(2))
    assert first == second
    assert [file.name for file in first] == [f"receivables-ageing-2026-11-23.{kind}" for kind in ("html", "xlsx")]
    assert book_of(built(language=language)).properties.created == AT.replace(tzinfo=None)
    later = replace(built(language=language), generated_at=AT + timedelta(minutes=1))
    assert [file.content for file in report_files(later, ["html", "xlsx"])] != [file.content for file in first]
