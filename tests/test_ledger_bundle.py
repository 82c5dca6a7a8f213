"""Bundles: verified by a script that finds nothing of Kontora, in an empty folder, with an isolated Python."""

from __future__ import annotations

import ast
import hashlib
import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kontora_workflows.ledger import Ledger, standalone
from kontora_workflows.ledger.bundle import export_bundle
from kontora_workflows.ledger.chain import entry_hash
from kontora_workflows.ledger.erasure import Erasure
from kontora_workflows.ledger.person import Person
from kontora_workflows.ledger.signing import PUBLIC, SigningKey, signing_key

from tests.command_line import CommandLine
from tests.ledger_book import REPORT, begun, finished, new_run, written

Lines = list[list[object]]


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Ledger]:
    opened = Ledger(ledger_url)
    yield opened
    opened.close()


@pytest.fixture
def key(tmp_path: Path) -> SigningKey:
    return signing_key(tmp_path / "home")


class Auditor:
    """Somebody with nothing but Python, a bundle, the script from it and a key that was handed over before."""

    def __init__(self, folder: Path, bundle: Path, key: Path) -> None:
        self.folder, self.bundle, self.key = folder, bundle, key
        folder.mkdir()
        with zipfile.ZipFile(bundle) as archive:
            archive.extract("verify.py", folder)

    def verify(self) -> tuple[int, str]:
        """Run the script; return its exit code and what it said."""
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-W", "error", "verify.py", str(self.bundle), "--key", str(self.key)],
            cwd=self.folder,
            env={},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return done.returncode, done.stdout + done.stderr

    def rewrite(self, change: Callable[[dict[str, bytes]], None]) -> None:
        """Change the members of the bundle."""
        with zipfile.ZipFile(self.bundle) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        change(members)
        with zipfile.ZipFile(self.bundle, "w") as archive:
            for name, content in members.items():
                archive.writestr(name, content)


def auditor(ledger: Ledger, key: SigningKey, tmp_path: Path, roots: list[str] | None = None, **how: bool) -> Auditor:
    bundle = tmp_path / "runs.zip"
    export_bundle(ledger.database, key, bundle, roots, **how)
    return Auditor(tmp_path / "auditor", bundle, tmp_path / "home" / PUBLIC)


def test_a_sound_bundle_is_verified_elsewhere(ledger: Ledger, key: SigningKey, tmp_path: Path) -> None:
    finished(ledger)
    written(ledger, begun(ledger, inputs={"note": 'quotes " and \\ and\nlines, \u0007, Привет, 🧾'}))
    code, said = auditor(ledger, key, tmp_path).verify()
    assert code == 0, said
    assert said.startswith("2 runs, ")
    assert "all hold" in said
    assert standalone.fingerprint(key.public) in said


def test_a_bundle_of_some_runs_holds_those_and_what_is_below_them(
    ledger: Ledger, key: SigningKey, tmp_path: Path
) -> None:
    finished(ledger)
    head = begun(ledger)
    with ledger.database.write() as connection:
        child = ledger.runs.create_in(connection, new_run(parent_id=head.run_id, parent_step="s", item_key="1"))
    found = auditor(ledger, key, tmp_path, [head.run_id])
    with zipfile.ZipFile(found.bundle) as archive:
        runs = {json.loads(line)[0] for line in archive.read("entries.jsonl").splitlines()}
        files = [name for name in archive.namelist() if name.startswith("artifacts/")]
    assert (runs, files) == ({head.run_id, child.id}, [])
    assert found.verify()[0] == 0


def test_without_payloads_a_bundle_says_that_it_was_not_all_checked(
    ledger: Ledger, key: SigningKey, tmp_path: Path
) -> None:
    finished(ledger)
    found = auditor(ledger, key, tmp_path, payloads=False)
    content = found.bundle.read_bytes()
    with zipfile.ZipFile(found.bundle) as archive:
        content += b"".join(archive.read(name) for name in archive.namelist())
    assert b"anna@example.com" not in content
    code, said = found.verify()
    assert (code, "were left out of this bundle" in said) == (0, True)


def test_what_was_erased_is_accepted_and_counted(ledger: Ledger, key: SigningKey, tmp_path: Path) -> None:
    finished(ledger)
    erasure = Erasure(ledger, Person(["anna@example.com"]))
    erasure.erase(erasure.search(), by="tester")
    code, said = auditor(ledger, key, tmp_path).verify()
    assert code == 0, said
    assert "0 payloads" not in said


