"""Checks a bundle that `kontora ledger export` wrote: `python verify.py BUNDLE.zip [--key public_key.pem]`.

Nothing but Python 3.9 or newer is needed, and nothing of Kontora: the bundle holds a copy of this file, and the ledger
itself uses the same functions. Take the copy and the public key from a place you trust: whoever can forge a bundle can
forge the files in it.
"""

from __future__ import annotations

import base64
import hashlib
import json
import sys
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from json.encoder import encode_basestring as quoted
from operator import itemgetter
from typing import Any, NamedTuple

GENESIS = "0" * 64
FORMAT = "kontora-checkpoint/1"

# --- Ed25519 (RFC 8032). A point is (X, Y, Z, T) with x = X/Z, y = Y/Z, x*y = T/Z. -----------------------------------

_P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, -1, _P) % _P
_ROOT = pow(2, (_P - 1) // 4, _P)  # a square root of -1
_PEM = bytes.fromhex("302a300506032b6570032100")

Point = tuple[int, int, int, int]


def _x(y: int, odd: int) -> int | None:
    """The x of a point with this y; None if there is none."""
    square = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    if (x * x - square) % _P:
        x = x * _ROOT % _P
    if (x * x - square) % _P or (x == 0 and odd):
        return None
    return x if x & 1 == odd else _P - x


def _base() -> Point:
    y = 4 * pow(5, -1, _P) % _P
    x = _x(y, 0)
    assert x is not None
    return x, y, 1, x * y % _P


BASE = _base()


def add(one: Point, other: Point) -> Point:
    """The sum of two points."""
    a = (one[1] - one[0]) * (other[1] - other[0])
    b = (one[1] + one[0]) * (other[1] + other[0])
    c = 2 * _D * one[3] * other[3]
    d = 2 * one[2] * other[2]
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def multiply(times: int, point: Point) -> Point:
    """`point` added to itself so many times."""
    total = (0, 1, 1, 0)
    while times:
        if times & 1:
            total = add(total, point)
        point, times = add(point, point), times >> 1
    return total


def encode(point: Point) -> bytes:
    """The 32 bytes of a point."""
    inverse = pow(point[2], -1, _P)
    x, y = point[0] * inverse % _P, point[1] * inverse % _P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def number(data: bytes) -> int:
    """SHA-512 of `data` as a number below the order of the base point."""
    return int.from_bytes(hashlib.sha512(data).digest(), "little") % ORDER


def signature_holds(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether an Ed25519 signature (64 bytes) of `message` was made with the key of `public` (32 bytes)."""
    if len(public) != 32 or len(signature) != 64:
        return False
    whole = int.from_bytes(public, "little")
    y, odd = whole & (1 << 255) - 1, whole >> 255
    x = _x(y, odd) if y < _P else None
    scalar = int.from_bytes(signature[32:], "little")
    if x is None or scalar >= ORDER:
        return False
    minus = (_P - x, y, 1, -x * y % _P)
    right = add(multiply(scalar, BASE), multiply(number(signature[:32] + public + message), minus))
    return encode(right) == signature[:32]


def read_public_key(pem: str) -> bytes:
    """The 32 bytes of an Ed25519 public key in PEM. Raises `ValueError`."""
    data = base64.b64decode("".join(line for line in pem.split("\n") if not line.startswith("-----")))
    if len(data) != 44 or not data.startswith(_PEM):
        raise ValueError("This is not an Ed25519 public key in PEM.")
    return data[12:]


def write_public_key(public: bytes) -> str:
    """An Ed25519 public key in PEM."""
    return f"-----BEGIN PUBLIC KEY-----\n{base64.b64encode(_PEM + public).decode()}\n-----END PUBLIC KEY-----\n"


def fingerprint(public: bytes) -> str:
    """How people compare keys: the first 16 bytes of the SHA-256 of the key."""
    return "sha256:" + hashlib.sha256(public).hexdigest()[:32]


# --- a chain ---------------------------------------------------------------------------------------------------------


class Break(NamedTuple):
    """Where something does not hold, and why. `seq` is 0 where it is not about one entry."""

    run_id: str
    seq: int
    why: str


class Checked(NamedTuple):
    """What came of checking one run. `noted` are (seq, kind, at, key, body) of the kinds that were asked for."""

    entries: int
    erased: int
    broken: Break | None
    noted: list[tuple[int, str, int, str | None, dict[str, Any]]]


def entry_hash(
    prev_hash: str, run_id: str, seq: int, at: int, kind: str, key: str | None, fence: int, body: str
) -> str:
    """Hash one entry onto the chain (hex)."""
    return _entry_hash(prev_hash, quoted(run_id), seq, at, quoted(kind), key, fence, body)


def _entry_hash(prev_hash: str, run: str, seq: int, at: int, kind: str, key: str | None, fence: int, body: str) -> str:
    """The same for a run and a kind that are quoted already."""
    place = "null" if key is None else quoted(key)
    text = f'["{prev_hash}",{run},{seq},{at},{kind},{place},{fence},{quoted(body)}]'
    return hashlib.sha256(text.encode()).hexdigest()


class _Quoted(dict[str, str]):
    """Words in quotes, each quoted once."""

    def __missing__(self, word: str) -> str:
        self[word] = quoted(word)
        return self[word]


def payload_hash(salt: str, content: str) -> str:
    """The hash that an entry keeps of its payload."""
    return hashlib.sha256((salt + content).encode()).hexdigest()


def stored_payload(salt: str | None, content: str | None) -> str | None:
    """What a payload row comes to: its hash, None once erased, an impossible hash for half of one."""
    if salt is None and content is None:
        return None
    return "" if salt is None or content is None else payload_hash(salt, content)


def check_run(
    run_id: str,
    rows: Iterable[Any],
    head: tuple[int, str] | None,
    payloads: Mapping[int, str | None] | None,
    noting: frozenset[str] = frozenset(),
) -> Checked:
    """Check the entries of one run against each other, its head and its payloads (None: those are not at hand).

    A row is (run_id, seq, at, kind, key, fence, body, prev_hash, hash); `payloads` are what `stored_payload` gave, by
    seq. What `payload.erased` entries name may be gone, and nothing else.
    """
    previous, seq, why = GENESIS, 0, ""
    noted, erased = [], dict[int, int]()
    kept, held, odd = payloads or {}, 0, dict[int, str]()
    run, kinds = quoted(run_id), _Quoted()
    for seq, (_, place, at, kind, key, fence, body, prev_hash, hash_) in enumerate(rows, 1):
        if place != seq:
            why = f"entry {seq} is missing" if place > seq else "it stands in the wrong place"
        elif prev_hash != previous:
            why = "it does not follow from the entry before it"
        elif _entry_hash(prev_hash, run, seq, at, kinds[kind], key, fence, body) != hash_:
            why = "its content was changed"
        if why:
            break
        previous = hash_
        start = body.find('"payload":"') + 11
        if start > 10:
            if kept.get(seq) == body[start : start + 64]:
                held += 1
            else:
                odd[seq] = body
        if kind in noting or kind == "payload.erased":
            data = _object(body)
            if kind == "payload.erased":
                erased |= dict.fromkeys(_numbers(data.get("payloads")), seq)
            if kind in noting:
                noted.append((seq, kind, at, key, data))
    if not why and head is None:
        seq, why = 0, "the run is missing"
    elif not why and head != (seq, previous):
        seq, why = seq + 1, f"the run ends at entry {head and head[0]}, its entries at {seq}"
    broken = Break(run_id, seq, why) if why else None
    if broken is None and payloads is not None:
        broken = _payload_break(run_id, odd, payloads, erased, held)
    return Checked(seq, len(erased), broken, noted)


def _payload_break(
    run_id: str, odd: Mapping[int, str], payloads: Mapping[int, str | None], erased: Mapping[int, int], held: int
) -> Break | None:
    """`odd` are the entries whose payload is not what they name, and `held` counts the others."""
    bodies = {seq: _object(body) for seq, body in odd.items()}
    named = {seq: body["payload"] for seq, body in bodies.items() if "payload" in body}
    for seq, expected in named.items():
        if seq not in payloads:
            return Break(run_id, seq, "its payload is missing")
        if payloads[seq] not in (None, expected):
            return Break(run_id, seq, "its payload was changed")
        if payloads[seq] is None and not erased.get(seq, 0) > seq:
            return Break(run_id, seq, "its payload is gone, and no entry says that it was erased")
    for seq in erased:
        if payloads.get(seq) is not None:
            return Break(run_id, seq, "its payload was erased, and is there again")
    if len(payloads) > held + len(named):
        return Break(run_id, 0, "a payload is there that no entry names")
    return None


def _object(body: str) -> dict[str, Any]:
    """A body, parsed; one that is not an object says nothing."""
    try:
        data = json.loads(body)
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}


def _numbers(value: Any) -> list[int]:
    return [one for one in value if isinstance(one, int)] if isinstance(value, list) else []


# --- a checkpoint: a header, one line per run, a signature of everything above it ------------------------------------


def signed_text(digest: str) -> bytes:
    """What is signed: the format and the SHA-256 (hex) of all lines above the signature."""
    return f"{FORMAT} {digest}\n".encode()


def check_signature(lines: Iterable[bytes], trusted: bytes | None = None) -> dict[str, Any]:
    """The header of a checkpoint. Raises `ValueError`, with the reason, when it is not what was signed with `trusted`.

    Without `trusted` the key in the header is taken; then somebody has to compare its fingerprint.
    """
    sha, first, last = hashlib.sha256(), b"", b""
    for line in lines:
        if last:
            sha.update(last)
        first, last = first or line, line
    header, trailer = _object(first.decode()), _object(last.decode())
    if header.get("format") != FORMAT or "signature" not in trailer:
        raise ValueError("it is not a whole checkpoint")
    public, signature = _bytes(header.get("public_key")), _bytes(trailer["signature"])
    if trusted is not None and public != trusted:
        raise ValueError(f"it was signed with another key, {fingerprint(public)}")
    if not signature_holds(public, signed_text(sha.hexdigest()), signature):
        raise ValueError("its signature does not hold: it was changed")
    return header


def heads(lines: Iterable[bytes]) -> Iterator[list[Any]]:
    """The lines of a checkpoint about runs: [run, seq, hash], and for a removed one [run, seq, hash, when, why]."""
    for line in lines:
        if line.startswith(b"["):
            yield json.loads(line)


def _bytes(text: Any) -> bytes:
    try:
        return bytes.fromhex(str(text))
    except ValueError:
        return b""


# --- a bundle --------------------------------------------------------------------------------------------------------


class Verdict(NamedTuple):
    """What came of checking a bundle. `payloads`: whether it holds what may be personal, so that this was checked."""

    problems: list[str]
    runs: int
    entries: int
    erased: int
    made_at: str
    key: str
    payloads: bool


def check_bundle(path: str, trusted: bytes | None = None) -> Verdict:
    """Check every hash and the signature. Raises `ValueError` when the bundle cannot be read at all."""
    try:
        with zipfile.ZipFile(path) as bundle:
            return _checked(bundle, trusted)
    except (zipfile.BadZipFile, zlib.error, EOFError, LookupError, TypeError, AttributeError, RuntimeError) as error:
        raise ValueError(f"The bundle cannot be read: {error}.") from None


def _checked(bundle: zipfile.ZipFile, trusted: bytes | None) -> Verdict:
    problems: list[str] = []
    with bundle.open("checkpoint.jsonl") as lines:
        header = json.loads(next(iter(lines)))
    try:
        with bundle.open("checkpoint.jsonl") as lines:
            check_signature(lines, trusted)
    except ValueError as error:
        problems.append(f"checkpoint: {error}")
    with bundle.open("checkpoint.jsonl") as lines:
        left = {line[0]: (line[1], line[2]) for line in heads(lines) if len(line) == 3}
    runs, entries, erased, files = len(left), 0, 0, set[str]()
    payloads = _Payloads(bundle) if header["payloads"] else None
    with bundle.open("entries.jsonl") as lines:
        for run_id, rows in groupby(map(json.loads, lines), itemgetter(0)):
            kept = payloads.of(run_id) if payloads else None
            found = check_run(run_id, rows, left.pop(run_id, None), kept, _FILED)
            entries, erased = entries + found.entries, erased + found.erased
            broken = found.broken or _file_break(bundle, run_id, found, files, personal=payloads is not None)
            problems += [f"{broken.run_id}, entry {broken.seq}: {broken.why}"] if broken else []
    problems += [f"{run_id}: the run is missing" for run_id in left]
    problems += payloads.rest() if payloads else []
    strange = {name for name in bundle.namelist() if name.startswith(("artifacts/", "definitions/"))} - files
    problems += [f"{name}: no entry names it" for name in sorted(strange)]
    key = fingerprint(_bytes(header["public_key"]))
    return Verdict(problems, runs, entries, erased, str(header["made_at"]), key, payloads is not None)


#: Entries that name a file of the bundle, or say that one is gone.
_FILED = frozenset({"run.created", "artifact.written", "payload.erased"})


def _file_break(
    bundle: zipfile.ZipFile, run_id: str, found: Checked, files: set[str], *, personal: bool
) -> Break | None:
    """Compare the definition and the artifacts of a run with the hashes in its entries."""
    gone = {one for _, kind, _, _, body in found.noted if kind == "payload.erased" for one in body.get("artifacts", ())}
    for seq, kind, _, _, body in found.noted:
        if kind == "run.created":
            name, hash_ = f"definitions/{body.get('definition')}.json", body.get("definition")
        elif kind == "artifact.written" and personal and body.get("artifact") not in gone:
            name, hash_ = f"artifacts/{body.get('artifact')}", body.get("sha256")
        else:
            continue
        files.add(name)
        if name not in bundle.NameToInfo:
            return Break(run_id, seq, f"{name} is missing")
        with bundle.open(name) as file:
            sha = hashlib.sha256()
            for part in iter(lambda: file.read(1 << 20), b""):
                sha.update(part)
        if sha.hexdigest() != hash_:
            return Break(run_id, seq, f"{name} was changed")
    return None


class _Payloads:
    """The payloads of a bundle, run by run, in the order of the entries."""

    def __init__(self, bundle: zipfile.ZipFile) -> None:
        lines = bundle.open("payloads.jsonl")
        self._groups = groupby(map(json.loads, lines), itemgetter(0))
        self._next = next(self._groups, None)

    def of(self, run_id: str) -> dict[int, str | None]:
        """What `check_run` wants to know about one run."""
        if self._next is None or self._next[0] != run_id:
            return {}
        found = {seq: stored_payload(salt, content) for _, seq, salt, content in self._next[1]}
        self._next = next(self._groups, None)
        return found

    def rest(self) -> list[str]:
        """What no run asked for."""
        return [] if self._next is None else [f"{self._next[0]}: a payload stands in the wrong place"]


def main(arguments: list[str]) -> int:
    """Check a bundle and say what was found. Exit codes: 0 all holds, 1 something does not, 2 nothing to check."""
    if len(arguments) not in (1, 3) or (len(arguments) == 3 and arguments[1] != "--key"):
        print("usage: python verify.py BUNDLE.zip [--key public_key.pem]", file=sys.stderr)
        return 2
    try:
        trusted = None
        if len(arguments) == 3:
            with open(arguments[2], encoding="ascii") as file:
                trusted = read_public_key(file.read())
        verdict = check_bundle(arguments[0], trusted)
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print("\n".join([*verdict.problems, *_told(verdict, trusted)]))
    return 1 if verdict.problems else 0


def _told(verdict: Verdict, trusted: bytes | None) -> Iterator[str]:
    counted = f"{verdict.runs} runs, {verdict.entries} entries, {verdict.erased} payloads erased on request"
    yield f"{counted}: {f'{len(verdict.problems)} do not hold.' if verdict.problems else 'all hold.'}"
    if not verdict.payloads:
        yield "Payloads and files were left out of this bundle; they were not checked."
    said = "the key you gave" if trusted else "compare it with the one you were given"
    yield f"Made at {verdict.made_at}, signed with key {verdict.key} ({said})."


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
