"""F33: the file of a workflow, the engine and a connector move on while runs are in flight."""

from __future__ import annotations

from pathlib import Path

from kontora_workflows.ledger import tables
from kontora_workflows.ledger.run import REPLAY_VERSION
from sqlalchemy import update

from tests.faults.place import install_plugin
from tests.faults.scenarios import fault
from tests.faults.scene import Scene
from tests.faults.stories import Story

RUNS = 4
#: A workflow of which the steps, the tool and the record have other names in every version.
_BOOK = """
steps:
  - {{id: stock{version}, call: erp.stock, with: {{reference: "${{{{ inputs.reference }}}}/stock"}}}}
  - id: book{version}
    approval:
      title: Book
      call: erp.book_{door}
      with: {{reference: "${{{{ inputs.reference }}}}/{version}", text: ink}}
  - {{id: after, call: erp.stock, with: {{reference: "${{{{ inputs.reference }}}}/after{version}"}}}}
"""
_DOORS = {1: "native_key", 2: "unique_reference"}
#: The next version of the connector: its tool wants one more argument.
_NEXT_ERP = '''
from kontora_connectors import write
from tests.faults.connector import PATIENCE_S, Booked, FakeErp


class NextErp(FakeErp, kind="fake-erp"):
    """The ERP of tomorrow."""

    @write(idempotency="native_key", lookup="by_key", timeout_s=PATIENCE_S)
    def book_native_key(self, reference: str, text: str, warehouse: str, *, key: str) -> Booked:
        """Book a record in a warehouse."""
        return self._book("native_key", reference, f"{text} {warehouse}", key)
'''


@fault("F33", "a workflow's file changes and goes away under its runs; workers are replaced")
def file_changes(scene: Scene) -> None:
    file = _write(scene, 1)
    old = scene.worker()
    before = scene.submit(RUNS, "upgrade")
    _all_wait(scene, before)
    _write(scene, 2)
    after = scene.submit(RUNS, "upgrade")
    _all_wait(scene, after)
    scene.worker()
    old.terminate()
    file.unlink()
    scene.rest()
    booked = scene.witness().booked()
    for version, references in ((1, before), (2, after)):
        for reference in references:
            right = {1: version == 1, 2: version == 2}
            found = {one: booked[f"{reference}/{one}"] for one in right}
            scene.must(found == right, "I2", f"{reference} began under version {version} and has booked {found}")


@fault("F33b", "the engine replays otherwise than it did when a run began")
def engine_changes(scene: Scene) -> None:
    _write(scene, 1)
    scene.worker()
    old, new = scene.submit(RUNS, "upgrade"), scene.submit(RUNS, "upgrade")
    _all_wait(scene, [*old, *new])
    _began_under(scene, old, 0)
    scene.rest()
    booked = scene.witness().booked()
    for reference in old:
        run = scene.system.run(reference)
        code = run.error["code"] if run.error else ""
        scene.must((run.state, code) == ("failed", "engine_changed"), "I6", f"{reference} is {run.state} ({code})")
        scene.must(not booked[f"{reference}/1"], "I6", f"{reference} was booked by an engine that is not its own")
    _began_under(scene, old, REPLAY_VERSION)  # that version is there again, and a person lets it go on
    for reference in old:
        scene.system.house.ledger.runs.resume(scene.system.run(reference).id, by="boss")
    scene.rest()
    _booked_once(scene, "/1")


@fault("F33c", "a connector moves on, and its tool wants other arguments than a run had asked leave for")
def connector_changes(scene: Scene) -> None:
    scene.allowed = {"failed"}
    _write(scene, 1)
    old = scene.worker()
    references = scene.submit(RUNS, "upgrade")
    _all_wait(scene, references)
    old.terminate()
    environment = scene.system.environment()
    scene.worker(PYTHONPATH=f"{_next_plugin(scene.folder / 'next')}:{environment['PYTHONPATH']}")
    scene.rest()
    for reference in references:
        run = scene.system.run(reference)
        code = run.error["code"] if run.error else ""
        scene.must(run.state == "failed" and code not in ("", "defect"), "I6", f"{reference} is {run.state} ({code})")
    scene.must(not scene.witness().booked(), "I6", "something was booked that nobody had agreed to")


# --- means -----------------------------------------------------------------------------------------------------------


def _write(scene: Scene, version: int) -> Path:
    file = scene.system.home / "workflows" / "upgrade.yaml"
    steps = _BOOK.format(version=version, door=_DOORS[version])
    file.write_text(Story("upgrade", steps).text(), encoding="utf-8")
    return file


def _next_plugin(folder: Path) -> Path:
    """A folder in which the next version of the connector is installed."""
    install_plugin(folder)
    (folder / "next_erp.py").write_text(_NEXT_ERP, encoding="utf-8")
    (entry_points,) = folder.glob("*.dist-info/entry_points.txt")
    entry_points.write_text("[kontora.connectors]\nfake-erp = next_erp:NextErp\n", encoding="utf-8")
    return folder


def _all_wait(scene: Scene, references: list[str]) -> None:
    """Wait until all ask a person, who does not answer yet."""
    scene.until(
        lambda: all(scene.system.run(one).waiting_for == "approval" for one in references),
        "the runs wait for a person",
        deciding=False,
    )


def _began_under(scene: Scene, references: list[str], version: int) -> None:
    with scene.system.house.ledger.database.write("test") as connection:
        runs = tables.runs.c
        of_them = runs.idempotency_key.in_(references)
        connection.execute(update(tables.runs).where(of_them).values(replay_version=version))


def _booked_once(scene: Scene, end: str) -> None:
    booked = scene.witness().booked()
    for reference in scene.jobs:
        scene.must(booked[reference + end] == 1, "I2", f"{reference} was booked {booked[reference + end]} times")
