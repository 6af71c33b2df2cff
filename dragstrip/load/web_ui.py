"""A race in Locust's web UI: tables of its own, its settings in the start form, its report."""

from __future__ import annotations

import hmac
import os
import secrets
import time
from contextlib import suppress
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

import gevent
import gevent.event
import gevent.lock
import orjson
from flask import abort, jsonify, make_response, redirect, request, send_file, session, url_for
from flask_login import UserMixin, login_user

from dragstrip.live import web_exchange
from dragstrip.load import locust_compat

if TYPE_CHECKING:
    from pathlib import Path

    from flask import Response
    from locust.env import Environment
    from locust.web import WebUI

    from dragstrip.run.plan import Plan

_ANSWER_S = 20.0
_POLL_S = 0.05
_REPORT = "report.html"

_COLUMNS = {
    "race-slices": ("slice", "pair", "target", "verified", "failed", "p50", "p95", "p99"),
    "race-conditions": ("condition", "figure", "bound", "holds"),
}
_TABS = {"race": "Race", "race-slices": "Race slices", "race-conditions": "Race conditions"}


def add_settings(parser: Any, plan: Plan) -> None:
    """Add a race's settings to Locust's start form."""
    helps = {
        "rate": "Arrivals per second and target; 0: closed model",
        "pairs": "Pairs of slices",
        "slice": "Seconds of a slice",
        "warmup": "Seconds of each slice that do not count",
        "keys": "uniform, sequential, zipf:S or hot:N",
        "miss": "Share of requests whose phone number no contact has",
    }
    for name in web_exchange.SETTINGS:
        # Text, whatever it is: the race itself says what is wrong with it.
        parser.add_argument(f"--{name}", default=str(getattr(plan.race, name)), help=helps[name])


class Race(Protocol):
    """What the web UI needs to know of the race, and may do to it."""

    started: gevent.event.Event
    ended: gevent.event.Event

    def stop(self) -> None:
        """End the race early, if it is under way."""


def attach(environment: Environment, plan: Plan, folder: Path, race: Race) -> None:
    """Add the tables, the settings and the report to the web UI of a race's process."""
    web_ui = environment.web_ui
    assert web_ui is not None  # noqa: S101
    password = os.environ.get(web_exchange.PASSWORD_VARIABLE)
    if password:
        _ask_for(password, web_ui)
    _keep_to_itself(web_ui, any_host=bool(password))
    _add_tabs(web_ui, plan)
    _fill_tabs(web_ui, folder, race)
    _serve_report(web_ui, folder)
    _start_by_form(web_ui, folder, race)
    _stop_at_once(web_ui, race)


def _keep_to_itself(web_ui: WebUI, *, any_host: bool) -> None:
    """Refuse what another site's page asks for, which Locust would answer."""

    def refuse_others() -> None:
        # Where no password is asked for, a name that was made to lead here must not be enough.
        if not any_host and not _is_loopback(urlsplit(f"//{request.host}").hostname or ""):
            abort(
                403, f"Open it as 127.0.0.1 or localhost, or set {web_exchange.PASSWORD_VARIABLE}."
            )
        origin = request.headers.get("Origin")
        if request.method == "POST" and origin and urlsplit(origin).netloc != request.host:
            abort(403, "That was asked for by another site's page.")

    def share_nothing(response: Response) -> Response:
        response.headers.remove("Access-Control-Allow-Origin")
        return response

    locust_compat.flask_app(web_ui).before_request(refuse_others)
    locust_compat.change_answers_last(web_ui, share_nothing)


def _is_loopback(host: str) -> bool:
    with suppress(ValueError):
        return ip_address(host).is_loopback
    return host == "localhost"


def _add_tabs(web_ui: WebUI, plan: Plan) -> None:
    old, new = plan.targets
    sides = [
        {"key": "figure", "title": "Figure"},
        {"key": "baseline", "title": f"{old.name} (baseline)"},
        {"key": "challenger", "title": f"{new.name} (challenger)"},
        {"key": "ratio", "title": f"{new.name}/{old.name}, 95 % interval"},
    ]
    others = [
        {"key": tab, "structure": [{"key": one, "title": one.capitalize()} for one in columns]}
        for tab, columns in _COLUMNS.items()
    ]
    parts = {
        "extended_tabs": [{"key": key, "title": title} for key, title in _TABS.items()],
        "extended_tables": [{"key": "race", "structure": sides}, *others],
        "extended_csv_files": [{"href": "./dragstrip/report", "title": "Download race report"}],
    }
    locust_compat.extend_page(web_ui, parts)


