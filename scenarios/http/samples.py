"""The first, untimed requests: they show what a target answers before load is made."""

from __future__ import annotations

import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from dragstrip.errors import PreflightError
from dragstrip.ledger.rows import Outcome
from dragstrip.load.http.untimed import UntimedClient
from dragstrip.redact import redact

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dragstrip.load.http.untimed import UntimedAnswer
    from dragstrip.scenario import Operation, Progress, Scenario, Target

_ROWS = 3
_SHOWN = 100
_DENIED = {401, 403, 407}
_PASSWORD = re.compile(rb"""type=["']?password""", re.IGNORECASE)
_CREDENTIALS = "give its credentials: --header 'Authorization: env:NAME', or a header of its own"


@dataclass(frozen=True, slots=True)
class Sample:
    """One answer, and what the check makes of it; `why` it is wrong, with the field."""

    target: Target
    operation: Operation
    key: int
    answer: UntimedAnswer
    outcome: Outcome
    why: str = ""

    @property
    def kind(self) -> str:
        """Its content type without parameters."""
        return self.answer.reply.content_type.partition(";")[0].strip()

    def __str__(self) -> str:
        request, reply = self.answer.request, self.answer.reply
        # As it was sent, but for the host, which the target's name stands for.
        path = redact(urlsplit(self.target.url).path + request.path)
        path = path if len(path) <= _SHOWN else path[: _SHOWN - 1] + "…"
        outcome = "" if self.outcome is Outcome.OK else f" ({self.outcome.name.lower()})"
        return (
            f"{self.target.name}: {request.method} {path}: {reply.status}{outcome}, "
            f"{self.kind or 'no content type'}, {len(reply.body):,} bytes, "
            f"{self.answer.elapsed_s * 1000:.1f} ms"
        )


def ask(
    scenario: Scenario, targets: Sequence[Target], keys_of: Callable[[Operation], Sequence[int]]
) -> list[Sample]:
    """Send an untimed request to each target for each operation and key. Raises BackendError."""
    samples: list[Sample] = []
    for target in targets:
        with UntimedClient(target, scenario.config.race) as client:
            for operation in scenario.operations:
                check = scenario.check(target, operation)
                for key in keys_of(operation):
                    answer = client.send(scenario.request(target, operation, key))
                    reply = answer.reply
                    outcome = Outcome(check(key, reply))
                    why = "" if outcome is Outcome.OK else scenario.explain(operation, key, reply)
                    samples.append(Sample(target, operation, key, answer, outcome, why))
    return samples


def first_rows(scenario: Scenario) -> Callable[[Operation], Sequence[int]]:
    """Return which keys to ask for: few, spread over all, and at least one of each operation."""
    each = max(1, _ROWS // len(scenario.operations))
    last = scenario.keys - 1
    keys = sorted({number * last // max(1, each - 1) for number in range(each)})
    return lambda _: keys


def require_fit(samples: Sequence[Sample], progress: Progress) -> None:
    """Show each answer. Raises PreflightError for a target that answers nothing right."""
    for sample in samples:
        progress.say(f"preflight: {sample}")
    for sample in samples:
        _require_no_redirect(sample)
    _require_no_login_page(samples)
    for name in dict.fromkeys(sample.target.name for sample in samples):
        _require_right([one for one in samples if one.target.name == name])
    for sample in samples:
        if _PASSWORD.search(sample.answer.reply.body):
            progress.say(
                f"preflight: what {sample.target.name} answered holds a password field, as a login "
                "page does"
            )
            return


def _require_no_redirect(sample: Sample) -> None:
    status, place = sample.answer.reply.status, sample.answer.redirect
    if not place or sample.outcome is Outcome.OK:
        return
    raise PreflightError(
        f"target {sample.target.name} at {sample.target.url} answered {status}, a redirect to "
        f"{place}, and redirects are not followed",
        fix=f"give that address instead, or --expect-status {status} to race the redirect itself",
    )


def _require_no_login_page(samples: Sequence[Sample]) -> None:
    json = next((one for one in samples if "json" in one.kind), None)
    page = next(
        (one for one in samples if one.kind in {"text/html", "application/xhtml+xml"}), None
    )
    if json and page and json.target.name != page.target.name and json.operation == page.operation:
        raise PreflightError(
            f"target {page.target.name} at {page.target.url} answered with an HTML page where "
            f"{json.target.name} answered with JSON: it may be a login or error page",
            fix=f"correct its address, or {_CREDENTIALS}",
        )


def _require_right(samples: Sequence[Sample]) -> None:
    first = samples[0]
    if any(sample.outcome is Outcome.OK for sample in samples):
        return
    status = first.answer.reply.status
    what = f"target {first.target.name} at {first.target.url}"
    if status in _DENIED:
        raise PreflightError(
            f"{what} answered {status}: it does not accept the request's credentials",
            fix=_CREDENTIALS,
        )
    if status == HTTPStatus.TOO_MANY_REQUESTS and first.outcome is Outcome.HTTP_STATUS:
        raise PreflightError(
            f"{what} answered 429: it limits how often this machine may ask",
            fix="wait until it has recovered, raise its limit, or lower --rate",
        )
    fix = "correct the address, the request or expect; --once shows both answers"
    if first.outcome is Outcome.HTTP_STATUS:
        fix += f", and --expect-status {status} expects this one"
    raise PreflightError(
        f"{what} gave no right answer to {len(samples)} request{'s' * (len(samples) > 1)}: it "
        f"answered {status}; {first.why or first.outcome.name.lower()}",
        fix=fix,
    )
