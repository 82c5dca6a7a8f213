"""The rules of the house, as functions from a tree of files to what is wrong in it (nothing, if all is well)."""

from __future__ import annotations

import ast
import os
import re
import subprocess
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parent.parent
ROOMS = ("connectors", "agents", "workflows", "worker", "api", "cli")
LONGEST_FILE = 500
LONGEST_FUNCTION = 60
JUNK_DRAWERS = {"utils", "common", "helpers", "core", "util", "helper", "misc"}
#: Folders whose code may read the environment; `tests` and `bench` play the caller.
READS_ENVIRONMENT = ("worker", "api", "cli", "tests", "bench", "tools", "examples")
SKIPPED_FOLDERS = {"build", "dist", "__pycache__"}
MONEY = re.compile(r"(^|_)(amount|gross|net|paid|balance|price|tax|debit|credit|revenue)(_|$)")
#: Files that describe what the systems hold: no `float` in any of their types.
CANONICAL = {"canonical.py", "interfaces.py"}
# In pieces, because this file is searched as well.
FORBIDDEN = {
    "a path of somebody's machine": re.compile(r"(?<![\w~.])/" + r"(work|root|home/\w+)" + "/"),
    "a package index of somebody's own": re.compile(
        "(" + "|".join(["index" + "-url", "find" + "-links", "trusted" + "-host"]) + ")"
    ),
    "an author who is not one": re.compile("co-" + "authored-by", re.IGNORECASE),
}


def files(root: Path) -> list[Path]:
    """Return the files of a tree that belong to the project: those git has or would take, else all but caches."""
    asked = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(asked, cwd=root, capture_output=True, check=True).stdout.decode().split("\0")
        found = [root / name for name in listed if name]
    except (OSError, subprocess.CalledProcessError):
        found = [Path(folder) / name for folder, folders, names in os.walk(root) if _enter(folders) for name in names]
    return sorted(path for path in set(found) if path.is_file())


def _enter(folders: list[str]) -> bool:
    folders[:] = [name for name in folders if name not in SKIPPED_FOLDERS and not name.startswith(".")]
    return True


def sources(root: Path) -> dict[Path, ast.Module]:
    """Return the parsed Python files of a tree, by path below the root."""
    return {
        path.relative_to(root): ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
        for path in files(root)
        if path.suffix == ".py"
    }


def long_files(root: Path) -> list[str]:
    """Find Python files over the limit."""
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in files(root) if path.suffix == ".py"}
    return [f"{path.relative_to(root)}: {n} lines" for path, n in lengths.items() if n > LONGEST_FILE]


def long_functions(root: Path) -> list[str]:
    """Find functions over the limit, decorators not counted."""
    return [
        f"{path}:{node.lineno}: {node.name} has {length} lines"
        for path, tree in sources(root).items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (length := (node.end_lineno or node.lineno) - node.lineno + 1) > LONGEST_FUNCTION
    ]


def junk_drawers(root: Path) -> list[str]:
    """Find modules and packages whose name says nothing."""
    return [str(path) for path in sources(root) if JUNK_DRAWERS & {*path.parts[:-1], path.stem}]


def environment_readers(root: Path) -> list[str]:
    """Find code below the worker's floor that reads the environment."""
    return [
        f"{path}:{line}"
        for path, tree in sources(root).items()
        if path.parts[0] not in READS_ENVIRONMENT
        for line in sorted(_environment_lines(tree))
    ]


