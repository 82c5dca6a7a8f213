"""Delivering into a folder: whole, once, over nobody's file, and never outside."""

from __future__ import annotations

import resource
import threading
from pathlib import Path
from typing import Any

import pytest
from kontora_connectors import Conflict, FileRef, Forbidden, Invalid, Receipt, Unavailable
from kontora_connectors.folder import FolderConfig
from pydantic import ValidationError

from tests.delivery_place import file_ref, folder, put

REPORT = ("Отчёт «ноябрь».html", "<p>Всего 18 412 907,36 ₽</p>".encode())
BOOK = ("ageing.xlsx", bytes(range(256)) * 40)


def visible(path: Path) -> dict[str, bytes]:
    """Every file that a person sees there, by path."""
    found = [file for file in path.rglob("*") if file.is_file() and ".kontora" not in file.parts]
    return {str(file.relative_to(path)): file.read_bytes() for file in found}


def test_files_lie_in_the_folder_of_the_day_and_the_receipt_says_where(tmp_path: Path) -> None:
    receipt = put(folder(tmp_path), REPORT, BOOK)
    day = receipt.at.date().isoformat()
    assert visible(tmp_path) == {f"{day}/{REPORT[0]}": REPORT[1], f"{day}/{BOOK[0]}": BOOK[1]}
    assert receipt.where == str(tmp_path / day)
    assert receipt.files == [file_ref(*REPORT), file_ref(*BOOK)]
    assert list((tmp_path / ".kontora").glob("*.part")) == []


def test_a_repeat_under_the_same_key_returns_the_first_receipt_and_writes_nothing(tmp_path: Path) -> None:
    first = put(folder(tmp_path), REPORT)
    again = put(folder(tmp_path), REPORT)
    assert again == first == folder(tmp_path).receipt_by_key("kontora-1")
    assert len(visible(tmp_path)) == 1


def test_an_earlier_try_that_broke_off_is_gone_on_with_in_the_same_place(tmp_path: Path) -> None:
    whole = put(folder(tmp_path), REPORT, BOOK)
    # Given that the worker died between the last file and the receipt, yesterday
    note = tmp_path / ".kontora" / "kontora-1.json"
    day = Path(whole.where).name
    Path(whole.where).rename(tmp_path / "2020-01-01")
    note.write_text('{"begun": "2020-01-01T23:59:59Z", "receipt": null}', encoding="utf-8")
    (tmp_path / ".kontora" / "kontora-1.dead.part").write_bytes(b"half")
    # Then nothing is there twice, and what was left behind is gone
    receipt = put(folder(tmp_path), REPORT, BOOK)
    assert Path(receipt.where).name == "2020-01-01"
    assert sorted(visible(tmp_path)) == sorted(f"2020-01-01/{name}" for name in (REPORT[0], BOOK[0]))
    assert not (tmp_path / day).exists()
    assert list((tmp_path / ".kontora").glob("*.part")) == []


def test_two_who_deliver_under_one_key_at_once_leave_one_file(tmp_path: Path) -> None:
    receipts: list[Receipt] = []
    start = threading.Barrier(4)

    def deliver() -> None:
        start.wait()
        receipts.append(put(folder(tmp_path), BOOK))

    people = [threading.Thread(target=deliver) for _ in range(4)]
    for person in people:
        person.start()
    for person in people:
        person.join()
    assert len(receipts) == 4
    assert {receipt.files[0].name for receipt in receipts} == {BOOK[0]}
    assert len(visible(tmp_path)) == 1


def test_a_name_that_is_taken_by_another_content_gets_a_number_and_nothing_is_lost(tmp_path: Path) -> None:
    here = folder(tmp_path, subfolder="")
    contents = [b"first", b"second", b"third"]
    receipts = [put(here, ("a.tar.gz", content), key=f"k{n}") for n, content in enumerate(contents)]
    assert [receipt.files[0].name for receipt in receipts] == ["a.tar.gz", "a.tar (2).gz", "a.tar (3).gz"]
    assert sorted(visible(tmp_path).values()) == sorted(contents)


def test_a_changed_file_is_found_when_it_is_read_back(tmp_path: Path) -> None:
    here = folder(tmp_path)
    receipt = put(here, BOOK)
    lying = Path(receipt.where, BOOK[0])
    lying.write_bytes(BOOK[1] + b"!")
    with pytest.raises(Conflict, match="changed since it was delivered"):
        here.receipt_by_key("kontora-1")
    with pytest.raises(Conflict):
        put(here, BOOK)
    lying.unlink()  # taken away by whoever it was for
    assert here.receipt_by_key("kontora-1") == receipt
    assert put(here, BOOK) == receipt
    assert visible(tmp_path) == {}


