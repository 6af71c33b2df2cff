"""Locust's own pages of a race, for the page of `dragstrip race --web` and for nobody else."""

from __future__ import annotations

import hmac
import os
from typing import TYPE_CHECKING

from flask import abort, request

from dragstrip.load import locust_compat
from dragstrip.run.ipc import PAGES_VARIABLE, TOKEN_HEADER

if TYPE_CHECKING:
    from locust.web import WebUI


def keep(web_ui: WebUI) -> None:
    """Let them only be read, and only by who knows the token: they could stop the race."""
    token = os.environ[PAGES_VARIABLE]

    def refuse_others() -> None:
        told = request.headers.get(TOKEN_HEADER, "")
        if request.method != "GET" or not hmac.compare_digest(told.encode(), token.encode()):
            abort(403)

    locust_compat.flask_app(web_ui).before_request(refuse_others)
