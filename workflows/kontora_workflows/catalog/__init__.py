"""Which workflows there are: the shipped ones, and those in the user's folders."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from kontora_workflows.definitions.findings import Findings
from kontora_workflows.definitions.problems import Problem, WorkflowInvalid
from kontora_workflows.loader import Loaded, load_file
from kontora_workflows.references import nearest

#: Where the workflows are that come with Kontora.
SHIPPED = Path(__file__).parent


class UnknownWorkflow(LookupError):
    """There is no workflow of this name. `hint` says what to do."""

    def __init__(self, message: str, hint: str) -> None:
        self.message = message
        self.hint = hint
        super().__init__(f"{message} {hint}")


@dataclass(frozen=True)
class Broken:
    """A file that should be a workflow and is not; `problems` say why."""

    path: Path
    problems: list[Problem]


@dataclass(frozen=True)
class _Shelf:
    """What was found at one look: workflows by name with their files, and broken files."""

    good: Mapping[str, tuple[Path, Loaded]]
    broken: list[Broken]


class Catalog:
    """The workflows of some folders, and the shipped ones. Of two with one name the user's own is taken.

    Files are read when they are asked for, and again when they have changed.
    """

    def __init__(self, folders: Iterable[Path]) -> None:
        self._folders = list(folders)
        self._read: dict[Path, tuple[tuple[int, int], Loaded | list[Problem]]] = {}

    def names(self) -> list[str]:
        """Return the names of all workflows that can be read, sorted."""
        return sorted(self._look().good)

    def get(self, name: str) -> Loaded:
        """Return a workflow. Raises `UnknownWorkflow`; `WorkflowInvalid` if the file of this name is broken."""
        shelf = self._look()
        path, found = shelf.good.get(name, (None, None))
        if found is not None and not _is_shipped(path):
            return found
        # A broken file of the user's is not answered with the shipped workflow that it stands for.
        for broken in shelf.broken:
            if name == (broken.path.parent.name if broken.path.name == "workflow.yaml" else broken.path.stem):
                raise WorkflowInvalid(broken.problems)
        if found is not None:
            return found
        near = nearest(name, shelf.good)
        known = f"There is: {', '.join(sorted(shelf.good)) or 'none'}."
        raise UnknownWorkflow(f"There is no workflow {name!r}.", f"Did you mean {near!r}?" if near else known)

    def path(self, name: str) -> Path:
        """Return the file a workflow was read from. Raises like `get`."""
        self.get(name)
        return self._look().good[name][0]

    def broken(self) -> list[Broken]:
        """Return the files that should be workflows and are not."""
        return self._look().broken

    def rehearsals(self, name: str) -> list[Path]:
        """Return the rehearsal scripts beside a workflow, sorted. Raises like `get`."""
        return sorted(self.path(name).parent.glob("rehearsal*.yaml"))

    def _look(self) -> _Shelf:
        good: dict[str, tuple[Path, Loaded]] = {}
        broken: list[Broken] = []
        own: set[str] = set()
        for path in self._files():
            found = self._load(path)
            if not isinstance(found, Loaded):
                broken.append(Broken(path, found))
                continue
            name = found.workflow.name
            if name in own:
                findings = Findings(found.source, found.positions)
                message = f"{good[name][0]} has the name `{name}` already"
                findings.say(("name",), message, "Give one of them another name")
                broken.append(Broken(path, findings.problems))
                continue
            if not _is_shipped(path):
                own.add(name)
            good[name] = path, found
        return _Shelf(good, broken)

    def _files(self) -> Iterator[Path]:
        """Yield every file that should be a workflow; shipped ones first, so that the user's own take their place."""
        yield from sorted(SHIPPED.glob("*/workflow.yaml"))
        for folder in self._folders:
            flat = (path for path in folder.glob("*.yaml") if not path.name.startswith("rehearsal"))
            yield from sorted([*flat, *folder.glob("*/workflow.yaml")])

    def _load(self, path: Path) -> Loaded | list[Problem]:
        try:
            stat = path.stat()
            state = (stat.st_mtime_ns, stat.st_size)
        except OSError:
            state = (0, 0)
        known = self._read.get(path)
        if known is None or known[0] != state:
            try:
                known = (state, load_file(path))
            except WorkflowInvalid as error:
                known = (state, error.problems)
            self._read[path] = known
        return known[1]


def _is_shipped(path: Path | None) -> bool:
    return path is not None and SHIPPED in path.parents
