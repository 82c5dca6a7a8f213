"""The key that signs checkpoints: Ed25519, in the data folder, made when it is first needed.

A checkpoint is signed once in a while and by somebody at the machine itself, so plain Python is fast and safe enough;
both files are what other programs call PKCS #8 and SubjectPublicKeyInfo in PEM, so `openssl` can use them too.
"""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
from pathlib import Path

from kontora_workflows.ledger.standalone import BASE, ORDER, encode, multiply, number, read_public_key, write_public_key

PRIVATE, PUBLIC = "checkpoint-key.pem", "checkpoint-key.pub.pem"
_PEM = bytes.fromhex("302e020100300506032b657004220420")


class KeyUnusable(Exception):
    """A file that should hold a key does not."""


class SigningKey:
    """An Ed25519 key pair from 32 secret bytes."""

    def __init__(self, seed: bytes) -> None:
        expanded = hashlib.sha512(seed).digest()
        self._prefix = expanded[32:]
        self._scalar = int.from_bytes(expanded[:32], "little") & (1 << 254) - 8 | 1 << 254
        self.public = encode(multiply(self._scalar, BASE))

    def sign(self, message: bytes) -> bytes:
        """The signature (64 bytes) of a message."""
        nonce = number(self._prefix + message)
        point = encode(multiply(nonce, BASE))
        answer = (nonce + number(point + self.public + message) * self._scalar) % ORDER
        return point + answer.to_bytes(32, "little")


def signing_key(folder: Path) -> SigningKey:
    """The key of a data folder; made, with its public half beside it, if there is none. Raises `KeyUnusable`."""
    path = folder / PRIVATE
    if not path.exists():
        _make(folder)
    data = base64.b64decode("".join(line for line in _text(path).splitlines() if not line.startswith("-----")))
    if len(data) != 48 or not data.startswith(_PEM):
        raise KeyUnusable(f"{path} holds no Ed25519 key.")
    key = SigningKey(data[16:])
    if not (folder / PUBLIC).exists():  # whoever made the key died before it had written this
        _show(folder, key)
    return key


def _make(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    seed = secrets.token_bytes(32)
    text = base64.b64encode(_PEM + seed).decode()
    part = folder / f".{PRIVATE}.{os.getpid()}"
    part.unlink(missing_ok=True)  # of a process that had our number and was killed
    try:
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(f"-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n")
        os.link(part, folder / PRIVATE)  # of two who make one at once, the first stays
    except FileExistsError:
        pass
    finally:
        part.unlink(missing_ok=True)


def _show(folder: Path, key: SigningKey) -> None:
    part = folder / f".{PUBLIC}.{os.getpid()}"
    try:
        part.write_text(write_public_key(key.public), encoding="ascii")
        part.replace(folder / PUBLIC)
    finally:
        part.unlink(missing_ok=True)


def public_key(path: Path) -> bytes:
    """The public key (32 bytes) in a PEM file. Raises `KeyUnusable`."""
    try:
        return read_public_key(_text(path))
    except ValueError:
        raise KeyUnusable(f"{path} holds no Ed25519 public key in PEM.") from None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise KeyUnusable(f"{path} cannot be read: {error}.") from None
