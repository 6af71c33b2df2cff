"""Serves the live page over HTTP, from threads of a process that makes no load.

What may be read is asked of `Watched`; whether something may be done too, such as to start a race,
is for the routes that are added to it.
"""

from __future__ import annotations

import hmac
import logging
import os
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import orjson
from flask import Flask, Response, abort, request, send_file
from werkzeug.serving import WSGIRequestHandler, make_server

from dragstrip.errors import StorageError, UsageError
from dragstrip.live.capacity_view import CapacityView, is_search
from dragstrip.live.race_view import RaceView
from dragstrip.report.exporters import page_of
from dragstrip.report.html.assets import FOLDER as REPORT_ASSETS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dragstrip.live.race_view import Page
    from dragstrip.run.folder import RunFolder

USER_NAME = "dragstrip"
PASSWORD_VARIABLE = "DRAGSTRIP_WEB_PASSWORD"  # noqa: S105

_ASSETS = Path(__file__).parent / "page"
_FILES = {
    "live.css": _ASSETS,
    "live.js": _ASSETS,
    "theme.js": _ASSETS,
    "report.css": REPORT_ASSETS,
    "report.js": REPORT_ASSETS,
    "save.js": REPORT_ASSETS,
    "charts.js": REPORT_ASSETS,
}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; "
    "frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_PRIORITY = 10
_LOOKED_EVERY_S = 0.9
"""However many browsers ask: this machine may have requests to time."""


@dataclass(frozen=True, slots=True)
class WebUi:
    """Where the page is served, and the password that it asks for, if any."""

    host: str
    port: int
    password: str | None = None

    @property
    def url(self) -> str:
        """Where a browser finds it."""
        return f"http://{self.host}:{self.port}"


class Watched:
    """The race that is shown: `find` says which, anew each time, or that there is none yet."""

    def __init__(self, find: Callable[[], RunFolder | None]) -> None:
        self._find = find
        self._lock = threading.Lock()
        self._folder: RunFolder | None = None
        self._view: RaceView | CapacityView | None = None
        self._looked_s = -_LOOKED_EVERY_S
        self._page: Page = {}

    def page(self) -> Page:
        """Return how the race stands; the same again for a second."""
        with self._lock:
            now_s = time.monotonic()
            if now_s - self._looked_s >= _LOOKED_EVERY_S:
                view = self._current()
                self._page = view.page() if view else {"run": None}
                self._looked_s = time.monotonic()
            return self._page

    def pictures(self) -> Page:
        """Return the pictures of what is over."""
        with self._lock:
            view = self._current()
            return view.pictures() if view else {"theme": {}, "charts": []}

    def report(self) -> Path | None:
        """Return where the report is, once there is one."""
        with self._lock:
            self._current()
            return page_of(self._folder) if self._folder else None

    def _current(self) -> RaceView | CapacityView | None:
        found = self._find()
        if found is None:
            self._view = None
        elif found != self._folder:
            self._view = CapacityView(found) if is_search(found) else RaceView(found)
        self._folder = found
        return self._view


def application(
    watched: Watched,
    *,
    password: str | None = None,
    control: Callable[[], Page | None] = lambda: None,
) -> Flask:
    """Return what answers a browser. `control` says how what it may do stands, if anything."""
    app = Flask("dragstrip.live", static_folder=None)
    app.before_request(lambda: _refuse_strangers(password))
    app.after_request(_harden)
    app.register_error_handler(StorageError, lambda error: (error.message, 503))
    app.add_url_rule("/", "index", lambda: send_file(_ASSETS / "live.html"))
    for name, folder in _FILES.items():
        app.add_url_rule(f"/{name}", name, lambda file=folder / name: send_file(file))
    app.add_url_rule("/state", "state", lambda: as_json({**watched.page(), "control": control()}))
    app.add_url_rule("/pictures", "pictures", lambda: as_json(watched.pictures()))
    app.add_url_rule("/report", "report", lambda: _report(watched.report()))
    return app


def as_json(content: Any) -> Response:
    """Return an answer that a browser need not read twice."""
    answer = Response(orjson.dumps(content), mimetype="application/json")
    answer.headers["Cache-Control"] = "no-cache"
    answer.add_etag()
    answer.make_conditional(request)
    return answer


@contextmanager
def serving(app: Flask, ui: WebUi) -> Iterator[None]:
    """Serve it during the block. Raises UsageError where its port is taken."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    try:
        server = make_server(ui.host, ui.port, app, threaded=True, request_handler=_KeptAlive)
    except (OSError, SystemExit) as error:
        raise UsageError(
            f"cannot serve the page on {ui.host}:{ui.port}: {error}", fix="give another --web-port"
        ) from None

    def serve() -> None:
        # Of this thread and those that it starts: requests on this machine come first.
        os.setpriority(os.PRIO_PROCESS, 0, _PRIORITY)
        server.serve_forever()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _KeptAlive(WSGIRequestHandler):
    """Lets a browser ask again over the connection that it has."""

    protocol_version = "HTTP/1.1"


def _report(file: Path | None) -> Any:
    if file is None or not file.exists():
        return "The report is made when the race is over.", 404
    return send_file(file.absolute(), download_name=f"{file.parent.resolve().name}-{file.name}")


def _refuse_strangers(password: str | None) -> Response | None:
    """Refuse another site's page, and who does not know the password."""
    if password:
        given = request.authorization
        known = given is not None and given.type == "basic" and given.username == USER_NAME
        told = (given.password or "") if given else ""
        if not (hmac.compare_digest(told.encode(), password.encode()) & known):
            head = {"WWW-Authenticate": 'Basic realm="dragstrip", charset="UTF-8"'}
            return Response("A user name and a password are needed.", 401, head)
    # Where no password is asked for, a name that was made to lead here must not be enough.
    elif not _is_loopback(_host()):
        abort(403, f"Open it as 127.0.0.1 or localhost, or set {PASSWORD_VARIABLE}.")
    origin = request.headers.get("Origin")
    if request.method == "POST" and origin and urlsplit(origin).netloc != request.host:
        abort(403, "That was asked for by another site's page.")
    # Which a form of another site cannot send.
    if request.method == "POST" and not request.is_json:
        abort(415)
    return None


def _host() -> str:
    with suppress(ValueError):
        return urlsplit(f"//{request.host}").hostname or ""
    return ""


def _is_loopback(host: str) -> bool:
    with suppress(ValueError):
        return ip_address(host).is_loopback
    return host == "localhost"


def _harden(response: Response) -> Response:
    response.headers.setdefault("Content-Security-Policy", _POLICY)
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    return response
