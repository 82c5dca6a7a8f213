"""REST as a client meets it: a small demo company, an API that listens, and a worker when a test wants one."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import httpx
from kontora_api.server import Server, listening
from kontora_connectors.demo.company import generate
from kontora_worker.house import House
from kontora_worker.settings import InstanceSettings, Settings
from kontora_workflows.ledger.run import Run

API = "/api/v1"

HEAD = """
apiVersion: kontora/v1
title: A test
roles:
  crm: {interface: customers}
"""

READING = f"""{HEAD}
name: reading
inputs:
  part: {{type: string, default: e}}
  count: {{type: integer, default: 2}}
steps:
  - id: accounts
    call: crm.find_accounts
    with: {{name: "${{{{ inputs.part }}}}", limit: "${{{{ inputs.count }}}}"}}
"""

WRITING = f"""{HEAD}
name: writing
steps:
  - id: accounts
    call: crm.find_accounts
    with: {{name: e}}
  - id: note
    approval:
      title: Note that we called
      call: crm.create_activity
      with: {{account_id: "${{{{ steps.accounts.items[0].id }}}}", kind: note, subject: "Звонок"}}
"""

EACH = f"""{HEAD}
name: each
steps:
  - id: accounts
    call: crm.find_accounts
    with: {{name: e, limit: 2}}
  - id: notes
    for_each: ${{{{ steps.accounts.items }}}}
    as: account
    key: ${{{{ account.id }}}}
    steps:
      - id: note
        approval:
          title: ${{{{ account.name }}}}
          call: crm.create_activity
          with: {{account_id: "${{{{ account.id }}}}", kind: note, subject: Hello}}
"""

REPORTING = """
apiVersion: kontora/v1
name: reporting
title: A report
roles:
  erp: {interface: receivables}
steps:
  - id: ageing
    call: erp.receivables_ageing
    with: {as_of: "2026-11-23"}
  - id: report
    report:
      title: Receivables
      sections:
        - currency: ${{ steps.ageing.company.currency }}
          figures:
            - {label: Open, value: "${{ steps.ageing.total }}"}
"""


@dataclass
class RestOffice:
    """An API that listens, its house, and a client of it."""

    house: House
    server: Server
    url: str
    client: httpx.Client

    def get(self, path: str, **query: Any) -> Any:
        """The document at a path below `/api/v1`."""
        answer = self.client.get(API + path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def start(self, workflow: str, **inputs: Any) -> str:
        """Start a run; return its id."""
        answer = self.client.post(f"{API}/workflows/{workflow}/runs", json={"inputs": inputs})
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    def work(self, run_id: str) -> Run:
        """Let a worker take each queued run of the family until nothing is due."""
        runs = self.house.ledger.runs
        while due := [one.id for one in runs.family(run_id) if one.state == "queued"]:
            for one in due:
                self.house.engine.work(one)
        return runs.get(run_id)

    def asked(self, run_id: str) -> dict[str, Any]:
        """The only approval that a run waits for."""
        (approval,) = self.get("/approvals", run=run_id)["items"]
        return dict(approval)


@contextmanager
def rest_office(home: Path, ledger_url: str = "", **settings: Any) -> Iterator[RestOffice]:
    """Open an office in an empty folder, with the workflows above."""
    house = furnished(home, ledger_url, **settings)
    with serving(house) as (server, url), httpx.Client(base_url=url, trust_env=False, timeout=30) as client:
        yield RestOffice(house, server, url, client)


def furnished(home: Path, ledger_url: str = "", **settings: Any) -> House:
    """A house with a small demo company."""
    urls = {name: f"sqlite:///{home / name}.db" for name in ("erp", "crm")}
    generate(urls["erp"], urls["crm"], today=date(2026, 11, 23), customers=60, invoices=600)
    (home / "workflows").mkdir()
    for name, text in (("reading", READING), ("writing", WRITING), ("each", EACH), ("reporting", REPORTING)):
        (home / "workflows" / f"{name}.yaml").write_text(text, encoding="utf-8")
    connectors = {name: InstanceSettings.model_validate({"kind": f"demo-{name}", "url": urls[name]}) for name in urls}
    values = {
        "home": home,
        "file": home / "kontora.toml",
        "database_url": ledger_url or f"sqlite:///{home / 'ledger.db'}",
        "workflows": home / "workflows",
        "connectors": connectors,
    }
    return House(Settings(**{**values, **settings}))


@contextmanager
def serving(house: House) -> Iterator[tuple[Server, str]]:
    """Serve in a thread; gives the server and its URL."""
    urls: queue.Queue[str] = queue.Queue()
    with listening(house, "127.0.0.1", 0) as listener:
        server = Server(house, urls.put)
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            yield server, urls.get(timeout=30)
        finally:
            server.should_exit = True
            thread.join(timeout=30)
            house.close()
    assert not thread.is_alive(), "the server did not end"
