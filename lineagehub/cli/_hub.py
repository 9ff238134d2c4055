"""The hub's management API for commands: where it is, one request, and refusals as one sentence with the next step."""

from __future__ import annotations

import http.client
import json
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import typer

from lineagehub.errors import ConfigurationError, LineageHubError, Unavailable

TIMEOUT_SECONDS = 30.0

URL: str = typer.Option("http://127.0.0.1:8080", "--url", envvar="LINEAGEHUB_URL", help="The hub's web.")
API_KEY: str = typer.Option("", "--api-key", envvar="LINEAGEHUB_API_KEY", help="An operator's or an owner's key.")
JSON_OUTPUT: bool = typer.Option(False, "--json", help="Print one JSON document.")
YES: bool = typer.Option(False, "--yes", help="Do not ask.")


class HubRefused(LineageHubError):
    """The hub refused a request. `status` is HTTP's, `next_step` what to do."""

    def __init__(self, status: int, message: str, next_step: str) -> None:
        super().__init__(message)
        self.status = status
        self.next_step = next_step


@dataclass(frozen=True, slots=True)
class Reply:
    """What the hub answered: a document, and the ETag of its revision where it has one."""

    document: dict[str, Any]
    etag: str


class HubClient:
    """Sends requests with one key. Every method raises HubRefused, Unavailable (69), or ConfigurationError (78) for the key."""

    def __init__(self, url: str, api_key: str) -> None:
        if not api_key:
            raise ConfigurationError(
                "LINEAGEHUB_API_KEY is not set.",
                "export LINEAGEHUB_API_KEY=… (`lineagehub up` and `lineagehub bootstrap` print an operator's key)",
            )
        if not url.startswith(("http://", "https://")):
            raise ConfigurationError(
                f"{url!r} is no URL of a hub.", "Set LINEAGEHUB_URL, such as http://127.0.0.1:8080."
            )
        self._url = url.rstrip("/")
        self._api_key = api_key

    def send(self, method: str, path: str, document: Any = None, if_match: str = "") -> Reply:
        """Send one request; return the answer to it."""
        answered, etag = self._exchange(method, path, document, if_match)
        try:
            return Reply(json.loads(answered), etag)
        except ValueError as error:
            raise self._no_hub() from error

    def _exchange(self, method: str, path: str, document: Any = None, if_match: str = "") -> tuple[bytes, str]:
        """Send one request; return body and ETag of the answer."""
        body = None if document is None else json.dumps(document).encode()
        request = urllib.request.Request(f"{self._url}/api/v1/{path}", body, method=method)  # noqa: S310 the user's own URL
        request.add_header("Authorization", f"Bearer {self._api_key}")
        if body is not None:
            request.add_header("Content-Type", "application/json")
        if if_match:
            request.add_header("If-Match", if_match)
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310 the user's own URL
                return answer.read(), answer.headers.get("ETag", "")
        except urllib.error.HTTPError as error:
            raise self._refusal(error) from error
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", error)
            said = getattr(reason, "strerror", None) or reason
            raise Unavailable("web", f"The hub at {self._url} does not answer: {said}.") from error

    def download(self, path: str) -> bytes:
        """Read the bytes of one answer that is no document."""
        return self._exchange("GET", path)[0]

    def get(self, path: str) -> Reply:
        """Read one document."""
        return self.send("GET", path)

    def find(self, path: str) -> Reply | None:
        """Read one document, None if there is no such thing."""
        try:
            return self.get(path)
        except HubRefused as refused:
            if refused.status == 404:
                return None
            raise

    def _no_hub(self) -> LineageHubError:
        return ConfigurationError(f"What answers at {self._url} is no LineageHub.", "Set LINEAGEHUB_URL.")

    def _refusal(self, error: urllib.error.HTTPError) -> LineageHubError:
        try:
            problem = json.loads(error.read())
            detail, errors = str(problem["detail"]), problem["errors"]
        except (ValueError, KeyError, TypeError, OSError):
            return ConfigurationError(
                f"{self._url} answers {error.code}, but not as a LineageHub does.", "Set LINEAGEHUB_URL."
            )
        if error.code == 401:
            return ConfigurationError(detail, "export LINEAGEHUB_API_KEY=… with a live key.")
        if error.code == 503:
            return Unavailable("web", detail)
        others = "".join(f" {fault['pointer']}: {fault['detail']}" for fault in errors[1:])
        return HubRefused(error.code, detail + others, _NEXT_STEPS.get(error.code, ""))


_NEXT_STEPS = {
    403: "Use an operator's key, or an owner's of this namespace.",
    404: "lineagehub namespaces list",
    412: "Look at it again, and repeat the command if it is still meant.",
    429: "Wait a while and repeat the command: what is made stays, and `apply` makes the rest.",
}


def path_to(namespace: str, *rest: str) -> str:
    """Return the path of a namespace's management, or of what is below it."""
    return "/".join(["namespaces", quote(namespace, safe=""), *(quote(part, safe="") for part in rest)])


def ask(question: str, yes: bool) -> None:
    """Go on if the user says so, or has said --yes. Without a terminal to ask on that is a wrong usage."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise typer.BadParameter(f"{question} Say so with --yes.", param_hint="--yes")
    if not typer.confirm(question, err=True):
        raise typer.Exit(1)


def show(document: Any, json_output: bool, text: str) -> None:
    """Print the document as JSON, or the text."""
    print(json.dumps(document) if json_output else text)


def table(heads: tuple[str, ...], rows: list[tuple[object, ...]]) -> str:
    """Return rows under their heads, in columns."""
    lines = [heads, *(tuple("" if cell is None else str(cell) for cell in row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(heads))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )
