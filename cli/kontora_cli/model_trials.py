"""`kontora models pull`, `probe` and `bench`: fetching a model and trying it on this machine."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kontora_cli.failures import OK, RUN_FAILED
from kontora_cli.model_server import AnyUrl, Meant, Name, Url, client_of, meant, one_model
from kontora_cli.opening import opened
from kontora_cli.options import Home, Json
from kontora_cli.output import facts, fancy, note, show, table

if TYPE_CHECKING:
    from kontora_agents.model_server import Pulled
    from kontora_agents.trials.bench import Bench, Result
    from kontora_worker.house import House


def pull(
    name: Annotated[str, typer.Argument(metavar="MODEL", help="As Ollama calls it, or its id in the catalogue.")],
    url: Url = None,
    home: Home = None,
    as_json: Json = False,
) -> int:
    """Fetch a model through Ollama. A model that [licences] refuses is not fetched."""
    from kontora_agents.catalogue import catalogue
    from kontora_agents.catalogue.policy import judge
    from kontora_agents.model_server import ModelServer

    known = catalogue().find(name)
    wanted = (known.quantisation().pull or known.ollama[0]) if known and known.id == name.lower() else name
    with opened(home) as house:
        where, policy = meant(house, None, url).url, house.settings.licences
        judge(policy, catalogue(), wanted, None).enforce()
        if known:
            note(f"{known.title}: licence {known.licence.value}, about {known.quantisation().file_gb.value:g} GB")
        server = ModelServer(where)
        for line in _steps(server.pull(wanted)):
            note(line)
        digest, text = server.digest(wanted), server.licence_text(wanted)
        recognised = catalogue().recognise(text)
        ruling = judge(policy, catalogue(), wanted, recognised.licence)
    if ruling.remark or not ruling.allowed:
        note(f"{wanted}: {ruling.why or ruling.remark}")
    document = {
        "model": wanted,
        "url": where,
        "digest": digest,
        "licence": recognised.licence,
        "allowed": ruling.allowed,
    }
    show(document, f"{wanted} is installed; its licence text: {recognised.licence or 'none'}.", as_json=as_json)
    note(f"Try it: kontora models probe {wanted}")
    return OK


def _steps(pulled: Iterator[Pulled]) -> Iterator[str]:
    """What a person is told: each new step, and each tenth of a part. On a terminal a line moves besides."""
    last, tenth = "", -1
    moves = fancy(sys.stderr)
    for step in pulled:
        if step.status != last:
            last, tenth = step.status, -1
            yield step.status
        if not step.total:
            continue
        percent = 100 * step.completed // step.total
        if moves:
            print(f"\r{percent:3d} % of {step.total / 1e9:.2f} GB", end="\r", file=sys.stderr, flush=True)
        elif percent // 10 > tenth:
            tenth = percent // 10
            yield f"{percent} % of {step.total / 1e9:.2f} GB"


def probe(name: Name = None, url: AnyUrl = None, home: Home = None, as_json: Json = False) -> int:
    """Try what a model claims: one real tool call, a long prompt, its speed. Workers believe what is found."""
    from kontora_agents.trials import probe as tried

    with opened(home) as house:
        what = one_model(house, name, url)
        note(f"Trying {what.name} at {what.url}; the first answer may take minutes while the model is loaded.")
        found = asyncio.run(_with_client(house, what, lambda client: tried(client, what.url, what.name)))
        found = found.model_copy(update={**_stamp(what), **_of_ollama(what)})
        house.model_records.keep_probe(found)
    lines = facts(
        [
            ("model", f"{found.model} at {found.url}"),
            ("digest", found.digest),
            ("server", f"Ollama {found.server}" if found.server else "OpenAI-compatible"),
            ("says it calls tools", {True: "yes", False: "no", None: "it does not say"}[found.claims_tools]),
            ("calls tools", f"{'yes' if found.calls_tools else 'no'}: {found.tools_detail}"),
            ("context", found.context_claimed or "it does not say"),
            ("long prompt", f"{found.context_read} tokens read. {found.context_detail}"),
            ("first answer", f"{found.load_s:g} s"),
            ("speed", f"about {found.tokens_per_s:g} tokens per second"),
            ("loaded", found.loaded.in_words() if found.loaded else ""),
        ]
    )
    show(found.model_dump(mode="json"), lines, as_json=as_json)
    return OK


def bench(
    name: Name = None,
    seconds: Annotated[float, typer.Option("--seconds", min=1, help="How long one exercise may take.")] = 300,
    url: AnyUrl = None,
    home: Home = None,
    as_json: Json = False,
) -> int:
    """Let a model do small office work with tools, in English and Russian, and keep the score."""
    from kontora_agents.trials import bench as worked
    from kontora_agents.trials.exercise import exercises

    with opened(home) as house:
        what = one_model(house, name, url)
        note(f"Trying {what.name} at {what.url}: {len(exercises())} exercises, each up to {seconds:g} seconds.")
        done = asyncio.run(
            _with_client(house, what, lambda client: worked(client, what.url, what.name, _told, seconds=seconds))
        )
        done = done.model_copy(update=_stamp(what))
        earlier = [one for one in house.model_records.benches() if one.exercises == done.exercises]
        house.model_records.keep_bench(done)
    rows = [
        (one.id, one.language, "right" if one.passed else "wrong", f"{one.seconds:g} s", one.why)
        for one in done.results
    ]
    lines = [table(("exercise", "language", "result", "time", "why"), rows, empty=""), "", _score(done), ""]
    lines += [f"earlier: {_score(one)}" for one in earlier]
    document = done.model_dump(mode="json") | {"passed": done.passed, "percent": done.percent}
    document["earlier"] = [
        one.model_dump(mode="json", exclude={"results"}) | {"percent": one.percent} for one in earlier
    ]
    show(document, lines, as_json=as_json)
    return OK if done.passed else RUN_FAILED


def _told(result: Result) -> None:
    note(f"{result.id} ({result.language}): {'right' if result.passed else result.why}")


def _score(done: Bench) -> str:
    parts = [f"{language} {right}/{of}" for language in ("en", "ru") for right, of in [done.of(language)]]
    weights = done.digest[:12] or "unknown"
    return (
        f"{done.model}: {done.passed} of {len(done.results)} right ({', '.join(parts)}), weights {weights}, {done.at}"
    )


async def _with_client(house: House, what: Meant, work: Any) -> Any:
    async with client_of(house, what) as client:
        return await work(client)


def _stamp(what: Meant) -> dict[str, str]:
    """When this is, and which weights it is about, where the server says so."""
    from kontora_agents.model_server import ModelServer

    at = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return {"digest": ModelServer(what.url).digest(what.name) if what.server == "ollama" else "", "at": at}


def _of_ollama(what: Meant) -> dict[str, Any]:
    """What only Ollama says: its version, and where the model that was just asked is loaded."""
    from kontora_agents.model_server import ModelServer

    if what.server != "ollama":
        return {}
    server = ModelServer(what.url)
    return {"server": server.version(), "loaded": server.loaded(what.name)}