def _fill_tabs(web_ui: WebUI, folder: Path, race: Race) -> None:
    def add_tables(response: Response) -> Response:
        if request.path.endswith("/stats/requests") and response.is_json:
            found = web_exchange.shown(folder)
            tables = [{"key": tab, "data": found.get(tab, [])} for tab in _TABS]
            body = orjson.loads(response.get_data()) | {"extended_stats": tables}
            if race.started.is_set():
                body["state"] = _state(body["state"], is_over=web_exchange.is_over(folder))
            response.set_data(orjson.dumps(body))
        return response

    locust_compat.flask_app(web_ui).after_request(add_tables)


def _state(state: str, *, is_over: bool) -> str:
    # The page asks again only while users are spawned or run: it has to until the verdict is there,
    # also while a master waits for its workers, which to Locust is ready.
    if is_over:
        return "stopped"
    return state if state in {"spawning", "running"} else "running"


def _serve_report(web_ui: WebUI, folder: Path) -> None:
    def race_report() -> Any:
        file = folder / _REPORT
        if not file.exists():
            # Not by abort: Locust takes that for a failed login.
            return make_response("The report is made when the race is over.", 404)
        return send_file(
            file.absolute(), as_attachment=True, download_name=f"{folder.name}-{_REPORT}"
        )

    view = web_ui.auth_required_if_enabled(race_report)
    locust_compat.flask_app(web_ui).add_url_rule("/dragstrip/report", view_func=view)


def _start_by_form(web_ui: WebUI, folder: Path, race: Race) -> None:
    asking = gevent.lock.BoundedSemaphore()

    def start() -> Any:
        if not asking.acquire(blocking=False):
            return _refusal("A start is being looked at.")
        try:
            problem = _why_not(race, folder) or _ask(folder)
            if problem:
                return _refusal(problem)
            # Not by Locust's own view: its other fields must change nothing, and cannot be wrong.
            locust_compat.start_test(web_ui)
            race.started.wait()
        finally:
            asking.release()
        return jsonify({"success": True, "message": "The race was started", "host": ""})

    locust_compat.replace_view(web_ui, locust_compat.SWARM_VIEW, start)


def _why_not(race: Race, folder: Path) -> str | None:
    # The page shows the verdict while Locust still writes its own last files.
    if race.ended.is_set() or web_exchange.is_over(folder):
        return "This race is over: start another `dragstrip race --web`."
    return "This race is under way." if race.started.is_set() else None


def _refusal(problem: str) -> Response:
    return jsonify({"success": False, "message": problem, "host": ""})


def _stop_at_once(web_ui: WebUI, race: Race) -> None:
    stop = locust_compat.view(web_ui, locust_compat.STOP_VIEW)

    def stop_race() -> Any:
        answer = stop()
        # A master that waits for its workers has started no test that Locust could stop.
        race.stop()
        return answer

    locust_compat.replace_view(web_ui, locust_compat.STOP_VIEW, stop_race)


def _ask(folder: Path) -> str | None:
    """Ask for a race with the form's settings; return what stands in its way."""
    given = {name: request.form[name] for name in web_exchange.SETTINGS if name in request.form}
    web_exchange.wish(folder, given)
    last_s = time.monotonic() + _ANSWER_S
    while time.monotonic() < last_s:
        answer = web_exchange.read_answer(folder)
        if answer is not None:
            return answer["problem"]
        gevent.sleep(_POLL_S)
    return "dragstrip did not answer: see its terminal."


class _User(UserMixin):  # type: ignore[misc]
    id = web_exchange.USER_NAME


def _ask_for(password: str, web_ui: WebUI) -> None:
    """Let in only who knows the password."""
    app = locust_compat.flask_app(web_ui)
    app.secret_key = secrets.token_hex(32)
    app.config |= {"SESSION_COOKIE_HTTPONLY": True, "SESSION_COOKIE_SAMESITE": "Strict"}

    def load_user(name: str) -> _User | None:
        return _User() if name == web_exchange.USER_NAME else None

    locust_compat.ask_for_password(web_ui, load_user, "/dragstrip/login")

    def log_in() -> Any:
        given = request.form.get("password", "")
        is_known = request.form.get("username", "") == web_exchange.USER_NAME
        if is_known & hmac.compare_digest(given.encode(), password.encode()):
            login_user(_User())
            return redirect(url_for(locust_compat.INDEX_VIEW))
        session["auth_error"] = "Wrong user name or password"
        return redirect(url_for(locust_compat.LOGIN_VIEW))

    app.add_url_rule("/dragstrip/login", view_func=log_in, methods=["POST"])
