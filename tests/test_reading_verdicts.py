"""What an answer without calls is: a final text, or one of the things that are asked for again."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from kontora_agents.reading.corrections import correction, said
from kontora_agents.reading.languages import drifts, language_of, spoken
from kontora_agents.reading.understanding import Task, understand
from kontora_agents.reading.verdicts import Fault, is_endless
from kontora_agents.seams import ModelAnswer, ToolCall, ToolSpec

TOOLS = {"erp_create_order": ToolSpec(name="erp_create_order", description="", parameters={"type": "object"})}
FAULTS: list[Fault] = [
    "cut", "endless", "unread", "empty", "thought", "shown", "narrated", "refused", "language",
]  # fmt: skip


def fault(text: str, *, tried: bool = False, **answer: object) -> Fault | None:
    made = ModelAnswer.model_validate({"model": "m", "text": text, **answer})
    return understand(made, 0, Task(TOOLS, TOOLS, tried)).fault


@pytest.mark.parametrize("text", ["", "…", " \n", "```\n```"])
def test_nothing_is_no_answer(text: str) -> None:
    assert fault(text) == "empty"
    assert fault(text, thinking="The total is 17.") == "thought"


def test_what_was_cut_off_is_not_used_and_neither_are_its_calls() -> None:
    call = ToolCall(id="call_0_0", name="erp_create_order", arguments={})
    understood = understand(ModelAnswer(model="m", text="Well", calls=[call], finish="length"), 0, Task(TOOLS, TOOLS))
    assert (understood.fault, understood.calls, understood.text) == ("cut", [], "")
    assert fault("and so on " * 100, finish="length") == "endless"


@pytest.mark.parametrize("text", ["and so on " * 40, "x" * 400, "The order.\n" * 30, "Well: " + "\n- item" * 60])
def test_words_without_end_are_seen(text: str) -> None:
    assert is_endless(text)
    assert fault(text) == "endless"


def test_a_list_or_a_table_is_not_without_end() -> None:
    assert not is_endless(
        "| no | due |\n|---|---|\n" + "".join(f"| INV-{n} | 2026-11-{n:02} |\n" for n in range(1, 30))
    )
    assert not is_endless("".join(f"- Invoice {n}: paid\n" for n in range(40)))


@pytest.mark.parametrize(
    "text",
    [
        "I'll call it now.",
        "Let me create the order for you now using the create_order tool.",
        "Sure! I will look up the customer first.",
        "I am going to use the tool to check this.",
        "The customer is known. Now I need to call erp_create_order.",
        "Calling erp_create_order...",
        "Сейчас я создам заказ с помощью инструмента create_order.",
        "Хорошо, давайте проверим остаток.",
        "Клиент найден. Теперь я оформлю заказ.",
        "One moment, please.",
        "Creating the order...",
        "Working on it.",
        "Создаю заказ.",
    ],
)
def test_an_announcement_is_not_an_answer(text: str) -> None:
    assert fault(text) == fault(text, tried=True) == "narrated"


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but as an AI language model I cannot create orders in your system.",
        "I can't help with that.",
        "I don't have access to your ERP.",
        "Извините, я не могу помочь с этим.",
        "У меня нет доступа к вашей системе.",
        "Как языковая модель, я не создаю заказы.",
    ],
)
def test_a_refusal_is_not_an_answer(text: str) -> None:
    assert fault(text) == "refused"


def test_a_question_for_leave_is_not_an_answer_of_who_did_nothing_yet() -> None:
    for text in ("I found a tool for it. Shall I create the order?", "Хотите, чтобы я создал заказ?", "Создать заказ?"):
        assert fault(text) == "narrated"
        assert fault(text, tried=True) is None
    assert fault("Which customer do you mean?") is None


def test_who_tried_and_only_apologises_has_refused() -> None:
    assert fault("I'm sorry, but I cannot create orders.", tried=True) == "refused"
    assert fault("I'm sorry, I cannot create the order: customer C-9 is blocked.", tried=True) is None


def test_tokens_of_a_template_are_not_part_of_an_answer() -> None:
    answer = ModelAnswer(model="m", text="The order was created.<|im_end|>\n</s>")
    assert understand(answer, 0, Task(TOOLS, TOOLS)).text == "The order was created."


def test_who_tried_may_say_that_it_cannot_be_done() -> None:
    assert fault("I cannot create the order: the customer is blocked.", tried=True) is None
    assert fault("I cannot create the order because the customer is blocked.") is None
    assert fault("Я не могу создать заказ, потому что клиент заблокирован.") is None


@pytest.mark.parametrize(
    "text",
    [
        "The order SO-1 was created. Let me know if you need anything else.",
        "I recommend that you call the customer first.",
        "I would start with Romashka: its oldest invoice is 90 days overdue.",
        "The customer will start paying in May; use the firm reminder.",
        "Nordwind owes 1,250.50 EUR. I will not send a reminder.",
        "Заказ создан. Если нужно что-то ещё, я готов помочь.",
        "Я проверил остаток: 36 штук.",
        "Я оформил заказ.",
        "Я выполнил задачу: заказ SO-17 создан.",
        "Сначала стоит позвонить в «Ромашку»: долг 1 250,50 ₽.",
        "36",
        "Да.",
    ],
)
def test_an_answer_is_an_answer(text: str) -> None:
    assert fault(text) is None


def test_a_letter_that_ends_with_a_promise_is_an_answer_of_who_looked_things_up() -> None:
    letter = "Dear Ms Weber, invoice INV-7001 over 1,250.50 EUR was due on 7 October 2026 and is still open. " * 2
    assert fault(f"{letter}I will call you on Monday.", tried=True) is None
    assert fault("I will call the tool.", tried=True) == "narrated"


@pytest.mark.parametrize("tried", [True, False])
def test_the_correct_answers_of_the_corpus_are_answers(tried: bool) -> None:
    corpus = yaml.safe_load((Path(__file__).parent / "grounding_corpus.yaml").read_text(encoding="utf-8"))
    answers = [text for part in corpus for text in part["answers"]]
    assert len(answers) > 40
    assert [text for text in answers if fault(text, tried=tried)] == []


# --- languages -------------------------------------------------------------------------------------------------------

EN, RU = "The order was created and its total is as agreed.", "Заказ создан, и его сумма такая, как договорились."


@pytest.mark.parametrize(
    ("instructions", "task", "language"),
    [
        ("Report.", 'Work on this data:\n\n{"language": "ru"}', "ru"),
        ("Сообщите.", '{"language": "en"}', "en"),
        ("Report the stock.", "How much is there?", "en"),
        ("Сообщите остаток.", "Сколько осталось?", "ru"),
        ("Report the stock.", "Сколько осталось?", None),
        ("Answer in the language of the question.", "How much?", None),
        ("Отвечайте по-русски или по-английски.", "Сколько?", None),
    ],
)
def test_the_language_of_an_answer_follows_from_the_task(instructions: str, task: str, language: str | None) -> None:
    assert language_of(instructions, task) == language


def test_an_answer_in_another_language_is_seen() -> None:
    assert drifts(RU, "en", "")
    assert drifts(EN, "ru", "")
    assert drifts(f"{EN} 订单已成功创建", None, "")
    assert drifts(f"{RU} 주문이 생성되었습니다", "ru", "")


def test_a_sentence_in_a_language_of_the_same_script_is_seen() -> None:
    for other in (
        "Der Auftrag wurde für den Kunden angelegt und ist nicht mehr offen.",
        "La commande est créée et le total est dans le système pour vous.",
        "El pedido para el cliente está creado y fue enviado con la factura.",
    ):
        assert drifts(f"{EN} {other}", "en", "")
        assert drifts(f"{RU} {other}", "ru", "")
        assert not drifts(f"{EN} {other}", "en", other)
        assert not drifts(f"{EN} {other}", None, "")
    assert drifts(f"{RU} It was created for the customer and is with the clerk.", "ru", "")
    assert drifts(f"{RU} Замовлення створено і його сума є вірною.", "ru", "")


def test_names_and_words_that_were_given_may_be_in_any_language() -> None:
    given = "Nordwind GmbH Süd & Co, Hauptstraße; 北京贸易公司; ООО «Ромашка и партнёры», Санкт-Петербург"
    assert not drifts("Nordwind GmbH Süd & Co, Hauptstraße: 1 250,50 EUR", "ru", given)
    assert not drifts("ООО «Ромашка и партнёры», Санкт-Петербург: 1,250.50", "en", given)
    assert not drifts("北京贸易公司 owes 1,250.50 EUR.", "en", given)
    assert not drifts("Ромашка owes 5 and the invoice is overdue.", "en", "")
    assert not drifts("EUR 17", "ru", "")
    assert not drifts(EN, None, "")


@pytest.mark.parametrize("fault_", FAULTS)
def test_a_correction_is_short_and_in_the_language_of_the_task(fault_: Fault) -> None:
    english, russian = (correction(fault_, language, ["erp_create_order"]) for language in ("en", "ru"))
    assert (spoken(english), spoken(russian)) == ("en", "ru")
    assert len(english) < 250
    assert "{" not in english + russian
    assert said(fault_)


@given(st.text(max_size=400) | st.lists(st.sampled_from(["so ", "да ", "1", "\n", "|"]), max_size=200).map("".join))
def test_any_text_has_the_same_verdict_twice(text: str) -> None:
    assert fault(text) == fault(text)