def _environment_lines(tree: ast.Module) -> Iterator[int]:
    names = {"environ", "environb", "getenv"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.value.id == "os" and node.attr in names:
                yield node.lineno
        elif isinstance(node, ast.ImportFrom):
            taken = {alias.name for alias in node.names}
            if node.module == "pydantic_settings" or (node.module == "os" and taken & names):
                yield node.lineno
        elif isinstance(node, ast.Import) and any(alias.name == "pydantic_settings" for alias in node.names):
            yield node.lineno


def float_money(root: Path) -> list[str]:
    """Find `float` in the types of what is named like money, and anywhere in the canonical model."""
    return [
        f"{path}:{line}: {name}"
        for path, tree in sources(root).items()
        for name, annotation, line in _annotations(tree)
        if (MONEY.search(name) or path.name in CANONICAL)
        and any(isinstance(node, ast.Name) and node.id == "float" for node in ast.walk(annotation))
    ]


def _annotations(tree: ast.Module) -> Iterator[tuple[str, ast.expr, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id, node.annotation, node.lineno
        elif isinstance(node, ast.arg) and node.annotation:
            yield node.arg, node.annotation, node.lineno
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.returns:
            yield node.name, node.returns, node.lineno


def forbidden_words(root: Path) -> list[str]:
    """Find words in any text file that have no place in the project."""
    found = []
    for path in files(root):
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            continue  # a picture
        for number, line in enumerate(lines, 1):
            found += [
                f"{path.relative_to(root)}:{number}: {what}" for what, word in FORBIDDEN.items() if word.search(line)
            ]
    return found


def modules(root: Path) -> dict[str, ast.Module]:
    """Return the parsed modules of the rooms, by dotted name."""
    return {
        ".".join(path.parts[1:-1] if path.stem == "__init__" else [*path.parts[1:-1], path.stem]): tree
        for path, tree in sources(root).items()
        if path.parts[0] in ROOMS and len(path.parts) > 1
    }


def import_cycles(root: Path) -> list[str]:
    """Find a cycle among the imports that run when a module is loaded (not those for types, not those in functions)."""
    known = modules(root)
    packages = {name.rpartition(".")[0] for name in known}
    graph = {
        name: {found for found in _imports(tree, name, name in packages, known) if found != name}
        for name, tree in known.items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return [" -> ".join(reversed(error.args[1]))]
    return []


def _imports(tree: ast.Module, name: str, is_package: bool, known: dict[str, ast.Module]) -> Iterator[str]:
    for node in _loaded(tree.body):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom):
            above = name.split(".")[: len(name.split(".")) - node.level + is_package] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                if inner in known or base in known:
                    yield inner if inner in known else base


def _loaded(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Walk the statements that run when a module is loaded."""
    for node in body:
        yield node
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            yield from _loaded(node.orelse)
            continue
        for inner in ("body", "orelse", "finalbody"):
            yield from _loaded(getattr(node, inner, []))
        for handler in getattr(node, "handlers", []):
            yield from _loaded(handler.body)


def wrong_public_names(root: Path) -> list[str]:
    """Find packages whose `__init__` takes names from its own modules that `__all__` lacks, lists names it has not, or
    is unsorted. An `__init__` with code of its own and without `__all__` is a module like any other."""
    found = []
    for path, tree in sources(root).items():
        if path.parts[0] not in ROOMS or path.name != "__init__.py":
            continue
        listed, defined, taken = _listed(tree), set(_defined(tree)), set(_imported(tree))
        if listed != sorted(listed, key=_rank):
            found.append(f"{path}: __all__ is not sorted")
        if "__getattr__" not in defined and (ghosts := set(listed) - defined - taken):
            found.append(f"{path}: __all__ lists what is not there: {sorted(ghosts)}")
        public = set(_imported(tree, ".".join(path.parts[1:-1]))) | (defined if listed else set())
        if unlisted := {name for name in public if not name.startswith("_")} - set(listed):
            found.append(f"{path}: public but not in __all__: {sorted(unlisted)}")
    return found


def _rank(name: str) -> tuple[int, str]:
    """Constants first, then classes, then the rest: the order ruff asks for."""
    return (0 if name.isupper() else 1 if name[0].isupper() else 2), name


def _listed(tree: ast.Module) -> list[str]:
    for node in tree.body:
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        value = getattr(node, "value", None)
        if any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets) and value is not None:
            names: list[str] = list(ast.literal_eval(value))
            return names
    return []


def _imported(tree: ast.Module, below: str = "") -> Iterator[str]:
    """Yield the names that a module imports, all or those from below a package."""
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            source = (node.module or "") if isinstance(node, ast.ImportFrom) else ""
            own = source.startswith(f"{below}.") or bool(getattr(node, "level", 0))
            if own or not below:
                yield from ((alias.asname or alias.name).split(".")[0] for alias in node.names)


def _defined(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Assign):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id
