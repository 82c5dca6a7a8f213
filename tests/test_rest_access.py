"""Who may enter: with a token whoever shows it, without one programs on this machine, and no web page."""

from __future__ import annotations

import socket
from pathlib import Path

import httpx
import pytest
from kontora_api.access import host_name, is_loopback
from kontora_api.body_limit import MAX_BODY
from kontora_api.server import CannotListen, NotLoopback, listening
from kontora_worker.settings import SettingsInvalid

from tests.rest_office import API, furnished, rest_office

TOKEN = "a-long-random-text"


def test_with_a_token_nothing_of_the_installation_is_told_without_it(tmp_path: Path) -> None:
    with rest_office(tmp_path, api_token=TOKEN) as here:
        paths = here.client.get(f"{API}/openapi.json").json()["paths"]
        told = {path for path, methods in paths.items() if "get" in methods}
        for path in told - {"/healthz", "/readyz"}:
            answer = here.client.get(path)
            assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized"), path
            assert answer.headers["www-authenticate"] == 'Bearer realm="kontora"'
        for path in ("/healthz", "/readyz", "/reference", "/errors/unauthorized"):
            assert here.client.get(path).status_code == 200


@pytest.mark.parametrize("header", [f"Bearer {TOKEN}x", "Bearer", f"Basic {TOKEN}", TOKEN, "Bearer жетон"])
def test_another_token_is_none(header: str, tmp_path: Path) -> None:
    with rest_office(tmp_path, api_token=TOKEN) as here:
        for method, path in (("GET", "/runs"), ("POST", "/workflows/reading/runs"), ("DELETE", "/schedules/sch_1")):
            answer = here.client.request(method, API + path, headers={b"Authorization": header.encode()})
            assert answer.status_code == 401
            assert TOKEN not in answer.text


def test_whoever_shows_a_token_may_enter_under_its_name_from_anywhere(tmp_path: Path) -> None:
    with rest_office(tmp_path, api_token=TOKEN, tokens={"anna": "annas-own"}) as here:
        for token, principal in ((TOKEN, "token:api"), ("annas-own", "person:anna")):
            answer = here.client.post(
                f"{API}/workflows/reading/runs",
                headers={"Authorization": f"Bearer {token}", "Host": "kontora.example", "Origin": "https://a.example"},
            )
            assert (answer.status_code, answer.json()["principal"]) == (202, principal)


def test_tokens_are_read_from_where_they_are_kept_and_are_never_empty_or_shared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THE_TOKEN", TOKEN)
    with rest_office(tmp_path / "a", api_token="env:THE_TOKEN") as here:
        assert here.client.get(f"{API}/runs", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200
    (tmp_path / "token").write_text("\n", encoding="utf-8")
    for name, tokens in (("b", {"anna": f"file:{tmp_path / 'token'}"}), ("c", {"anna": "x", "boris": "x"})):
        with pytest.raises(SettingsInvalid, match="token of person:"), rest_office(tmp_path / name, tokens=tokens):
            pass


def test_without_a_token_the_api_answers_to_this_machines_own_names_only(tmp_path: Path) -> None:
    with rest_office(tmp_path) as here:
        port = httpx.URL(here.url).port
        for host in (f"127.0.0.1:{port}", f"localhost:{port}", "LOCALHOST", f"[::1]:{port}"):
            assert here.client.get(f"{API}/runs", headers={"Host": host}).status_code == 200
        for host in (
            "evil.example",
            f"evil.example:{port}",
            "127.0.0.1.evil.example",
            "192.0.2.1",
            "localhost.evil",
            "",
        ):
            answer = here.client.get(f"{API}/runs", headers={"Host": host})
            assert (answer.status_code, answer.json()["code"]) == (421, "foreign_host"), host


def test_without_a_token_no_page_of_another_site_starts_anything(tmp_path: Path) -> None:
    with rest_office(tmp_path) as here:
        for origin in ("https://evil.example", "http://localhost:1", "null"):
            answer = here.client.post(f"{API}/workflows/reading/runs", headers={"Origin": origin})
            assert (answer.status_code, answer.json()["code"]) == (403, "foreign_origin")
        assert here.get("/runs")["items"] == []
        answer = here.client.post(f"{API}/workflows/reading/runs", headers={"Origin": here.url})
        assert answer.status_code == 202


@pytest.mark.parametrize(
    ("header", "ours"),
    [
        *((name, True) for name in ("127.0.0.1", "[::1]:80", "localhost:", "127.1.2.3:8")),
        *((name, False) for name in ("0.0.0.0", "localhost.", "2130706433", "", "[::ffff:10.0.0.1]", "::1.evil")),
    ],
)
def test_a_host_is_this_machine_or_it_is_not(header: str, ours: bool) -> None:
    assert is_loopback(host_name(header)) is ours


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_without_a_token_others_cannot_be_let_in(host: str, tmp_path: Path) -> None:
    with pytest.raises(NotLoopback, match="no token is set") as refused, listening(furnished(tmp_path), host, 0):
        pass
    assert "KONTORA_API_TOKEN" in refused.value.hint


def test_with_a_token_others_can_be_let_in(tmp_path: Path) -> None:
    with listening(furnished(tmp_path, api_token=TOKEN), "0.0.0.0", 0) as listener:
        assert listener.getsockname()[0] == "0.0.0.0"


@pytest.mark.parametrize("host", ["nowhere.invalid", "192.0.2.1", "not a host"])
def test_where_the_api_cannot_listen_is_said(host: str, tmp_path: Path) -> None:
    house = furnished(tmp_path, api_token=TOKEN)
    with pytest.raises(CannotListen, match=r"host|address") as refused, listening(house, host, 0):
        pass
    assert "127.0.0.1" in refused.value.hint


def test_every_answer_forbids_sniffing_framing_and_caching(tmp_path: Path) -> None:
    with rest_office(tmp_path) as here:
        for path in ("/healthz", f"{API}/runs", f"{API}/nowhere", "/reference", "/errors"):
            headers = here.client.get(path).headers
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["cache-control"] == "no-store"
            assert headers["referrer-policy"] == "no-referrer"
            assert "default-src 'none'" in headers["content-security-policy"]
            assert "server" not in headers


def test_a_body_that_is_too_large_is_refused_whether_it_says_so_or_not(tmp_path: Path) -> None:
    with rest_office(tmp_path) as here:
        path, headers = f"{API}/workflows/validate", {"Content-Type": "text/yaml"}
        large = b"#" * (MAX_BODY + 1)
        pieces = (large[start : start + 65536] for start in range(0, len(large), 65536))
        for content in (large, pieces):
            answer = here.client.post(path, content=content, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
        answer = here.client.post(path, content=large[:-1], headers=headers)
        assert answer.status_code == 200


def test_what_is_not_http_does_not_stop_the_server(tmp_path: Path) -> None:
    with rest_office(tmp_path) as here:
        url = httpx.URL(here.url)
        for noise in (
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        ):
            with socket.create_connection((url.host, url.port or 0), timeout=10) as connection:
                connection.sendall(noise)
                assert b" 200 " not in connection.recv(1000)
        assert here.client.get("/healthz").status_code == 200
