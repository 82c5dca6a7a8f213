"""The job, as far as it is the same whoever runs it: three calls to the ERP and the model, with plain clients.

Every write has a key that stays the same whatever is done again: the reference of its record, which the job brings
along. The ERP takes it in its own way: `native_key` answers a repeat with the first record, `lookup` stores the key
and books a repeat again. With LOOKS=1 a write is preceded by a look whether its key is there, as a careful user would
write it by hand.
"""

import json
import os
from typing import Any

import httpx
import ollama

#: What passes: the network, refusals for now, a model server that breaks off. Tried again where a peer can do it.
TROUBLE = (httpx.HTTPError, ollama.ResponseError, ConnectionError)
#: How often, after the first time; the pauses begin with a second and double.
RETRIES = 5
#: How long an answer may take, in seconds.
ERP_S, MODEL_S = 3.0, 5.0

_ERP = httpx.Client(base_url=os.environ["ERP_URL"], timeout=ERP_S)
_MODEL = ollama.Client(os.environ["MODEL_URL"], timeout=MODEL_S)
_LOOKS = os.environ.get("LOOKS") == "1"
_REFERENCE = {"reference": {"type": "string"}}
_TOOLS: list[dict[str, Any]] = [
    {
        "type": "function",
        "function": {"name": name, "description": words, "parameters": {"type": "object", "properties": properties}},
    }
    for name, words, properties in (
        ("stock", "Say what is on hand for a reference.", _REFERENCE),
        ("book", "Book a record.", {**_REFERENCE, "text": {"type": "string"}}),
    )
]


def stock(reference: str) -> Any:
    """Ask what is on hand. Raises `httpx.HTTPError`."""
    return _answer(_ERP.get("/stock", params={"reference": reference}))


def book(reference: str, text: str, door: str) -> Any:
    """Book a record. Raises `httpx.HTTPError`."""
    if _LOOKS and door == "lookup":
        found = _answer(_ERP.get("/records", params={"key": reference}))["record"]
        if found is not None:
            return found
    return _answer(_ERP.post(f"/{door}/records", json={"reference": reference, "text": text, "key": reference}))


def task(reference: str) -> dict[str, Any]:
    """What the model is asked for."""
    return {"role": "user", "content": f"Book what is asked for.\n\n{json.dumps({'reference': f'{reference}/agent'})}"}


def ask(messages: list[dict[str, Any]]) -> dict[str, Any]:
    """Ask the model for its next turn. Raises `httpx.HTTPError`, `ollama.ResponseError`, `ConnectionError`."""
    said: dict[str, Any] = {"role": "assistant", "content": "", "tool_calls": []}
    for part in _MODEL.chat(os.environ["MODEL_NAME"], messages, tools=_TOOLS, stream=True):
        message = part.message.model_dump()
        said["content"] += message["content"] or ""
        said["tool_calls"] += message["tool_calls"] or []
    return said


def use(call: dict[str, Any]) -> dict[str, Any]:
    """Use a tool as the model asks for it; the agent's records go through the door `lookup`."""
    name, arguments = call["function"]["name"], call["function"]["arguments"]
    result = stock(**arguments) if name == "stock" else book(**arguments, door="lookup")
    return {"role": "tool", "tool_name": name, "content": json.dumps(result)}


def _answer(response: httpx.Response) -> Any:
    return response.raise_for_status().json()
