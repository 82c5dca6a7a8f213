"""F12, F13, F15, F22, F24, F25: the broker forgets, fills up, falls silent, or says things twice and wrong."""

from __future__ import annotations

import time

import redis

from tests.faults.scenarios import PRODUCTION, fault
from tests.faults.scene import Scene

RUNS = 10
#: Where Celery keeps what is to be done.
_QUEUE = "kontora"


@fault("F12", "Redis is killed and comes back with what it had kept", PRODUCTION)
def redis_restarts(scene: Scene) -> None:
    server = scene.hall.redis
    server.remember()
    server.die()  # it remembers from its next start on
    server.live_again()
    scene.submit(RUNS)
    scene.worker()
    scene.worker()
    scene.until(scene.seen("booked", 3), "records are booked")
    server.die()
    time.sleep(1.0)
    server.live_again()
    scene.rest()


@fault("F13", "Redis loses everything, three times", PRODUCTION, quick=PRODUCTION)
def redis_forgets(scene: Scene) -> None:
    server = scene.hall.redis
    scene.submit(RUNS)
    server.flush()
    scene.worker()
    scene.worker()
    for number in range(2):
        scene.until(scene.seen("booked", 2 + 4 * number), "records are booked")
        server.die()
        server.live_again()
    scene.rest()


@fault("F15", "Redis is full and takes nothing", PRODUCTION)
def redis_is_full(scene: Scene) -> None:
    with redis.Redis.from_url(str(scene.broker)) as client:
        scene.worker()
        scene.until(lambda: client.dbsize() > 0, "the worker has connected")
        client.config_set("maxmemory", "1")
        try:
            scene.submit(RUNS)
            time.sleep(3.0)
        finally:
            client.config_set("maxmemory", "0")
    scene.rest()


@fault("F22", "a half-open connection to Redis: the pool hears nothing", PRODUCTION)
def redis_is_not_heard(scene: Scene) -> None:
    proxy = scene.proxy(scene.hall.redis.port)
    scene.worker(KONTORA_BROKER_URL=proxy.url(str(scene.broker)), KONTORA_DEAF_S="4")
    scene.submit(2)
    scene.rest()
    proxy.silence()
    asked = time.monotonic()
    references = scene.submit(RUNS)
    scene.until(lambda: any(scene.system.run(one).fence for one in references), "the pool hears again", 40)
    scene.recoveries.append(time.monotonic() - asked)
    scene.bound_s = 4.0 + scene.system.bound_s
    scene.rest()


@fault("F24", "every message comes five times")
def five_times(scene: Scene) -> None:
    scene.submit(RUNS)
    for _ in range(4):
        scene.system.house.sender.send([run.id for run in scene.system.runs()])
    scene.worker()
    scene.worker()
    for _ in range(4):
        scene.system.decide()
        scene.system.house.sender.send([run.id for run in scene.system.runs()])
        time.sleep(0.3)
    scene.rest()
    claims = [run.fence for run in scene.system.runs()]
    scene.must(max(claims) <= 4, "I2", f"a run was claimed {max(claims)} times, and has two questions to wait for")


@fault("F25", "messages that are forged, unknown or no messages at all", PRODUCTION)
def forged(scene: Scene) -> None:
    app = scene.system.house.celery
    scene.worker(KONTORA_DEAF_S="6")  # what is no message at all may cost it its connection
    for arguments in (["run_UNKNOWN"], [], [None], [{"run": 1}], ["x" * 100_000], ["run_1", "run_2"]):
        app.send_task("kontora.work", args=arguments, retry=False)
    app.send_task("kontora.other", args=["run_1"], retry=False)
    with redis.Redis.from_url(str(scene.broker)) as client:
        for raw in (b"", b"not json", b"[]", b'{"body": 1}', b"\xff\xfe" * 50):
            client.lpush(_QUEUE, raw)
    scene.submit(RUNS)
    scene.rest()
    scene.must(len(scene.system.outcomes()) == RUNS, "I1", "a message has made a run")
