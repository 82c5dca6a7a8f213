"""The image and the services of `compose.yaml`, as far as they can be judged without an engine."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from kontora_worker.settings import load_settings

ROOT = Path(__file__).parent.parent
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
ONE_SHOT = {"model-pull"}
GUARDED = re.compile(r"\$\{\w+:\?[^}]+\}")

every_service = pytest.mark.parametrize("name", sorted(SERVICES))


def dockerfile() -> list[tuple[str, str]]:
    """Return the instructions with their arguments."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(line.split(None, 1)[0], line.split(None, 1)[1].strip()) for line in lines]


def test_all_parts_of_a_production_set_up_are_there() -> None:
    assert set(SERVICES) == {"postgres", "redis", "ollama", "model-pull", "api", "worker"}


@every_service
def test_a_service_runs_without_root_and_cannot_gain_rights(name: str) -> None:
    service = SERVICES[name]
    assert str(service["user"]).split(":")[0] not in ("", "0", "root")
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["read_only"] is True
    assert "privileged" not in service


@every_service
def test_a_service_says_when_it_is_healthy(name: str) -> None:
    if name in ONE_SHOT:
        assert SERVICES[name]["restart"].startswith("on-failure")
    else:
        assert SERVICES[name]["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL")
        assert SERVICES[name]["restart"] == "unless-stopped"


@every_service
def test_a_service_waits_for_what_is_healthy_or_done(name: str) -> None:
    for other, wanted in SERVICES[name].get("depends_on", {}).items():
        expected = "service_completed_successfully" if other in ONE_SHOT else "service_healthy"
        assert wanted["condition"] == expected


@every_service
def test_an_image_names_its_version(name: str) -> None:
    assert re.fullmatch(r"[\w./-]+:\d[\w.-]*", SERVICES[name]["image"])


@every_service
def test_volumes_and_networks_are_declared(name: str) -> None:
    assert {mount.split(":")[0] for mount in SERVICES[name].get("volumes", [])} <= set(COMPOSE["volumes"])
    assert set(SERVICES[name]["networks"]) <= set(COMPOSE["networks"])


def test_only_the_api_is_published_and_only_on_loopback() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert list(published) == ["api"]
    assert all(port.startswith("127.0.0.1:") for port in published["api"])


def test_what_holds_data_cannot_reach_the_world() -> None:
    assert COMPOSE["networks"]["inside"]["internal"] is True
    assert SERVICES["postgres"]["networks"] == SERVICES["redis"]["networks"] == ["inside"]


def test_secrets_come_from_outside_and_their_absence_is_an_error_that_says_where_to_set_them() -> None:
    for name, service in SERVICES.items():
        for key, value in service.get("environment", {}).items():
            if re.search("PASSWORD|TOKEN|SECRET|_URL", key):
                assert GUARDED.search(value), f"{name}: {key}"
                assert "set it in .env" in value


def test_api_and_worker_are_one_image_on_the_same_data() -> None:
    api, worker = SERVICES["api"], SERVICES["worker"]
    assert api["image"] == worker["image"]
    assert api["environment"] == worker["environment"]
    assert api["volumes"] == worker["volumes"]
    assert {"KONTORA_HOME", "KONTORA_DATABASE_URL", "KONTORA_BROKER_URL"} <= set(api["environment"])


def test_every_setting_of_the_containers_is_one_that_kontora_reads(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    given = SERVICES["api"]["environment"]
    for name, value in given.items():
        monkeypatch.setenv(name, GUARDED.sub("x", value))
    file = COMPOSE["configs"]["settings"]["file"].removesuffix("}").partition(":-")[2]
    shutil.copy(ROOT / file, tmp_path / "kontora.toml")
    settings = load_settings(str(tmp_path))
    assert set(given) - {"KONTORA_HOME"} <= set(settings.origin.values())
    assert settings.host == "0.0.0.0"
    assert SERVICES["api"]["ports"] == [f"127.0.0.1:${{KONTORA_PORT:-{settings.port}}}:{settings.port}"]
    assert settings.models["default"].url == "http://" + SERVICES["model-pull"]["environment"]["OLLAMA_HOST"][7:]


def test_the_image_is_built_in_two_stages_and_runs_without_root() -> None:
    steps = dockerfile()
    assert [name for name, _ in steps].count("FROM") == 2
    users = [argument for name, argument in steps if name == "USER"]
    assert users == [SERVICES["api"]["user"]]
    last = [name for name, _ in steps]
    assert last.index("USER") > max(i for i, name in enumerate(last) if name == "RUN")
    assert "HEALTHCHECK" in last


def test_the_image_holds_every_package_of_the_wheel_and_no_secret() -> None:
    steps = dockerfile()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    rooms = {package.split("/")[0] for package in project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]}
    copied = {word for name, argument in steps if name == "COPY" for word in argument.split()[:-1]}
    assert rooms | {"pyproject.toml", "README.md", "LICENSE"} <= copied
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line[:1] == "!"}
    assert {word for word in copied if not word.startswith(("--", "/"))} == let_in
    assert not [
        argument for name, argument in steps if name in ("ARG", "ENV") and re.search("PASS|TOKEN|SECRET", argument)
    ]


def _has_compose() -> bool:
    docker = shutil.which("docker")
    return docker is not None and subprocess.run([docker, "compose", "version"], capture_output=True).returncode == 0


@pytest.mark.skipif(not _has_compose(), reason="`docker compose` is not installed: the other tests here read the file")
def test_docker_compose_accepts_the_file_and_insists_on_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("POSTGRES_PASSWORD", "REDIS_PASSWORD", "KONTORA_API_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    ask = ["docker", "compose", "--env-file", "/dev/null", "config", "--quiet"]
    refused = subprocess.run(ask, cwd=ROOT, capture_output=True, text=True, check=False)
    assert "set it in .env" in refused.stderr
    for name in ("POSTGRES_PASSWORD", "REDIS_PASSWORD", "KONTORA_API_TOKEN"):
        monkeypatch.setenv(name, "x")
    assert subprocess.run(ask, cwd=ROOT, check=False).returncode == 0
