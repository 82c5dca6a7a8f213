"""The connector of the fake ERP, found by workers through an entry point like any plugin."""

from __future__ import annotations

import http.client
import json
import os
import signal
from typing import Any
from urllib.parse import urlencode, urlsplit

from kontora_connectors import Config, Connector, Invalid, OutcomeUnknown, Record, Unavailable, read, write

#: Seconds one tool call may take; what hangs longer counts as lost.
PATIENCE_S = 3.0


class Booked(Record):
    number: int
    reference: str
    text: str


class Stock(Record):
    reference: str
    on_hand: int
    lines: list[str]


class FakeErpConfig(Config):
    url: str


class FakeErp(Connector[FakeErpConfig], kind="fake-erp"):
    """One write per way in which a system can treat our key."""

    @read(timeout_s=PATIENCE_S)
    def stock(self, reference: str) -> Stock:
        """Say what is on hand for a reference."""
        return Stock.model_validate(self._read(f"/stock?{urlencode({'reference': reference})}"))

    @read
    def crash(self, reference: str) -> str:
        """Kill the process that asks."""
        self._read(f"/stock?{urlencode({'reference': reference})}")
        os.kill(os.getpid(), signal.SIGKILL)
        return reference

    @write(idempotency="native_key", lookup="by_key", timeout_s=PATIENCE_S)
    def book_native_key(self, reference: str, text: str, *, key: str) -> Booked:
        """Book a record in a system that takes a key and answers a repeat with the first record."""
        return self._book("native_key", reference, text, key)

    @write(idempotency="unique_reference", lookup="by_key", timeout_s=PATIENCE_S)
    def book_unique_reference(self, reference: str, text: str, *, key: str) -> Booked:
        """Book a record in a system that keeps our reference unique."""
        return self._book("unique_reference", reference, text, key)

    @write(idempotency="lookup", lookup="by_key", timeout_s=PATIENCE_S)
    def book_lookup(self, reference: str, text: str, *, key: str) -> Booked:
        """Book a record in a system that can be searched, but books repeats again."""
        return self._book("lookup", reference, text, key)

    @write(idempotency="none", timeout_s=PATIENCE_S)
    def book_none(self, reference: str, text: str, *, key: str) -> Booked:
        """Book a record in a system that throws our key away."""
        return self._book("none", reference, text, key)

    def by_key(self, key: str) -> Booked | None:
        """Find the record that was booked under a key."""
        found = self._read(f"/records?{urlencode({'key': key})}")["record"]
        return None if found is None else Booked.model_validate(found)

    # --- the wire ------------------------------------------------------------------------------------------------

    def _book(self, door: str, reference: str, text: str, key: str) -> Booked:
        body = json.dumps({"reference": reference, "text": text, "key": key})
        try:
            status, document = self._ask("POST", f"/{door}/records", body)
        except ConnectionRefusedError as error:
            raise Unavailable("The ERP does not answer.", detail=repr(error)) from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise OutcomeUnknown("The connection broke before the ERP had answered.", detail=repr(error)) from error
        if status == 409:  # an earlier attempt of ours had come through
            earlier = self.by_key(key)
            if earlier is not None:
                return earlier
        if status in (429, 503):
            raise Unavailable("The ERP takes nothing now.")
        if status in (500, 502, 504):
            raise OutcomeUnknown(f"The ERP broke off with {status}.")
        if status >= 400:
            raise Invalid("The ERP does not take this.", detail=json.dumps(document))
        return Booked.model_validate(document)

    def _read(self, path: str) -> Any:
        try:
            status, document = self._ask("GET", path, None)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Unavailable("The ERP does not answer.", detail=repr(error)) from error
        if status >= 500 or status == 429:
            raise Unavailable(f"The ERP answers with {status}.")
        if status >= 400:
            raise Invalid("The ERP does not take this.", detail=json.dumps(document))
        return document

    def _ask(self, method: str, path: str, body: str | None) -> tuple[int, Any]:
        address = urlsplit(self.config.url)
        connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=2 * PATIENCE_S)
        try:
            connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        finally:
            connection.close()
