"""`kontora models show`, `licence` and `recommend`: what the catalogue knows, beside what is installed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from kontora_cli.failures import CONFIGURATION, OK, CliError
from kontora_cli.machine_memory import Room
from kontora_cli.machine_memory import room as room_here
from kontora_cli.model_server import Url, meant
from kontora_cli.opening import opened
from kontora_cli.options import Home, Json
from kontora_cli.output import facts, note, show, table

if TYPE_CHECKING:
    from kontora_agents.catalogue import CatalogueModel, Fact
    from kontora_agents.catalogue.choosing import Advice
    from kontora_agents.catalogue.shelf import Recognised

Model = Annotated[str, typer.Argument(metavar="MODEL", help="As Ollama calls it, or its id in the catalogue.")]
Context = Annotated[int, typer.Option("--context", min=1, help="Tokens of prompt and answer together.")]
Memory = Annotated[
    float | None,
    typer.Option(
        "--memory",
        metavar="GB",
        min=0.1,
        help="Memory for the model; else that of the graphics card, or of the machine.",
    ),
]

#: Facts whose name in the catalogue is not what a person would say.
_CALLED = {
    "parameters_b": "parameters, billions",
    "active_b": "active, billions",
    "languages_claimed": "languages claimed",
    "tool calls right": "tool calls right, %",
}


def show_model(
    name: Model, memory: Memory = None, context: Context = 8192, home: Home = None, as_json: Json = False
) -> int:
    """Show every fact about a model with its source and date, and whether it fits this machine."""
    model, room = _find(name), memory or room_here().gb
    held = min(context, model.context.value)
    sizes = [(weights.name, weights.pull, model.memory_gb(weights, held)) for weights in model.quantisations]
    with opened(home) as house:
        benches = [one for one in house.model_records.benches() if _is(one.model, model)]
        probes = [one for one in house.model_records.probes() if _is(one.model, model)]
    document = model.model_dump(mode="json") | {
        "memory": [{"quantisation": n, "pull": p, "context": held, "gb": gb, "fits": gb <= room} for n, p, gb in sizes],
        "room_gb": room,
        "probes": [one.model_dump(mode="json") for one in probes],
        "benches": [one.model_dump(mode="json", exclude={"results"}) | {"percent": one.percent} for one in benches],
    }
    lines = [f"{model.title} ({model.id}), in Ollama: {', '.join(model.ollama)}", ""]
    lines += [table(("fact", "value", "checked", "source"), map(_row, model.facts()), empty=""), ""]
    lines += [
        f"{name}: about {gb:g} GB with {held:,} tokens, {'fits' if gb <= room else 'does not fit'} into {room:g} GB"
        for name, _, gb in sizes
    ]
    lines += [f"bench of {one.at[:10]}: {one.passed} of {len(one.results)} right" for one in benches]
    lines += [f"probe of {one.at[:10]}: {'calls tools' if one.calls_tools else one.tools_detail}" for one in probes]
    show(document, [*lines, *_doubts(model)], as_json=as_json)
    return OK


def licence(
    name: Annotated[str, typer.Argument(metavar="MODEL|LICENCE", help="A model, or the id of a licence.")],
    url: Url = None,
    home: Home = None,
    as_json: Json = False,
) -> int:
    """Say what a licence asks, and whether the text of the installed model is the licence that it should be."""
    from kontora_agents.catalogue import catalogue
    from kontora_agents.catalogue.policy import judge

    if name in catalogue().licences:
        show(_conditions(name), _in_words(name), as_json=as_json)
        return OK
    with opened(home) as house:
        asked, where = meant(house, name, url).name or name, meant(house, name, url).url
        model = catalogue().find(asked)
        text, silence = _text_of(asked, where)
        policy = house.settings.licences
    if model is None and text is None:
        raise _unknown(asked, silence)
    installed = catalogue().recognise(text) if text is not None else None
    ruling = judge(policy, catalogue(), asked, installed.licence if installed else None)
    claimed = model.licence.value if model else ""
    found = installed.licence if installed and installed.licence in catalogue().licences else claimed
    said = _compared(claimed, installed, silence)
    verdict = "It may be used here." if ruling.allowed else f"It may not be used here: {ruling.why}"
    document = {
        "model": asked,
        "catalogue": claimed or None,
        "installed": installed.model_dump(mode="json") if installed else None,
        "compared": said,
        "allowed": ruling.allowed,
        "why": ruling.why,
        **(_conditions(found) if found else {"licence": None}),
    }
    show(document, [f"{asked}: {said}", verdict, *(["", *_in_words(found)] if found else [])], as_json=as_json)
    return OK


def recommend(
    memory: Memory = None,
    task: Annotated[Literal["tools", "code", "text"], typer.Option("--task", help="tools, code or text.")] = "tools",
    language: Annotated[str, typer.Option("--language", metavar="CODE", help="Two letters, as in ru.")] = "",
    use: Annotated[
        Literal["commercial", "research"] | None,
        typer.Option("--use", help="commercial or research; else as [licences] of kontora.toml says."),
    ] = None,
    context: Context = 8192,
    home: Home = None,
    as_json: Json = False,
) -> int:
    """Recommend models for a machine and a purpose, with reasons, and say why the others are left out."""
    from kontora_agents.catalogue import catalogue
    from kontora_agents.catalogue.choosing import Wish
    from kontora_agents.catalogue.choosing import recommend as choose

    here = Room(memory, "as you said") if memory else room_here()
    if not here.gb:
        why = "The system does not say how much memory this machine has."
        raise CliError(
            CONFIGURATION, "memory_unknown", "Nothing can be recommended.", why, "kontora models recommend --memory 16"
        )
    with opened(home) as house:
        policy, own = house.settings.licences, house.model_records.own_scores()
    if use:
        policy = policy.model_copy(update={"use": use})
    wish = Wish(memory_gb=here.gb, task=task, language=language.lower(), context=context, policy=policy)
    advice = choose(catalogue(), wish, own)
    show({"wish": wish.model_dump(mode="json"), **advice.model_dump(mode="json")}, _advised(advice), as_json=as_json)
    note(f"For {here.gb:g} GB{'' if memory else f' ({here.what}; --memory says otherwise)'}.")
    note("Measurements of others differ from machine to machine: kontora models bench tries a model on yours.")
    return OK


def _advised(advice: Advice) -> list[str]:
    rows = [
        (one.model, one.pull, f"{one.memory_gb:g} GB", one.licence, "; ".join(one.reasons)) for one in advice.choices
    ]
    empty = "No model of the catalogue suits."
    left = [f"left out: {one.model}: {one.why}" for one in advice.left_out]
    return [table(("model", "pull", "memory", "licence", "why"), rows, empty=empty), "", *left]


def _find(name: str) -> CatalogueModel:
    from kontora_agents.catalogue import catalogue

    model = catalogue().find(name)
    if model is None:
        raise _unknown(name, "")
    return model


def _unknown(name: str, silence: str) -> CliError:
    from kontora_agents.catalogue import catalogue

    near = catalogue().nearest(name)
    why = f"Neither the catalogue nor a server has a model {name!r}." if silence else "It is not in the catalogue."
    next_ = f"Did you mean {near}?" if near else "kontora models list --catalogue"
    return CliError(
        CONFIGURATION, "unknown_model", f"Nothing is known about {name!r}.", f"{why} {silence}".strip(), next_
    )


def _is(name: str, model: CatalogueModel) -> bool:
    from kontora_agents.catalogue import catalogue

    return catalogue().find(name) is model


def _row(named: tuple[str, Fact[Any]]) -> tuple[str, str, str, str]:
    name, fact = named
    value = fact.value
    if name == "cache":
        shown = f"{value.layers} layers, {value.kv_heads} heads of {value.head_dim}"
    elif isinstance(value, list):
        shown = ", ".join(map(str, value))
    elif isinstance(value, bool):
        shown = "yes" if value else "no"
    else:
        shown = str(value)
    called = _CALLED.get(name, name)
    return called, f"{shown} (?)" if fact.unverified else shown, fact.checked.isoformat(), fact.source


def _doubts(model: CatalogueModel) -> Iterator[str]:
    """Notes, and what could not be verified."""
    for name, fact in model.facts():
        if fact.note:
            yield f"note: {name}: {fact.note}"
        if fact.unverified:
            yield f"(?) {name}: unverified: {fact.unverified}"


def _conditions(name: str) -> dict[str, Any]:
    from kontora_agents.catalogue import catalogue

    found = catalogue().licences[name]
    return {
        "licence": found.model_dump(mode="json", exclude={"phrases", "longest"}),
        "conditions": found.in_words(),
    }


def _in_words(name: str) -> list[str]:
    from kontora_agents.catalogue import catalogue

    found = catalogue().licences[name]
    doubts = [f"(?) {what}: unverified: {fact.unverified}" for what, fact in found.facts() if fact.unverified]
    sources = dict.fromkeys(f"{fact.source} ({fact.checked})" for _, fact in found.facts())
    head = facts([("licence", found.title), ("id", found.id), ("SPDX", found.spdx)])
    return [head, *(f"- {line}" for line in found.in_words()), *doubts, *(f"source: {one}" for one in sources)]


def _text_of(name: str, url: str) -> tuple[str | None, str]:
    """The licence text of an installed model; None and why not, if there is none to be had."""
    from kontora_agents.errors import ModelError
    from kontora_agents.model_server import ModelServer

    try:
        return ModelServer(url, seconds=5).licence_text(name), ""
    except ModelError as error:
        return None, error.message


def _compared(claimed: str, installed: Recognised | None, silence: str) -> str:
    """How the text of the installed model stands to the catalogue."""
    known = f"the catalogue says {claimed}" if claimed else "the catalogue does not have this model"
    if installed is None:
        return f"{known}. No installed copy was compared: {silence}"
    if installed.how == "missing":
        return f"{known}; the installed copy carries no licence text."
    if installed.how == "longer":
        return f"{known}; the installed text begins as {installed.like} and has something added. Read it."
    if installed.how == "unknown":
        return f"{known}; the installed text is no licence of the catalogue. Read it."
    same = installed.licence == claimed
    return f"{known}, and the installed text is {'the same' if same else f'another: {installed.licence}'}."
