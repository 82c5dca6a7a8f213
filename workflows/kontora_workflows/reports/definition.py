"""What a `report` step says: sections whose figures come from tool calls, and prose that comments on them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, Protocol, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

#: A text in one language, or in several: `{en: "Total", ru: "Всего"}`.
Text = str | dict[Literal["en", "ru"], str]

#: `${{ steps.ageing.total }}`
Reference = Annotated[str, Field(pattern=r"^\$\{\{.*\}\}$")]

#: How a value is shown: money in the currency of the section, a whole or decimal number, a date, or text.
ValueType = Literal["money", "number", "date", "text"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Typed(Protocol):
    @property
    def type(self) -> ValueType: ...


class FigureDefinition(_Part):
    """One headline figure."""

    label: Text
    value: Reference
    type: ValueType = "money"


def _refuse_money(key: str, parts: Sequence[_Typed]) -> None:
    """Raise an error that points at the first amount; an amount without a currency says nothing."""
    for position, part in enumerate(parts):
        if part.type == "money":
            error = PydanticCustomError("money", f"an amount needs `currency` beside `{key}`, or `type: number`")
            place = InitErrorDetails(type=error, loc=(key, position, "type"), input=part.type)
            raise ValidationError.from_exception_data("Section", [place])


class FiguresSection(_Part):
    """A row of headline figures."""

    figures: list[FigureDefinition] = Field(min_length=1)
    currency: Reference | None = None

    @model_validator(mode="after")
    def _money_has_a_currency(self) -> Self:
        if self.currency is None:
            _refuse_money("figures", self.figures)
        return self


class ChartDefinition(_Part):
    """A bar chart of one list."""

    title: Text
    rows: Reference
    label: str = Field(description="field of a row that names the bar")
    value: str = Field(description="field of a row that gives the length of the bar")
    names: dict[str, Text] = Field(default_factory=dict, description="what to call a bar instead of its label")
    currency: Reference | None = Field(None, description="currency of the values; plain numbers if left out")


class ChartSection(_Part):
    """A chart, with the same numbers as a table for those who cannot see it."""

    chart: ChartDefinition


class ColumnDefinition(_Part):
    """One column of a table."""

    field: str
    title: Text
    type: ValueType = "text"


_NOTHING: Text = {"en": "Nothing to show.", "ru": "Нет данных."}


class TableDefinition(_Part):
    """A table of one list."""

    title: Text
    rows: Reference
    columns: list[ColumnDefinition] = Field(min_length=1)
    currency: Reference | None = None
    empty: Text = Field(_NOTHING, description="said when there are no rows")

    @model_validator(mode="after")
    def _money_has_a_currency(self) -> Self:
        if self.currency is None:
            _refuse_money("columns", self.columns)
        return self


class TableSection(_Part):
    """A table."""

    table: TableDefinition


class ProseDefinition(_Part):
    """What an agent wrote."""

    title: Text
    step: str = Field(description="id of the agent step")


class ProseSection(_Part):
    """An agent's comment. Figures without a source are marked."""

    prose: ProseDefinition


Section = FiguresSection | ChartSection | TableSection | ProseSection


class ReportDefinition(_Part):
    """A report: title, sections, file formats."""

    title: Text
    subtitle: Text | None = None
    language: str = Field("en", description="`en`, `ru` or a reference to an input")
    sections: list[Section] = Field(min_length=1)
    formats: list[Literal["html", "xlsx"]] = Field(["html", "xlsx"], min_length=1)