@pytest.mark.parametrize("name", ["../x", "..", ".", "/etc/x", "a/b", "a\\b", "", ".hidden", "a\x00b", "a\nb"])
def test_a_name_that_is_a_path_is_no_name(name: str) -> None:
    with pytest.raises(ValidationError):
        file_ref(name, b"")


def test_a_name_that_slipped_through_does_not_leave_the_folder(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    bad = file_ref("x", b"evil").model_copy(update={"name": "../../../evil"})
    with pytest.raises((Invalid, Forbidden, Unavailable, ValidationError)):
        folder(inside).deliver([bad], "Report", [], key="k", content_of=lambda _: b"evil")
    assert [path.name for path in tmp_path.iterdir()] == ["inside"]


@pytest.mark.parametrize("subject", ["../../x", "/etc/cron.d", "..", "a/b\\c", " .hidden. ", "я" * 200, "«Итог»"])
def test_a_subject_makes_one_folder_below(tmp_path: Path, subject: str) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    receipt = put(folder(inside, subfolder="{date}/{subject}"), BOOK, subject=subject)
    assert Path(receipt.where).parent.parent == inside
    assert [path.name for path in tmp_path.iterdir()] == ["inside"]


def test_a_link_that_leads_out_is_not_followed(tmp_path: Path) -> None:
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    inside.mkdir()
    outside.mkdir()
    (inside / "Report").symlink_to(outside)
    with pytest.raises(Forbidden, match="leads out"):
        put(folder(inside, subfolder="{subject}"), BOOK)
    assert list(outside.iterdir()) == []


def test_a_link_in_the_place_of_a_file_is_left_alone(tmp_path: Path) -> None:
    target = tmp_path / "elsewhere"
    target.write_bytes(b"theirs")
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / BOOK[0]).symlink_to(target)
    receipt = put(folder(inside, subfolder=""), BOOK)
    assert receipt.files[0].name == "ageing (2).xlsx"
    assert target.read_bytes() == b"theirs"


def test_a_full_disk_leaves_nothing_half_written_and_can_be_tried_again(tmp_path: Path) -> None:
    here, big = folder(tmp_path), ("big.bin", b"x" * 200_000)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(Unavailable, match="no room"):
            put(here, BOOK, big)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert here.receipt_by_key("kontora-1") is None
    assert [Path(name).name for name in visible(tmp_path)] == [BOOK[0]]
    assert list((tmp_path / ".kontora").glob("*.part")) == []
    assert len(put(here, BOOK, big).files) == 2
    assert sorted(Path(name).name for name in visible(tmp_path)) == [BOOK[0], "big.bin"]


def test_a_folder_that_is_gone_is_not_made_and_says_so(tmp_path: Path) -> None:
    gone = folder(tmp_path / "not-mounted")
    assert not gone.check().ok
    assert "is not there" in gone.check().detail
    with pytest.raises(Unavailable, match="is not there"):
        put(gone, BOOK)
    with pytest.raises(Unavailable, match="is not there"):
        gone.receipt_by_key("kontora-1")
    assert list(tmp_path.iterdir()) == []
    assert folder(tmp_path).check().ok
    assert list(tmp_path.iterdir()) == []


def test_a_receipt_that_was_damaged_and_a_key_that_is_no_name_are_refused(tmp_path: Path) -> None:
    put(folder(tmp_path), BOOK)
    (tmp_path / ".kontora" / "kontora-1.json").write_text("{", encoding="utf-8")
    with pytest.raises(Conflict, match="somebody changed it"):
        put(folder(tmp_path), BOOK)
    with pytest.raises(Invalid, match="key of a delivery"):
        put(folder(tmp_path), BOOK, key="../x")


def test_a_name_that_the_file_system_cannot_hold_is_invalid(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="too long"):
        put(folder(tmp_path), ("я" * 190 + ".html", b""))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"path": "relative"}, "from the root"),
        ({"subfolder": "{month}"}, "there is no {month}"),
        ({"subfolder": "../x"}, "below `path`"),
        ({"subfolder": "/x"}, "below `path`"),
        ({"zone": "far"}, "'local', 'private' or 'external'"),
    ],
)
def test_wrong_settings_say_what_is_right(tmp_path: Path, settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        FolderConfig.model_validate({"path": str(tmp_path), **settings})


def test_the_content_is_asked_for_before_anything_is_written(tmp_path: Path) -> None:
    def gone(_: FileRef) -> bytes:
        raise Unavailable("The ledger's database does not answer.")

    with pytest.raises(Unavailable):
        folder(tmp_path).deliver([file_ref(*BOOK)], "Report", [], key="k", content_of=gone)
    assert list(tmp_path.iterdir()) == []
