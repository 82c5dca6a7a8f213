"""Answers that are odd and can be read, and answers that look well and cannot be used."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from kontora_agents.errors import ModelError, ModelMisspoke
from kontora_agents.ollama_wire import Reply
from kontora_agents.openai_wire import Events
from kontora_agents.seams import ModelAnswer

CALL = {"function": {"name": "book", "arguments": {"amount": "1"}}}


def ollama(*lines: Any) -> ModelAnswer:
    reply = Reply(0)
    for line in lines:
        reply.take(line if isinstance(line, bytes) else json.dumps(line).encode())
    return reply.finish()


def said(done: bool = True, reason: str = "stop", **message: Any) -> dict[str, Any]:
    return {"message": {"role": "assistant", "content": "", **message}, "done": done, "done_reason": reason}


def openai(*chunks: Any) -> ModelAnswer:
    events = Events(0)
    for chunk in chunks:
        events.take(chunk if isinstance(chunk, bytes) else b"data: " + json.dumps(chunk).encode())
    return events.finish()


def delta(reason: str | None = None, **parts: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": parts, "finish_reason": reason}]}


def piece(index: int | None = 0, id_: str = "", name: str = "", arguments: Any = "") -> dict[str, Any]:
    call = {"function": {"arguments": arguments, **({"name": name} if name else {})}, **({"id": id_} if id_ else {})}
    return delta(tool_calls=[call if index is None else {**call, "index": index}])


END = delta("tool_calls")


def test_what_comes_behind_the_end_is_no_part_of_the_answer() -> None:
    assert ollama(said(content="Yes."), b"<html>", said(content=" No.")).text == "Yes."
    answer = openai(
        delta(content="Yes."), delta("stop"), b"<html>", b"data: <html>", {"choices": [], "usage": {"prompt_tokens": 7}}
    )
    assert (answer.text, answer.prompt_tokens) == ("Yes.", 7)


@pytest.mark.parametrize("calls", [{"a": 1}, 5, "book"])
def test_calls_that_are_no_list_are_an_error_of_the_server(calls: Any) -> None:
    with pytest.raises(ModelMisspoke):
        ollama(said(tool_calls=calls))
    with pytest.raises(ModelMisspoke):
        openai(delta(tool_calls=calls), END)


def test_an_argument_that_stands_twice_is_not_read() -> None:
    twice = (
        b'{"message": {"tool_calls": [{"function": {"name": "book", "arguments": {"a": 1, "a": 2}}}]}, "done": true}'
    )
    with pytest.raises(ModelMisspoke):
        ollama(twice)
    (call,) = openai(piece(name="book", arguments='{"a": 1, "a": 2}'), END).calls
    assert call.problem


@pytest.mark.parametrize("ask", [ollama, openai])
def test_half_a_character_harms_nobody(ask: Any) -> None:
    if ask is ollama:
        answer = ollama(
            said(False, content="Yes \ud83d"),
            said(
                content="\ude00 \ud83d",
                tool_calls=[{"function": {"name": "b\ud83d", "arguments": {"note\ud83d": ["\ud83d"]}}}],
            ),
        )
    else:
        answer = openai(
            delta(content="Yes \ud83d"),
            delta(content="\ude00 \ud83d"),
            piece(name="b\ud83d", arguments='{"note\\ud83d": ["\\ud83d"]}'),
            END,
        )
    assert answer.text == "Yes 😀 \ufffd"
    assert (answer.calls[0].name, answer.calls[0].arguments) == ("b\ufffd", {"note\ufffd": ["\ufffd"]})
    answer.model_dump_json().encode()


@pytest.mark.parametrize("reason", ["tool_calls", "function_call", "content_filter"])
def test_an_end_that_promises_calls_or_was_filtered_leaves_nothing_to_use(reason: str) -> None:
    assert ollama(said(reason=reason, content="It is on its way.")).finish == "unread"
    assert openai(delta(content="It is on its way."), delta(reason)).finish == "unread"


def test_calls_of_a_filtered_answer_are_not_made() -> None:
    assert openai(piece(name="book", arguments="{}"), delta("content_filter")).calls == []
    assert openai(piece(name="book", arguments="{}"), delta("eos")).finish == "calls"


@pytest.mark.parametrize("reason", ["length", "max_tokens", "model_length"])
def test_an_answer_that_is_cut_says_so_in_many_words(reason: str) -> None:
    assert openai(delta(content="It is"), delta(reason)).finish == "length"


def test_content_in_parts_is_text_on_both_wires() -> None:
    parts = [{"type": "text", "text": "Ye"}, {"type": "text", "text": "s."}]
    assert ollama(said(content=parts)).text == openai(delta(content=parts), delta("stop")).text == "Yes."


@pytest.mark.parametrize(
    "chunks",
    [
        [piece(0, "a", "book", '{"am'), piece(0, "a", "book", 'ount": "1"}')],
        [piece(0, "a", "book", '{"am'), piece(0, "b", "book", 'ount": "1"}')],
        [piece(0, "a", "book", '{"am'), piece(1, "", "", 'ount": "1"}')],
        [piece(None, "a", "book", '{"am'), piece(None, "", "", 'ount": "1"}')],
        [piece(7, "a", "book", {"amount": "1"})],
    ],
)
def test_pieces_of_one_call_are_one_call(chunks: list[Any]) -> None:
    assert [(one.name, one.arguments) for one in openai(*chunks, END).calls] == [("book", {"amount": "1"})]


@pytest.mark.parametrize(
    "chunks",
    [
        [piece(0, "a", "book", "{}"), piece(0, "b", "look", "{}")],
        [piece(0, "a", "book", "{}"), piece(0, "a", "look", "{}")],
        [piece(0, "", "book", "{}"), piece(0, "", "look", "{}")],
        [piece(3, "a", "book", "{"), piece(1, "b", "look", "{"), piece(3, "", "", "}"), piece(1, "", "", "}")],
    ],
)
def test_two_calls_stay_two_whatever_their_numbers(chunks: list[Any]) -> None:
    calls = openai(*chunks, END).calls
    assert [(one.name, one.arguments, one.problem) for one in calls] == [("book", {}, ""), ("look", {}, "")]


@pytest.mark.parametrize("content", [5, True, {"a": 1}, [None, 5], [{"text": None}]])
def test_content_of_any_kind_does_no_harm(content: Any) -> None:
    for ask, chunks in ((ollama, [said(content=content)]), (openai, [delta(content=content), delta("stop")])):
        with suppress(ModelError):
            assert isinstance(ask(*chunks).text, str)
