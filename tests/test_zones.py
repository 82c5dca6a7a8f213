"""Where a model server is, by its address: in doubt it is somebody else's."""

from __future__ import annotations

import pytest
from kontora_worker.zones import zone_of


@pytest.mark.parametrize(
    ("url", "model", "right"),
    [
        ("http://127.0.0.1:11434", "qwen3:8b", "local"),
        ("http://[::1]:11434", "qwen3:8b", "local"),
        ("http://localhost:1234/v1", "", "local"),
        ("http://ollama:11434", "qwen3:8b", "private"),
        ("http://10.1.2.3:8000/v1", "", "private"),
        ("http://192.168.0.7:8000/v1", "", "private"),
        ("http://gpu.internal:8000", "", "private"),
        ("http://[fd00::1]:8000", "", "private"),
        ("https://api.openai.com/v1", "gpt-5", "external"),
        ("https://gpu.example.org", "", "external"),
        ("http://8.8.8.8:11434", "", "external"),
        ("http://0.0.0.0:11434", "", "external"),
        ("http://127.0.0.1.example.org", "", "external"),
        ("http://localhost.example.org", "", "external"),
        ("http://127.0.0.1:11434", "gpt-oss:120b-cloud", "external"),
        ("http://127.0.0.1:11434", "qwen3-coder:cloud", "external"),
        ("", "", "external"),
    ],
)
def test_the_zone_of_a_model(url: str, model: str, right: str) -> None:
    assert zone_of(url, model) == right