# --- forged bundles --------------------------------------------------------------------------------------------------


def lines_of(members: dict[str, bytes], name: str) -> Lines:
    return [json.loads(line) for line in members[name].splitlines()]


def put(members: dict[str, bytes], name: str, lines: Lines) -> None:
    dumped = (json.dumps(line, ensure_ascii=False, separators=(",", ":")) for line in lines)
    members[name] = "".join(f"{line}\n" for line in dumped).encode()


def on_lines(name: str, change: Callable[[Lines], None]) -> Callable[[dict[str, bytes]], None]:
    def done(members: dict[str, bytes]) -> None:
        lines = lines_of(members, name)
        change(lines)
        put(members, name, lines)

    return done


def edit(lines: Lines) -> None:
    lines[2][6] = str(lines[2][6]).replace("crm.find", "crm.lose")


def reorder(lines: Lines) -> None:
    lines[2], lines[3] = lines[3], lines[2]


def renumber(lines: Lines) -> None:
    lines[2][1:7], lines[3][1:7] = lines[3][1:7], lines[2][1:7]


def swap_payloads(lines: Lines) -> None:
    lines[0][2:], lines[1][2:] = lines[1][2:], lines[0][2:]


def drop_first(lines: Lines) -> None:
    del lines[0]


def drop_second(lines: Lines) -> None:
    del lines[1]


def drop_last(lines: Lines) -> None:
    del lines[-1]


def twice(lines: Lines) -> None:
    lines.insert(1, lines[0])


def empty_payload(lines: Lines) -> None:
    lines[0][2:] = [None, None]


def another_owner(lines: Lines) -> None:
    lines[0][0] = "run_somebody_else"


def rewritten(members: dict[str, bytes]) -> None:
    """Make the chain anew after a change: then only the signed checkpoint tells."""
    lines, previous = lines_of(members, "entries.jsonl"), "0" * 64
    edit(lines)
    for line in lines:
        line[7] = previous
        line[8] = previous = entry_hash(previous, *line[:7])  # type: ignore[arg-type]
    put(members, "entries.jsonl", lines)


def rewritten_and_signed(members: dict[str, bytes]) -> None:
    """The same with a checkpoint that fits, signed with a key of one's own."""
    rewritten(members)
    last = lines_of(members, "entries.jsonl")[-1]
    thief = SigningKey(b"\x05" * 32)
    header = {**json.loads(members["checkpoint.jsonl"].splitlines()[0]), "public_key": thief.public.hex()}
    body = b"".join(json.dumps(one).encode() + b"\n" for one in (header, [last[0], last[1], last[8]]))
    digest = hashlib.sha256(body).hexdigest()
    trailer = {"sha256": digest, "signature": thief.sign(standalone.signed_text(digest)).hex()}
    members["checkpoint.jsonl"] = body + json.dumps(trailer).encode() + b"\n"
    members["public_key.pem"] = standalone.write_public_key(thief.public).encode()


def drop_list(members: dict[str, bytes]) -> None:
    del members["payloads.jsonl"]


def nonsense(members: dict[str, bytes]) -> None:
    members["entries.jsonl"] = json.dumps(["run_1", 1, {"a": 2}, None, 5, "x", [], "0" * 64, "h"]).encode() + b"\n"


def change_files(members: dict[str, bytes]) -> None:
    for name in list(members):
        if name.startswith("artifacts/"):
            assert members[name] == REPORT
            members[name] = b"<p>All is well</p>"


def drop_files(members: dict[str, bytes]) -> None:
    for name in list(members):
        if name.startswith("artifacts/"):
            del members[name]


def add_file(members: dict[str, bytes]) -> None:
    members["artifacts/art_of_mine"] = b"x"


def change_definition(members: dict[str, bytes]) -> None:
    for name in list(members):
        if name.startswith("definitions/"):
            members[name] = b"{}"


