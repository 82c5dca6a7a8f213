"""Models that misbehave: as often as they are said to, over both protocols, and then they do what is right."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from kontora_agents import prompt_mode
from kontora_agents.errors import RehearsalMismatch
from kontora_agents.ollama_wire import Reply
from kontora_agents.openai_wire import Events
from kontora_agents.rehearsal.misbehaving.model import MisbehavingModels
from kontora_agents.rehearsal.misbehaving.scenario import Scenario, load_scenarios
from kontora_agents.rehearsal.misbehaving.server import MisbehavingServer, serve
from kontora_agents.rehearsal.misbehaving.wire import pieces
from kontora_agents.seams import ToolSpec

SCENARIOS = load_scenarios(sorted((Path(__file__).parent.parent / "bench" / "models" / "scenarios").glob("*.yaml")))
PATHS = {"ollama": "/api/chat", "openai": "/v1/chat/completions"}
TOOLS = [{"type": "function", "function": {"name": f"erp_{name}"}} for name in ("get_customer", "create_order")]
READ = '{"customer_id": "C-1042", "name": "Romashka", "credit_limit": "20000.00"}'
WRITTEN = '{"order_id": "SO-51234", "total": "1250.50", "currency": "EUR"}'
RIGHT = {"customer_id": "C-1042", "amount": "1250.50", "currency": "EUR", "due_date": "2026-12-01"}


@pytest.fixture(scope="module")
def server() -> Iterator[MisbehavingServer]:
    with serve(MisbehavingModels(SCENARIOS)) as running:
        yield running


def after(*results: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": "Do it."}, *({"role": "tool", "content": result} for result in results)]


def ask(server: MisbehavingServer, model: str, *results: str, protocol: str = "ollama", **more: Any) -> httpx.Response:
    given = {"model": model, "messages": after(*results), "tools": TOOLS, "stream": False, **more}
    return httpx.post(f"{server.url}{PATHS[protocol]}", json=given, timeout=10)


def message(answer: httpx.Response) -> dict[str, Any]:
    body = answer.json()
    said: dict[str, Any] = body["message"] if "message" in body else body["choices"][0]["message"]
    return said


def test_every_scenario_has_a_source_and_a_name_that_no_other_has() -> None:
    assert len(SCENARIOS) >= 100
    assert all(scenario.sources for scenario in SCENARIOS.values())
    assert len({scenario.title for scenario in SCENARIOS.values()}) == len(SCENARIOS)


@pytest.mark.parametrize(("persistence", "wrong"), [("once", 1), ("twice", 2), ("always", 5)])
def test_it_is_wrong_as_often_as_its_name_says(server: MisbehavingServer, persistence: str, wrong: int) -> None:
    model = f"args_missing/{persistence}/counted"
    calls = [message(ask(server, model, READ))["tool_calls"][0]["function"]["arguments"] for _ in range(5)]
    assert [call == RIGHT for call in calls] == [place >= wrong for place in range(5)]
    assert all("due_date" not in call for call in calls[:wrong])


def test_runs_are_counted_apart_and_a_tag_says_nothing(server: MisbehavingServer) -> None:
    first, second = (ask(server, f"empty_content/once/{run}:latest", READ) for run in ("a", "b"))
    assert message(first)["content"] == message(second)["content"] == ""
    assert "tool_calls" in message(ask(server, "empty_content/once/a:latest", READ))


@pytest.mark.parametrize("protocol", PATHS)
def test_the_right_work_is_to_read_to_write_and_to_report(server: MisbehavingServer, protocol: str) -> None:
    asked = [ask(server, "one_piece/once/x", *results, protocol=protocol) for results in ([], [READ], [READ, WRITTEN])]
    names = [call["function"]["name"] for answer in asked[:2] for call in message(answer)["tool_calls"]]
    assert names == ["erp_get_customer", "erp_create_order"]
    assert message(asked[2])["content"] == "The order SO-51234 was created; its total is 1250.50 EUR."


def test_arguments_are_an_object_on_one_wire_and_a_text_on_the_other(server: MisbehavingServer) -> None:
    sent = {
        protocol: message(ask(server, "hang/once/x", protocol=protocol))["tool_calls"][0]["function"]["arguments"]
        for protocol in PATHS
    }
    assert sent == {"ollama": {"customer_id": "C-1042"}, "openai": '{"customer_id": "C-1042"}'}


def test_the_same_answer_comes_in_pieces_and_in_one(server: MisbehavingServer) -> None:
    lines = ask(server, "one_piece/always/x", READ, WRITTEN, stream=True).text.splitlines()
    assert [json.loads(line)["done"] for line in lines] == [True]
    answer = ask(server, "wrong_id/always/x", READ, WRITTEN, protocol="openai", stream=True).text
    events = [line.removeprefix("data: ") for line in answer.splitlines() if line]
    assert events[-1] == "[DONE]"
    deltas = [json.loads(event)["choices"][0]["delta"].get("content", "") for event in events[:-1]]
    assert "".join(deltas) == "The order SO-77777 was created; its total is 1250.50 EUR."
    assert len(deltas) > 2


def test_tags_are_tokens_of_their_own() -> None:
    text = "<think>9 < 10, or is it\nnot?</think>The order was created, and what follows is a long text."
    assert "".join(pieces(text)) == text
    assert {"<think>", "</think>"} <= set(pieces(text))
    assert max(map(len, pieces(text))) <= 40


@pytest.mark.parametrize("framing", ["comments", "crlf", "split", "end_twice", "garbage_after"])
@pytest.mark.parametrize("protocol", PATHS)
def test_a_stream_says_the_same_in_every_framing(framing: str, protocol: str) -> None:
    one = {"id": "f", "title": "F", "kind": "transport", "sources": ["synthetic"], "stage": "answer"}
    scenario = Scenario.model_validate({**one, "reply": {"text": "{right} Ёж", "framing": framing}})
    with serve(MisbehavingModels({"f": scenario})) as running:
        lines = ask(running, "f/always/x", READ, WRITTEN, protocol=protocol, stream=True).content.splitlines()
    reply = Events(0) if protocol == "openai" else Reply(0)
    for line in filter(bytes.strip, lines):
        reply.take(line)
    assert reply.finish().text == "The order SO-51234 was created; its total is 1250.50 EUR. Ёж"


def test_calls_come_in_pieces_by_turns_with_numbers_and_ids_of_the_scenario() -> None:
    one = {"id": "p", "title": "P", "kind": "transport", "sources": ["synthetic"]}
    calls = [
        {"id": "a", "index": 7},
        {"id": "a", "index": 3, "name": "erp_get_customer", "raw": {"customer_id": "C-1"}},
    ]
    scenario = Scenario.model_validate({**one, "reply": {"calls": calls, "framing": "by_turns"}})
    with serve(MisbehavingModels({"p": scenario})) as running:
        text = ask(running, "p/always/x", READ, protocol="openai", stream=True).text
    events = [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: {")]
    pieces_ = [call for event in events for call in event["choices"][0]["delta"].get("tool_calls", [])]
    assert [piece["index"] for piece in pieces_[:4]] == [7, 3, 7, 3]
    assert len(pieces_) > 8
    first = "".join(piece["function"]["arguments"] for piece in pieces_ if piece["index"] == 7)
    assert json.loads(first) == RIGHT


@pytest.mark.parametrize("protocol", PATHS)
def test_an_argument_can_stand_twice_and_a_value_hold_half_a_character(protocol: str) -> None:
    one = {"id": "t", "title": "T", "kind": "arguments", "sources": ["synthetic"]}
    call = {"before": {"amount": "7"}, "with": {"note": "\ud83d"}}
    with serve(MisbehavingModels({"t": Scenario.model_validate({**one, "reply": {"calls": [call]}})})) as running:
        body = ask(running, "t/always/x", READ, protocol=protocol).text.replace("\\", "")
    assert body.count('"amount"') == 2
    assert "ud83d" in body


@pytest.mark.parametrize("line", ["error", "reset", "garbage"])
@pytest.mark.parametrize("protocol", PATHS)
def test_an_answer_that_breaks_off_has_no_end(server: MisbehavingServer, line: str, protocol: str) -> None:
    model = {"error": "error_mid_stream", "reset": "reset_mid_stream", "garbage": "bad_ndjson"}[line]
    try:
        text = ask(server, f"{model}/once/{protocol}", READ, protocol=protocol, stream=True).text
    except httpx.TransportError:
        assert line == "reset"
        return
    assert line != "reset"
    assert '"done": true' not in text
    assert "[DONE]" not in text


def test_without_an_end_goes_on_no_longer_than_the_client_allows(server: MisbehavingServer) -> None:
    body = ask(server, "repeats_before_write/once/x", READ, options={"num_predict": 60}).json()
    assert (body["done_reason"], len(body["message"]["content"].split())) == ("length", 60)


@pytest.mark.parametrize("protocol", PATHS)
def test_what_the_server_refuses_is_refused_in_the_form_of_its_protocol(
    server: MisbehavingServer, protocol: str
) -> None:
    answer = ask(server, f"http_503/once/{protocol}", READ, protocol=protocol)
    error = answer.json()["error"]
    assert answer.status_code == 503
    assert "busy" in (error["message"] if protocol == "openai" else error)
    assert ask(server, "nothing/once/x", protocol=protocol).status_code == 404
    assert ask(server, "no_tools/once/x", protocol=protocol).status_code == 400


def test_a_second_fault_comes_after_the_first() -> None:
    one = {"id": "two", "title": "Two", "kind": "content", "sources": ["synthetic"], "reply": {"text": "first"}}
    scenario = Scenario.model_validate({**one, "then": [{"reply": {"text": "second"}}]})
    models = MisbehavingModels({"two": scenario})
    said = [models.say("two/once/x", after(READ), ["create_order"]) for _ in range(3)]
    assert [(one.text, len(one.calls)) for one in said] == [("first", 0), ("second", 0), ("", 1)]


def test_a_scenario_may_have_tools_of_its_own() -> None:
    work = {
        "read": "get_tyre",
        "write": "mount_tyre",
        "read_arguments": {"tyre": "7"},
        "write_arguments": {"tyre": "7", "axle": 2},
        "read_shows": "tread",
        "write_shows": "job",
        "report": "Job {job}.",
    }
    one = {"id": "own", "title": "Own", "kind": "content", "sources": ["synthetic"], "reply": {"text": ""}}
    models = MisbehavingModels({"own": Scenario.model_validate({**one, "work": work})})
    model, tools = "own/once/x", ["get_tyre", "mount_tyre"]
    assert models.say(model, after(), tools).calls == [("get_tyre", {"tyre": "7"})]
    assert models.say(model, after('{"tread": 4}'), tools).text == ""
    assert models.say(model, after('{"tread": 4}'), tools).calls == [("mount_tyre", {"tyre": "7", "axle": 2})]
    assert models.say(model, after('{"tread": 4}', "{'job': 9}"), tools).text == "Job 9."


@pytest.mark.parametrize("protocol", PATHS)
def test_a_form_that_names_tools_is_answered_in_writing(server: MisbehavingServer, protocol: str) -> None:
    tools = [ToolSpec(name=f"erp_{name}", description="", parameters={}) for name in ("get_customer", "create_order")]
    form = prompt_mode.answer_format(tools)
    wanted = {"ollama": {"format": form}, "openai": {"response_format": {"json_schema": {"schema": form}}}}[protocol]
    model, said = f"one_piece/once/{protocol}", []
    ask(server, model, READ, WRITTEN)  # the one time that it is wrong
    for results in ([], [READ], [READ, WRITTEN]):
        told = [{"role": "user", "content": f"Result of it:\n{result}"} for result in results]
        given = {"model": model, "messages": told or after(), "stream": False, **wanted}
        said.append(json.loads(message(httpx.post(f"{server.url}{PATHS[protocol]}", json=given))["content"]))
    assert said[0] == {"tool": "erp_get_customer", "arguments": {"customer_id": "C-1042"}}
    assert said[1] == {"tool": "erp_create_order", "arguments": RIGHT}
    assert said[2] == {"answer": "The order SO-51234 was created; its total is 1250.50 EUR."}


def test_who_sends_tools_and_a_form_gets_no_call(server: MisbehavingServer) -> None:
    answer = message(ask(server, "one_piece/once/both", format={"type": "object"}))
    assert "tool_calls" not in answer
    assert answer["content"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- {id: a, title: A, kind: content, reply: {text: x}}", "sources"),
        ("- {id: a, title: A, kind: content, sources: [], reply: {text: x}}", "sources"),
        ("- {id: a, title: A, kind: content, sources: [x], reply: {words: x}}", "words"),
        ("[", "scenario.yaml"),
    ],
)
def test_a_scenario_that_is_wrong_is_named_with_what_is_wrong(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "scenario.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(RehearsalMismatch, match=said):
        load_scenarios([tmp_path / "scenario.yaml"])


def test_the_command_serves_models_that_misbehave(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("- {id: mute, title: M, kind: content, sources: [seen], reply: {text: ''}}", encoding="utf-8")
    command = [sys.executable, "-m", "kontora_agents.rehearsal"]
    with subprocess.Popen([*command, "--misbehave", str(file)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        assert "(once|twice|always) of: mute" in first
        url = first.split(" at ")[1].split(";")[0]
        listed = httpx.get(f"{url}/api/tags").json()["models"]
        assert [model["name"] for model in listed] == ["mute/once/0"]
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(5) == 0
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 2
    assert "--misbehave" in ran.stderr
