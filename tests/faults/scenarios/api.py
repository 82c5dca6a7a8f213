"""F14, F29, F30: the API dies in the middle of accepting a run, or accepts while the broker is away."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from tests.faults.client import Answer, ask_for_run
from tests.faults.program import Program
from tests.faults.scenarios import PRODUCTION, fault
from tests.faults.scene import Scene

RUNS = 6
#: How often the API dies, and how often a client asks that hears nothing.
DEATHS, REPEATS = 3, 6
#: How long a client waits that is told nothing about the broker, in seconds.
SOON_S = 3.0
#: The same where the broker takes connections and says nothing: we hang up on it first.
SILENT_S = 12.0


@fault("F14", "Redis is down while the API accepts", PRODUCTION)
def accepted_without_broker(scene: Scene) -> None:
    server = scene.hall.redis
    scene.worker()
    api = Api.start(scene)
    _accepted(api, RUNS, SOON_S)  # so that it has a connection
    scene.until(scene.seen("booked", 1), "a record is booked")
    server.die()
    _accepted(api, RUNS, SOON_S)
    another = Api.start(scene)
    _accepted(another, RUNS, SOON_S)
    server.live_again()
    scene.rest()


@fault("F14b", "Redis takes connections and says nothing while the API accepts", PRODUCTION)
def accepted_with_a_silent_broker(scene: Scene) -> None:
    line = scene.proxy(scene.hall.redis.port)
    scene.worker()
    api = Api.start(scene, KONTORA_BROKER_URL=line.url(str(scene.broker)))
    _accepted(api, 1, SOON_S)
    line.blackhole = True
    _accepted(api, 2, SILENT_S)
    another = Api.start(scene, KONTORA_BROKER_URL=line.url(str(scene.broker)))
    _accepted(another, 2, SILENT_S)
    line.blackhole = False
    _accepted(api, 1, SOON_S)
    scene.rest()


@fault("F29", "kill -9 of the API after a run is committed, before its message is sent")
def killed_before_the_message(scene: Scene) -> None:
    armed = scene.armed("broker.before", "kill", times=DEATHS, program="main serve")
    scene.pool(scene.worker())
    given = {}
    for number in range(DEATHS):
        api = Api.start(scene, **armed)
        reference = api.reference()
        died = _heard_nothing(api, reference)
        scene.until(partial(_claimed, scene, reference), "a worker takes what nobody was told of", 20)
        scene.recoveries.append(_claimed(scene, reference) / 1000 - died)
        given[reference] = scene.system.run(reference).id
        scene.must(number + 1 == len(scene.system.runs()), "I1", "the run was not committed before the message")
    scene.rest()
    api = Api.start(scene)
    for reference, run in given.items():
        answer = ask_for_run(api.url, "order", reference)
        scene.must(answer.replayed and answer.run == run, "I2", f"{reference} was asked for again: {answer}, not {run}")


@fault("F30", "kill -9 of the API before its commit, and the client repeats")
def killed_before_the_commit(scene: Scene) -> None:
    armed = scene.armed("run.created.before", "kill", times=DEATHS, skip=1, program="main serve")
    api = Api.start(scene, **armed)
    scene.worker()
    given = {}
    for _ in range(RUNS):
        reference = api.reference()
        given[reference] = {_until_answered(api, reference).run}
    scene.fired()
    pair = [api, Api.start(scene)]
    many = [api.reference() for _ in range(RUNS)]
    with ThreadPoolExecutor(2 * REPEATS) as clients:
        asked = [(one, clients.submit(_until_answered, api, one)) for one in many * REPEATS for api in pair]
        for reference, answer in asked:
            given.setdefault(reference, set()).add(answer.result().run)
    scene.rest()
    for reference, runs in given.items():
        scene.must(len(runs) == 1, "I1", f"{reference} was told of {len(runs)} runs")
    runs = {run.id for run in scene.system.runs()}
    scene.must(
        runs == set().union(*given.values()), "I1", f"{len(given)} runs were asked for, and {len(runs)} are there"
    )


# --- means -----------------------------------------------------------------------------------------------------------


@dataclass
class Api:
    """`kontora serve`; started anew on its port, once it has died."""

    scene: Scene
    environment: dict[str, str]
    url: str = ""
    port: int = 0
    program: Program | None = None

    @classmethod
    def start(cls, scene: Scene, **environment: str) -> Api:
        """Start it and wait until it listens."""
        api = cls(scene, environment)
        api.live()
        return api

    def live(self) -> None:
        """Start it, if it does not run."""
        if self.program is not None and self.program.alive:
            return
        file = self.scene.folder / f"url-{time.monotonic_ns()}"
        self.program = self.scene.system.command(
            "serve", "--port", str(self.port), "--url-file", str(file), **self.environment
        )
        self.scene.stack.callback(self.program.kill)
        self.scene.until(file.exists, "the API listens", 30)
        self.url = file.read_text(encoding="utf-8")
        self.port = int(self.url.rpartition(":")[2])

    def reference(self) -> str:
        """A job of the scene that nobody has asked for yet."""
        reference = f"{self.scene.name}-{len(self.scene.jobs)}."
        self.scene.jobs[reference] = "order"
        return reference


def _accepted(api: Api, count: int, soon_s: float) -> None:
    """Ask for so many runs; each is accepted, and soon."""
    for _ in range(count):
        reference = api.reference()
        answer = ask_for_run(api.url, "order", reference)
        api.scene.must(answer.status == 202, "I1", f"{reference} was answered with {answer.status}")
        in_time = answer.seconds < soon_s + api.scene.pace.allowance(SOON_S)
        api.scene.must(in_time, "I10", f"{reference} was answered after {answer.seconds:.1f} s")


def _heard_nothing(api: Api, reference: str) -> float:
    """Ask for a run of an API that dies of it; return when it did, in seconds since 1970."""
    try:
        answer = ask_for_run(api.url, "order", reference)
    except OSError:
        return time.time()
    api.scene.say("harness", f"the API was to die, and said {answer}")
    return time.time()


def _until_answered(api: Api, reference: str) -> Answer:
    """Ask for a run as often as it takes; the API is started again where it has died."""
    for _ in range(REPEATS):
        try:
            return ask_for_run(api.url, "order", reference)
        except OSError:
            time.sleep(0.2)  # it may be about to die
            api.live()
    return ask_for_run(api.url, "order", reference)


def _claimed(scene: Scene, reference: str) -> int:
    """When a run was claimed first, in milliseconds since 1970; 0 if it was not yet."""
    house = scene.system.house
    run = next((one for one in scene.system.runs() if one.idempotency_key == reference), None)
    entries = house.ledger.entries.of_run(run.id) if run else []
    return next((entry.at for entry in entries if entry.kind == "run.state" and entry.data["state"] == "running"), 0)
