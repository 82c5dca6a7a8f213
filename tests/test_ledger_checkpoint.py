"""Checkpoints: what a signed list of heads shows that a ledger by itself cannot."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from kontora_workflows.ledger import Ledger
from kontora_workflows.ledger.checkpoint import CheckpointInvalid, Compared, compare, write_checkpoint
from kontora_workflows.ledger.retention import Retention
from kontora_workflows.ledger.signing import PRIVATE, PUBLIC, KeyUnusable, SigningKey, public_key, signing_key
from kontora_workflows.ledger.standalone import ORDER, fingerprint, signature_holds
from sqlalchemy import text

from tests.command_line import CommandLine
from tests.ledger_book import begun, broken, ended_days_ago, finished, forging
from tests.test_ledger_verification import rehash


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Ledger]:
    opened = Ledger(ledger_url)
    yield opened
    opened.close()


@pytest.fixture
def key(tmp_path: Path) -> SigningKey:
    return signing_key(tmp_path / "home")


# --- the key ---------------------------------------------------------------------------------------------------------

#: Test vectors of RFC 8032, section 7.1: secret key, public key, message, signature.
VECTORS = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
        "d25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
        "387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc659"
        "4a7c15e9716ed28dc027beceea1ec40a",
    ),
]


@pytest.mark.parametrize(("secret", "public", "message", "signature"), VECTORS)
def test_signatures_are_those_of_the_standard(secret: str, public: str, message: str, signature: str) -> None:
    key = SigningKey(bytes.fromhex(secret))
    assert key.public.hex() == public
    assert key.sign(bytes.fromhex(message)).hex() == signature
    assert signature_holds(key.public, bytes.fromhex(message), bytes.fromhex(signature))


def test_only_the_one_signature_of_the_one_message_holds() -> None:
    key = SigningKey(b"\x07" * 32)
    signature = key.sign(b"message")
    assert signature_holds(key.public, b"message", signature)
    larger = int.from_bytes(signature[32:], "little") + ORDER
    for public, message, other in [
        (key.public, b"massage", signature),
        (SigningKey(b"\x08" * 32).public, b"message", signature),
        (key.public, b"message", signature[:32] + larger.to_bytes(32, "little")),
        (key.public, b"message", bytes(64)),
        (key.public, b"message", signature[:63]),
        (b"\xff" * 32, b"message", signature),
        (key.public[:31], b"message", signature),
        *(
            (key.public, b"message", signature[:at] + bytes([signature[at] ^ 1]) + signature[at + 1 :])
            for at in (0, 40)
        ),
    ]:
        assert not signature_holds(public, message, other)


def test_the_key_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    home = tmp_path / "home"
    first, second = signing_key(home), signing_key(home)
    assert first.public == second.public == public_key(home / PUBLIC)
    assert stat.S_IMODE((home / PRIVATE).stat().st_mode) == 0o600
    assert {path.name for path in home.iterdir()} == {PRIVATE, PUBLIC}


def test_a_key_whose_making_broke_off_is_made_or_finished_by_the_next_who_needs_it(tmp_path: Path) -> None:
    (tmp_path / f".{PRIVATE}.{os.getpid()}").touch()  # a process of our number was killed, or had no room
    first = signing_key(tmp_path)
    (tmp_path / PUBLIC).unlink()
    assert signing_key(tmp_path).public == first.public == public_key(tmp_path / PUBLIC)
    assert {path.name for path in tmp_path.iterdir()} == {PRIVATE, PUBLIC}


def test_a_file_that_holds_no_key_is_named(tmp_path: Path) -> None:
    (tmp_path / PRIVATE).write_text("-----BEGIN PRIVATE KEY-----\naGVsbG8=\n-----END PRIVATE KEY-----\n", "ascii")
    with pytest.raises(KeyUnusable, match="holds no Ed25519 key"):
        signing_key(tmp_path)
    with pytest.raises(KeyUnusable, match="holds no Ed25519 public key"):
        public_key(tmp_path / PRIVATE)
    with pytest.raises(KeyUnusable, match="cannot be read"):
        public_key(tmp_path / "nothing")


# --- what a checkpoint shows -----------------------------------------------------------------------------------------


def made(ledger: Ledger, key: SigningKey, tmp_path: Path) -> Path:
    path = tmp_path / "checkpoint.jsonl"
    write_checkpoint(ledger.database, key, path)
    return path


def whys(compared: Compared) -> dict[str, str]:
    return {one.run_id: one.why for one in compared.breaks}


def test_a_ledger_that_went_on_since_fits_its_checkpoint(ledger: Ledger, key: SigningKey, tmp_path: Path) -> None:
    finished(ledger)
    head = begun(ledger)
    path = made(ledger, key, tmp_path)
    ledger.entries.append(head, "step.started", "a")
    finished(ledger)
    compared = compare(ledger.database, path, key.public)
    assert (compared.runs, compared.removed, compared.breaks) == (2, [], [])


def test_the_end_of_a_chain_that_was_cut_off_clean_is_found(ledger: Ledger, key: SigningKey, tmp_path: Path) -> None:
    head = begun(ledger)
    before = (head.seq, head.hash)
    ledger.entries.append(head, "step.started", "a")
    path = made(ledger, key, tmp_path)
    with forging(ledger.database) as connection:
        values = {"id": head.run_id, "seq": before[0], "hash": before[1]}
        connection.execute(text("DELETE FROM entries WHERE run_id = :id AND seq > :seq"), values)
        connection.execute(text("UPDATE runs SET head_seq = :seq, head_hash = :hash WHERE id = :id"), values)
    assert broken(ledger) == {}
    assert whys(compare(ledger.database, path, key.public)) == {head.run_id: f"it was cut off after entry {before[0]}"}


def test_a_run_that_was_taken_away_whole_is_found(ledger: Ledger, key: SigningKey, tmp_path: Path) -> None:
    run_id = finished(ledger)
    path = made(ledger, key, tmp_path)
    with forging(ledger.database) as connection:
        for table in ("entries", "payloads", "approvals", "artifacts", "runs"):
            connection.execute(text(f"DELETE FROM {table}"))
    assert broken(ledger) == {}
    assert whys(compare(ledger.database, path, key.public)) == {run_id: "the run has vanished"}


@pytest.mark.parametrize("grown", [False, True])
def test_a_chain_that_was_written_anew_is_found(ledger: Ledger, key: SigningKey, tmp_path: Path, grown: bool) -> None:
    head = begun(ledger)
    ledger.entries.append(head, "tool.intended", "a", {"tool": "bank.pay", "amount": "900.00"})
    path = made(ledger, key, tmp_path)
    if grown:
        ledger.entries.append(head, "step.started", "b")
    with forging(ledger.database) as connection:
        connection.execute(text("UPDATE entries SET body = replace(body, '900.00', '100.00')"))
    rehash(ledger, head.run_id)
    assert broken(ledger) == {}
    assert "written anew" in whys(compare(ledger.database, path, key.public))[head.run_id]


def test_a_run_that_retention_removed_is_told_from_one_that_vanished(
    ledger: Ledger, key: SigningKey, tmp_path: Path
) -> None:
    run_id = finished(ledger)
    path = made(ledger, key, tmp_path)
    ended_days_ago(ledger, run_id, 400)
    retention = Retention(ledger.database)
    for family in retention.due(365):
        retention.remove(family, by="local:boss", why="ended more than 365 days ago")
    compared = compare(ledger.database, path, key.public)
    assert compared.breaks == []
    assert [(one.run_id, one.by) for one in compared.removed] == [(run_id, "local:boss")]
    later = tmp_path / "later.jsonl"
    assert write_checkpoint(ledger.database, key, later) == 1
    assert compare(ledger.database, later, key.public).breaks == []
    with forging(ledger.database) as connection:
        connection.execute(text("DELETE FROM removed_runs"))
    assert whys(compare(ledger.database, later, key.public)) == {run_id: "the record that it was removed has vanished"}
    assert whys(compare(ledger.database, path, key.public)) == {run_id: "the run has vanished"}


def test_a_record_of_removal_that_does_not_fit_is_found(ledger: Ledger, key: SigningKey, tmp_path: Path) -> None:
    run_id = finished(ledger)
    path = made(ledger, key, tmp_path)
    ended_days_ago(ledger, run_id, 2)
    retention = Retention(ledger.database)
    retention.remove(retention.due(1)[0], by="local:boss", why="old")
    with forging(ledger.database) as connection:
        connection.execute(text("UPDATE removed_runs SET head_seq = 2"))
    assert "with other entries" in whys(compare(ledger.database, path, key.public))[run_id]


def test_a_checkpoint_that_was_changed_cut_or_signed_by_another_is_refused(
    ledger: Ledger, key: SigningKey, tmp_path: Path
) -> None:
    for _ in range(3):
        finished(ledger)
    path = made(ledger, key, tmp_path)
    lines = path.read_bytes().splitlines(keepends=True)
    assert len(lines) == 5
    other = SigningKey(b"\x01" * 32)
    header = json.loads(lines[0])
    forged = json.dumps({**header, "public_key": other.public.hex()}).encode() + b"\n"
    for changed, why in [
        ([lines[0], *lines[2:]], "signature does not hold"),
        ([*lines[:2], lines[3], lines[2], lines[4]], "signature does not hold"),
        ([lines[0], lines[1].replace(b",", b", "), *lines[2:]], "signature does not hold"),
        (lines[:-1], "not a whole checkpoint"),
        ([b"hello\n"], "not a whole checkpoint"),
        ([], "not a whole checkpoint"),
        ([forged, *lines[1:]], f"another key, {fingerprint(other.public)}"),
    ]:
        path.write_bytes(b"".join(changed))
        with pytest.raises(CheckpointInvalid, match=why):
            compare(ledger.database, path, key.public)


def test_the_commands_write_a_checkpoint_and_hold_the_ledger_against_it(tmp_path: Path) -> None:
    kontora = CommandLine(tmp_path)
    ledger = Ledger(f"sqlite:///{kontora.home / 'ledger.db'}")
    try:
        run_id = finished(ledger)
        file = str(tmp_path / "c.jsonl")
        assert kontora("ledger", "checkpoint", "--out", file).exit_code == 0
        whole = kontora("ledger", "verify", "--checkpoint", file, "--json")
        assert (whole.exit_code, whole.document["ok"], whole.document["runs"]) == (0, True, 1)
        with forging(ledger.database) as connection:
            for table in ("entries", "payloads", "approvals", "artifacts", "runs"):
                connection.execute(text(f"DELETE FROM {table}"))
    finally:
        ledger.close()
    assert kontora("ledger", "verify").exit_code == 0
    said = kontora("ledger", "verify", "--checkpoint", file)
    assert said.exit_code == 1
    assert f"{run_id}, entry 8: the run has vanished" in said.stdout
    (tmp_path / "other.pem").write_text("not a key", "ascii")
    said = kontora("ledger", "verify", "--checkpoint", file, "--key", str(tmp_path / "other.pem"))
    assert said.exit_code == 4
    assert "holds no Ed25519 public key" in said.stderr
