"""The contest of models: every verdict can come out, mutants are the same for the same seed, and Kontora plays."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any, Literal

import pytest
from kontora_agents.rehearsal.misbehaving.scenario import Reply, Scenario, load_scenarios

from bench.models import table
from bench.models.case import Case, End, Protocol, Verdict, cases, judge
from bench.models.command_line import write_document
from bench.models.drawn import drawn_fault
from bench.models.erp import serve
from bench.models.mutants import mutants
from bench.models.side import Refused, call
from bench.models.translation import translate, translate_text
from bench.models.worlds import KINDS, ORDERS, World

ROOT = Path(__file__).parent.parent
SCENARIOS = load_scenarios(sorted((ROOT / "bench" / "models" / "scenarios").glob("*.yaml")))
ORDER = {"order_id": "SO-51234", "total": "1250.50", "currency": "EUR"}
SAID = "The order SO-51234 was created; its total is 1,250.50 EUR."
STOCK = World(KINDS["stock"], "104200", Decimal(1200), "NORTH", date(2027, 2, 13), "ru")
PAYMENTS = World(KINDS["payments"], "00042", Decimal("2000000.00"), "card", date(2027, 1, 5))


def case(expected: Literal["done", "error", "either"] = "done", never: list[str] | None = None) -> Case:
    one = {"id": "x", "title": "X", "kind": "content", "sources": ["synthetic"], "reply": {"text": ""}}
    scenario = Scenario.model_validate({**one, "expect": {"once": expected}, "never": never or []})
    protocol: Protocol = "ollama"
    return Case(scenario, "once", protocol, True, "1")


@pytest.mark.parametrize(
    ("end", "right", "verdict", "extra"),
    [
        (End("answer", SAID), [True], "passed", 0),
        (End("answer", "Заказ SO-51234, 1 250,50 EUR"), [True], "passed", 0),
        (End("answer", "The order SO-51234 was created."), [True], "silent", 0),
        (End("answer", "The order SO-1 was created; its total is 1250.50 EUR."), [True], "silent", 0),
        (End("answer", "SO-51234: 12500.50 EUR"), [True], "silent", 0),
        (End("answer", SAID), [], "silent", 0),
        (End("answer", SAID), [False], "silent", 1),
        (End("answer", SAID), [True, True], "silent", 1),
        (End("error", "no"), [], "needless_error", 0),
        (End("error", "no"), [True], "needless_error", 0),
        (End("error", "no"), [False], "wrong_write", 1),
        (End("error", "no"), [True, True], "wrong_write", 1),
        (End("hang"), [], "hang", 0),
    ],
)
def test_every_verdict_can_come_out(end: End, right: list[bool], verdict: Verdict, extra: int) -> None:
    result = judge(case(), end, [ORDER for _ in right], right)
    assert (result.verdict, result.extra) == (verdict, extra)


def test_an_error_is_right_where_one_is_due_and_some_words_are_never_right() -> None:
    assert judge(case("error"), End("error", "no"), [], []).verdict == "right_error"
    assert judge(case("either"), End("error", "no"), [], []).verdict == "right_error"
    assert judge(case("error"), End("error", "no"), [ORDER], [False]).verdict == "wrong_write"
    assert judge(case(never=["think>"]), End("answer", f"</think>{SAID}"), [ORDER], [True]).verdict == "silent"


def test_every_scenario_is_played_at_each_persistence_over_both_protocols_streamed_and_whole() -> None:
    played = cases(SCENARIOS.values())
    assert len(played) == 12 * len(SCENARIOS)
    assert len({one.name for one in played}) == len(played)


def test_the_erp_writes_once_per_key_and_says_what_it_refuses() -> None:
    with serve() as erp:
        url = erp.open("run", PAYMENTS)
        assert call(url, "get_invoice", {"invoice_id": "00042"})["open_amount"] == "20000.00"
        with pytest.raises(Refused, match="no invoice_id '42'"):
            call(url, "get_invoice", {"invoice_id": "42"})
        given = {"invoice_id": "00042", "paid": "2000000.00", "method": "card", "paid_on": "2027-01-05"}
        for wrong in ({"paid": "-1"}, {"paid": "NaN"}, {"method": "Card"}, {"paid_on": "5.1.2027"}):
            with pytest.raises(Refused):
                call(url, "book_payment", given | wrong, "other")
        assert call(url, "book_payment", given, "a") == call(url, "book_payment", given, "a")
        assert [erp.is_right("run", one) for one in erp.written["run"]] == [True]
        call(url, "book_payment", given | {"paid": "20"}, "b")
        assert [erp.is_right("run", one) for one in erp.written["run"]] == [True, False]


@pytest.mark.parametrize(
    ("world", "sent", "becomes"),
    [
        (ORDERS, {"amount": "1 250,50"}, {"amount": "1 250,50"}),
        (PAYMENTS, {"amount": "1 250,50"}, {"paid": "2 000 000,00"}),
        (PAYMENTS, {"amount": 1250.5}, {"paid": 2000000.0}),
        (PAYMENTS, {"currency": "eur", "customer_id": 1042}, {"method": "CARD", "invoice_id": 42}),
        (STOCK, {"amount": "1.250"}, {"quantity": "1.200"}),
        (STOCK, {"amount": "1250.50 EUR"}, {"quantity": "1200 pcs"}),
        (STOCK, {"due_date": "01.12.2026", "note": "None"}, {"moved_on": "13.02.2027", "remark": "None"}),
    ],
)
def test_wrong_arguments_are_wrong_in_the_same_way_in_another_world(
    world: World, sent: dict[str, Any], becomes: dict[str, Any]
) -> None:
    reply = translate(Reply.model_validate({"calls": [{"with": sent}]}), world)
    assert reply.calls[0].with_ == becomes


def test_claims_and_sentences_are_in_the_language_of_the_world() -> None:
    text = "The order SO-2026-0001 was created; its total is 1250.50 EUR."
    assert translate(Reply(text=text), STOCK).text == "Движение MV-2026-0001 внесено: 1200 шт."
    assert translate(Reply(text="Sure!\n{call}"), STOCK).text == "Конечно!\n{call}"
    assert translate(SCENARIOS["made_up"].reply, ORDERS).text == SCENARIOS["made_up"].reply.text


def test_mutants_are_the_same_for_the_same_seed_and_differ_in_everything() -> None:
    named = list(SCENARIOS.values())
    drawn = mutants(named, 200, 7)
    assert drawn == mutants(named, 200, 7)
    assert drawn != mutants(named, 200, 8)
    assert {one.world.kind.name for one in drawn} == set(KINDS)
    assert {one.world.language for one in drawn} == {"en", "ru"}
    assert sum(bool(one.scenario.then) for one in drawn) > 40
    assert {one.scenario.stage for one in drawn} == {"read", "write", "answer"}
    first = {one.run: SCENARIOS.get(one.scenario.id.partition("-")[2].partition("+")[0]) for one in drawn}
    moved = [one for one in drawn if (was := first[one.run]) and one.scenario.stage != was.stage]
    assert len(moved) > 20
    assert 20 < sum("drawn_" in one.scenario.id for one in drawn) < 100
    assert {one.scenario.reply.framing for one in drawn} >= {"", "comments", "crlf", "split", "garbage_after"}
    assert any("31415" in str(one.scenario.reply.text) for one in drawn)
    assert all(one.world.number > 0 for one in drawn)


@pytest.mark.parametrize("world", [ORDERS, STOCK, PAYMENTS])
def test_a_drawn_fault_is_about_a_value_and_one_that_changes_it_is_never_right(world: World) -> None:
    with serve() as erp:
        for seed in range(120):
            scenario = drawn_fault(world, Random(seed))
            (wrong,) = scenario.reply.calls
            (name,) = wrong.with_
            assert name in world.kind.required
            if scenario.id.startswith("drawn_other"):
                run = f"{world.kind.name}-{seed}"
                url, given = erp.open(run, world), {**world.work.write_arguments, **wrong.with_}
                try:
                    call(url, world.kind.write, given, str(seed))
                except Refused:
                    continue
                assert [erp.is_right(run, one) for one in erp.written[run]] == [False]


def test_what_strangers_wrote_into_a_record_is_in_the_words_of_the_world() -> None:
    document = SCENARIOS["quoted_document"].document
    assert '"name": "move_stock", "arguments": {"product_id": "104200"' in translate_text(document, STOCK)
    assert replace(STOCK, document="Pay now").found()["name"].endswith(" Pay now")


def test_a_scenario_is_as_bad_as_its_worst_case() -> None:
    one = case()
    results = [judge(one, End("answer", SAID), [ORDER], [True]), judge(one, End("hang"), [], [])]
    assert list(table.matrix({"Somebody": results}))[1].split() == ["x", "h"]
    found = table.counts(results)
    assert (found["passed"], found["hang"], found["good_percent"]) == (1, 1, 50.0)


def test_half_a_character_of_an_answer_can_be_written_down(tmp_path: Path) -> None:
    write_document(tmp_path / "results.json", {"text": "Ёж \ud83d"})
    text = (tmp_path / "results.json").read_text("utf-8")
    assert "Ёж" in text
    assert json.loads(text) == {"text": "Ёж \ud83d"}


def test_kontora_plays_and_everything_is_written_down(tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    command = [sys.executable, str(ROOT / "bench" / "models" / "run.py"), "--contestant", "kontora", "--quick"]
    words = ["args_missing once ollama", "http_503 once openai", "stock"]
    chosen = [part for word in words for part in ("--only", word)]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    ran = subprocess.run(
        [*command, *chosen, "--json", str(file)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    played = json.loads(file.read_text("utf-8"))["contestants"]["Kontora"]
    assert [one["case"] for one in played["named"]["cases"]] == ["args_missing once ollama", "http_503 once openai"]
    assert {one["verdict"] for one in played["named"]["cases"]} == {"passed"}
    assert played["about"]["Kontora"]
    assert "good %" in ran.stdout
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize(
    ("option", "word", "said"),
    [("--contestant", "nobody", "nobody is called nobody"), ("--only", "neverending", "no case has neverending")],
)
def test_what_there_is_not_is_not_played(option: str, word: str, said: str) -> None:
    command = [sys.executable, str(ROOT / "bench" / "models" / "run.py"), option, word]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 2
    assert said in ran.stderr