FORGERIES: dict[str, tuple[Callable[[dict[str, bytes]], None], str]] = {
    "edited": (on_lines("entries.jsonl", edit), "entry 3: its content was changed"),
    "reordered": (on_lines("entries.jsonl", reorder), "entry 3"),
    "renumbered": (on_lines("entries.jsonl", renumber), "entry 3"),
    "first entry deleted": (on_lines("entries.jsonl", drop_first), "entry 1 is missing"),
    "truncated": (on_lines("entries.jsonl", drop_last), "its entries at 7"),
    "an entry twice": (on_lines("entries.jsonl", twice), "it stands in the wrong place"),
    "no entries at all": (lambda members: members.update({"entries.jsonl": b""}), "the run is missing"),
    "payloads swapped": (on_lines("payloads.jsonl", swap_payloads), "its payload was changed"),
    "payload deleted": (on_lines("payloads.jsonl", drop_first), "its payload is missing"),
    "payload emptied": (on_lines("payloads.jsonl", empty_payload), "no entry says that it was erased"),
    "payload moved": (on_lines("payloads.jsonl", another_owner), "its payload is missing"),
    "written anew": (rewritten, "the run ends at entry"),
    "written anew and signed": (rewritten_and_signed, "signed with another key"),
    "head changed": (on_lines("checkpoint.jsonl", drop_second), "its signature does not hold"),
    "file changed": (change_files, "was changed"),
    "file deleted": (drop_files, "is missing"),
    "file added": (add_file, "artifacts/art_of_mine: no entry names it"),
    "definition changed": (change_definition, "was changed"),
}


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Auditor:
    """Somebody with a sound bundle of one run."""
    folder = tmp_path_factory.mktemp("sound")
    ledger = Ledger(f"sqlite:///{folder / 'ledger.db'}")
    try:
        finished(ledger)
        return auditor(ledger, signing_key(folder / "home"), folder)
    finally:
        ledger.close()


@pytest.fixture
def found(sound: Auditor, tmp_path: Path) -> Auditor:
    """Somebody with a bundle that a test may change."""
    copy = tmp_path / "runs.zip"
    shutil.copy(sound.bundle, copy)
    return Auditor(tmp_path / "auditor", copy, sound.key)


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_forged_bundle_is_found_out(forgery: str, found: Auditor) -> None:
    change, why = FORGERIES[forgery]
    found.rewrite(change)
    code, said = found.verify()
    assert code == 1, said
    assert why in said


@pytest.mark.parametrize("broken", [b"no zip", b"PK\x03\x04 no zip either"])
def test_what_is_no_bundle_is_not_verified(broken: bytes, found: Auditor) -> None:
    found.bundle.write_bytes(broken)
    assert found.verify()[0] == 2
    found.bundle.unlink()
    assert found.verify()[0] == 2


@pytest.mark.parametrize("byte", [6, 8])
def test_a_bundle_that_asks_for_another_kind_of_archive_is_not_verified(byte: int, found: Auditor) -> None:
    whole = bytearray(found.bundle.read_bytes())
    whole[whole.index(b"PK\x01\x02") + byte] = 0x65  # the version needed to open it, or that it is encrypted
    found.bundle.write_bytes(whole)
    code, said = found.verify()
    assert (code, said.startswith("error: ")) == (2, True)


@pytest.mark.parametrize("change", [drop_list, nonsense])
def test_a_bundle_with_a_list_that_is_none_is_not_verified(
    change: Callable[[dict[str, bytes]], None], found: Auditor
) -> None:
    found.rewrite(change)
    code, said = found.verify()
    assert (code, said.startswith("error: ")) == (2, True)


def test_the_script_needs_nothing_but_python_3_9() -> None:
    source = Path(standalone.__file__).read_text(encoding="utf-8")
    tree = ast.parse(source, feature_version=(3, 9))
    imported = {
        (node.module or "").partition(".")[0] if isinstance(node, ast.ImportFrom) else node.names[0].name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    assert imported <= sys.stdlib_module_names | {"__future__"}
    assert not any(isinstance(node, ast.Match) for node in ast.walk(tree))
    assert "strict=" not in source  # zip() learned that in 3.10


def test_the_command_exports_runs_by_their_ids(tmp_path: Path) -> None:
    kontora = CommandLine(tmp_path)
    ledger = Ledger(f"sqlite:///{kontora.home / 'ledger.db'}")
    run_id, _ = finished(ledger), finished(ledger)
    ledger.close()
    said = kontora("ledger", "export", run_id, "--out", "runs.zip", "--json")
    assert (said.exit_code, said.document["runs"]) == (0, 1)
    assert Auditor(tmp_path / "auditor", tmp_path / "runs.zip", kontora.home / PUBLIC).verify()[0] == 0
    assert kontora("ledger", "export", "run_nothing", "--out", "none.zip").exit_code == 4
    assert not (tmp_path / "none.zip").exists()
