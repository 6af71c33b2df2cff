"""What it means that a target turned requests of a race away: whose it is, and the fix."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dragstrip.analysis.numbers import per_second, percent

if TYPE_CHECKING:
    from dragstrip.run.model import Run, TargetTotals

_MEANINGS = {
    "http_401": "it refuses the credentials; was a key changed or revoked meanwhile?",
    "http_403": "it or a firewall before it refuses this client; let this machine through",
    "http_429": "it limits them to about {taken} and is not slow; raise its limit or lower {load}",
    "http_500": "its own code failed; see its log",
    "http_502": "the gateway before it got no answer; see its log, or lower {load}",
    "http_503": "it was overloaded, paused or restarting; see its log, or lower {load}",
    "http_504": "it took longer than the gateway before it waits; see its log, or lower {load}",
}


def refusals(run: Run) -> list[str]:
    """Return a sentence for each target that turned away more than `rules.max_error_rate`."""
    most = run.config["rules"].get("max_error_rate", 0.0)
    said = []
    for name in (run.baseline, run.challenger):
        side = run.targets[name]
        known = {reason: count for reason, count in side.failed.items() if reason in _MEANINGS}
        reason = max(known, key=known.__getitem__, default="")
        if known.get(reason, 0) > most * side.requests:
            load = "race.connections" if run.closed_model else "--rate"
            said.append(f"{name} {_sentence(side, reason, load)}.")
    return said


def _sentence(side: TargetTotals, reason: str, load: str) -> str:
    share = side.failed[reason] / side.requests
    taken = per_second((1 - share) * side.offered_per_s)
    meaning = _MEANINGS[reason].format(taken=taken, load=load)
    return f"answered {reason.removeprefix('http_')} to {percent(share)} of requests: {meaning}"
