"""References: what they are, what they give, what is said when they lead nowhere."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kontora_workflows.references import (
    Field,
    Index,
    Reference,
    ReferenceFailed,
    ReferenceSyntax,
    Slice,
    Template,
    fill,
    parse,
    texts,
)

quick = settings(max_examples=50, deadline=None)

SCOPE: dict[str, Any] = {
    "inputs": {"as_of": "2026-11-01", "top": 3, "all": True, "nothing": None},
    "steps": {
        "ageing": {
            "total": "1204.50",
            "company": {"name": "Контора", "currency": "EUR"},
            "worsened": [{"name": "A", "id": 1}, {"name": "B", "id": 2}, {"name": "C", "id": 3}],
        }
    },
    "debtor": {"name": "Müller & Söhne"},
}


def render(text: str) -> Any:
    return parse(text).render(SCOPE)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${{ inputs.top }}", 3),
        ("${{inputs.all}}", True),
        ("${{ inputs.nothing }}", None),
        ("${{ steps.ageing.company }}", {"name": "Контора", "currency": "EUR"}),
        ("${{ steps.ageing.worsened[0].name }}", "A"),
        ("${{ steps.ageing.worsened[-1].id }}", 3),
        ("${{ steps.ageing.worsened[:2] }}", SCOPE["steps"]["ageing"]["worsened"][:2]),
        ("${{ steps.ageing.worsened[1:][0].name }}", "B"),
        ("${{ steps.ageing.worsened[5:9] }}", []),
        ("${{ debtor.name }}", "Müller & Söhne"),
    ],
)
def test_a_text_that_is_one_reference_gives_the_value_itself(text: str, value: Any) -> None:
    assert render(text) == value
    assert type(render(text)) is type(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${{ debtor.name }}: ${{ steps.ageing.total }} EUR", "Müller & Söhne: 1204.50 EUR"),
        ("top ${{ inputs.top }}", "top 3"),
        ("all=${{ inputs.all }}", "all=true"),
        ("[${{ inputs.nothing }}]", "[]"),
        (" ${{ inputs.top }}", " 3"),
        ("no reference at all", "no reference at all"),
        ("", ""),
        ("a } } $ { { b", "a } } $ { { b"),
    ],
)
def test_references_inside_a_longer_text_are_put_in_as_text(text: str, value: str) -> None:
    assert render(text) == value


def test_decimals_and_dates_keep_their_figures_inside_a_text() -> None:
    scope = {"paid": Decimal("1E+3"), "due": date(2026, 11, 1), "cents": Decimal("0.10")}
    assert parse("${{ paid }}, ${{ cents }} by ${{ due }}").render(scope) == "1000, 0.10 by 2026-11-01"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("${{ steps.ageing.totl }}", "`steps.ageing` has no `totl`. Did you mean `total`?"),
        ("${{ steps.agein.total }}", "Did you mean `ageing`?"),
        ("${{ input.as_of }}", "There is no `input` here. Did you mean `inputs`?"),
        ("${{ steps.ageing.total.value }}", "`steps.ageing.total` is a text and has no fields, so no `value`"),
        ("${{ steps.ageing.worsened.name }}", "is a list of 3 and has no fields"),
        ("${{ steps.ageing.worsened[3] }}", "has 3 items: there is no `[3]`"),
        ("${{ steps.ageing.company[0] }}", "is an object, not a list"),
        ("${{ inputs.nothing.name }}", "`inputs.nothing` is null and has no fields"),
        ("total: ${{ steps.ageing.company }}", "is an object: inside a longer text only single values can stand"),
    ],
)
def test_a_reference_that_leads_nowhere_says_what_there_is(text: str, said: str) -> None:
    with pytest.raises(ReferenceFailed) as failed:
        render(text)
    assert said in failed.value.message
    assert failed.value.path in text


def test_without_a_near_name_the_names_that_exist_are_listed() -> None:
    with pytest.raises(ReferenceFailed, match="There is: company, total, worsened"):
        render("${{ steps.ageing.xyzzy }}")


@pytest.mark.parametrize(
    "text",
    [
        "${{ }}",
        "${{ 5 }}",
        "${{ inputs.a + 1 }}",
        "${{ inputs['a'] }}",
        "${{ inputs.items() }}",
        "${{ inputs..a }}",
        "${{ inputs. }}",
        "${{ a[1:2:3] }}",
        "${{ a[] }}",
        "${{ a[x] }}",
        "${{ a | b }}",
        "${{ a.0 }}",
        "x ${{ inputs.a",
        "${{ a ${{ b }} }}",
    ],
)
def test_anything_else_between_the_braces_is_refused(text: str) -> None:
    with pytest.raises(ReferenceSyntax) as refused:
        parse(text)
    assert 0 <= refused.value.offset <= len(text)


def test_a_whole_structure_is_filled_and_its_texts_are_listed_with_their_paths() -> None:
    form = {"a": ["${{ inputs.top }}", {"b": "x${{ inputs.top }}"}], "c": 7, "d": None}
    assert fill(form, SCOPE) == {"a": [3, {"b": "x3"}], "c": 7, "d": None}
    assert dict(texts(form)) == {("a", 0): "${{ inputs.top }}", ("a", 1, "b"): "x${{ inputs.top }}"}


names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True)
numbers = st.integers(-99, 99)
parts = st.one_of(
    st.builds(Field, names),
    st.builds(Index, numbers),
    st.builds(Slice, st.none() | numbers, st.none() | numbers),
)
references = st.builds(Reference, names, st.lists(parts, max_size=5).map(tuple))
words = st.text(alphabet=st.characters(exclude_characters="$", exclude_categories=["Cs"]), min_size=1, max_size=10)


@quick
@given(references)
def test_every_reference_is_read_back_as_it_was_written(reference: Reference) -> None:
    assert parse(f"${{{{ {reference} }}}}").reference == reference


@quick
@given(st.lists(st.tuples(words, references), min_size=1, max_size=4))
def test_every_template_is_read_back_as_it_was_written(pairs: list[tuple[str, Reference]]) -> None:
    template = Template(tuple(piece for pair in pairs for piece in pair))
    assert parse(str(template)) == template


@quick
@given(st.text())
def test_text_without_references_stays_as_it_is(text: str) -> None:
    if "${{" not in text:
        assert parse(text).render({}) == text


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4),
    max_leaves=15,
)


@quick
@given(json_values, st.data())
def test_every_value_of_a_structure_can_be_reached(root: Any, data: st.DataObject) -> None:
    value, way = root, "root"
    while isinstance(value, dict | list) and value and data.draw(st.booleans()):
        if isinstance(value, dict):
            key = data.draw(st.sampled_from(sorted(value)))
            value, way = value[key], f"{way}.{key}"
        else:
            position = data.draw(st.integers(-len(value), len(value) - 1))
            value, way = value[position], f"{way}[{position}]"
    assert parse(f"${{{{ {way} }}}}").render({"root": root}) == value


@quick
@given(st.lists(st.integers(), max_size=8), st.none() | numbers, st.none() | numbers)
def test_a_slice_is_the_slice_that_python_takes(items: list[int], start: int | None, stop: int | None) -> None:
    reference = Reference("items", (Slice(start, stop),))
    assert reference.resolve({"items": items}) == items[start:stop]
