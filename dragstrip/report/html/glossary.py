"""What the HTML report says for readers who have never seen one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dragstrip.analysis import numbers
from dragstrip.analysis.operations import decisive, most_failing, rules_operation
from dragstrip.report import text

if TYPE_CHECKING:
    from dragstrip.run.model import Run, Verdict

OF_HUNDRED = {"p50": 50, "p95": 95, "p99": 99}

TITLES = {
    "adopt": "Adopt",
    "better": "Better",
    "equivalent": "Equivalent",
    "worse": "Worse",
    "inconclusive": "Inconclusive",
    "invalid": "Invalid",
    "unsafe": "Unsafe",
}

SIGNS = {
    "adopt": "✓✓",
    "better": "✓",
    "equivalent": "=",
    "worse": "✗",
    "inconclusive": "?",
    "invalid": "!",
    "unsafe": "!!",
}

GLOSSARY = {
    "Baseline, challenger": "what runs today, and what might replace it.",
    "Response time": (
        "from the moment a request was due until its answer was complete. Requests are due at "
        "times of their own, whether or not earlier ones have been answered, as users are."
    ),
    "Service time": "from the moment a request was sent: without the wait for a free connection.",
    "p50, p95, p99": (
        "the time within which 50, 95 or 99 of 100 requests were answered. Failed requests "
        "count as slower than any answer."
    ),
    "First of a key, repeated key": (
        "whether the target was asked for the same before in this race, since that was last "
        "written. Where repeated ones are much faster, something caches."
    ),
    "Slice, pair": (
        "the targets have the same load in alternation. Each stretch of it is a slice; two slices "
        "with the same requests are a pair. Of each slice the first seconds do not count."
    ),
    "95 % interval": (
        "the range in which the true value lies, by a method that is right 95 times of 100. "
        "Ratios are compared pair by pair, since requests within a slice resemble each other."
    ),
    "Smallest detectable change": (
        "as many pairs with the same scatter would find a change of this size four times of five."
    ),
    "Validity gate": (
        "a condition without which a run proves nothing, such as a load generator that kept "
        "its times, or answers that match the data. One that fails makes the run invalid."
    ),
    "Verified": "the answer was compared with the data that both backends must hold.",
    "p (Holm)": (
        "how likely so large a difference is by chance if there is none, corrected for the "
        "number of metrics looked at."
    ),
}


def title(run: Run, verdict: Verdict) -> str:
    """Return the page's title, which names no winner of an invalid run."""
    return f"{TITLES[verdict.verdict]}: {run.challenger} against {run.baseline}"


def explanation(run: Run, verdict: Verdict) -> str:
    """Return what the verdict means, without a word that must be looked up."""
    if verdict.verdict == "unsafe":
        return (
            "A target acknowledged messages that it then lost, stored twice, or hid from later "
            f"reads: {verdict.reason}. Which target is faster does not matter here."
        )
    if verdict.verdict == "invalid":
        failed = sum(not gate.passed for gate in verdict.gates)
        conditions = f"{failed} of its {len(verdict.gates)} validity gates failed"
        return (
            f"Nothing can be learned from this run about which target is faster: {conditions}. "
            "The figures below show what went wrong, and nothing else."
        )
    found = text.interval(verdict)
    if found is None:
        return _meaning(run, verdict)
    ratio, low, high = found
    asked = f"{verdict.operation} requests" if verdict.operation else "requests"
    return (
        f"{run.challenger} answers {OF_HUNDRED[verdict.metric]} of 100 {asked} within "
        f"{ratio:.2f} times the time that {run.baseline} needs for them (95 % interval "
        f"{low:.2f} to {high:.2f}). {_meaning(run, verdict)}"
    )


def failed_gates(verdict: Verdict) -> str:
    """Return what follows from the gates that failed."""
    failed = sum(not gate.passed for gate in verdict.gates)
    said = f"No: {failed} of {len(verdict.gates)} validity gates failed"
    if verdict.verdict == "unsafe":
        return f"{said}. It proves that a target is unsafe, and nothing about speed."
    return f"{said}, so it proves nothing."


def rule(run: Run) -> str:
    """Return the rule that was written down before the run."""
    rules = run.config["rules"]
    low, high = rules["equivalent"]
    operation = decisive(run.operations, rules_operation(run.config))
    requests = "requests of any operation" if operation else "requests"
    metric = f"{operation} {rules['metric']}" if operation else rules["metric"]
    return (
        f"The rule, written down before the run: adopt where the whole interval of the "
        f"{metric} ratio is at or below {rules['adopt_ratio']:g} and the challenger's "
        f"{metric} is within {rules['slo_ms']:g} ms; no practical difference where it is "
        f"within {low:g} to {high:g}; else better or worse where it is all on one side of 1. No "
        f"more than {numbers.percent(rules['max_error_rate'])} of its {requests} may fail."
    )


def _meaning(run: Run, verdict: Verdict) -> str:
    _, challenger, operation = most_failing(run)
    asked = f"{operation} requests" if operation else "requests"
    if challenger.error_rate > run.config["rules"]["max_error_rate"]:
        share = numbers.percent(challenger.error_rate)
        if verdict.verdict == "worse":
            return f"But {share} of its {asked} fail, and no speed makes up for that."
        return f"But {share} of its {asked} fail, and that leaves it open."
    return _MEANINGS[verdict.verdict]


_MEANINGS = {
    "adopt": "That is as fast as the rule asks for a change, and within its objective.",
    "better": "That is faster, but does not meet all that the rule asks for a change.",
    "equivalent": "By the rule, that difference does not matter in practice.",
    "worse": "By the rule, the challenger is worse.",
    "inconclusive": "By the rule, that leaves it open.",
    "invalid": "",
    "unsafe": "",
}


def proof(run: Run) -> str:
    """Return how it is known that both targets were fit to be compared."""
    facts = run.scenario.facts
    after = {
        "same": facts.unchanged,
        "changed": f"After the race, they had changed: {run.data_difference}",
        "unchecked": "They were not checked again afterwards.",
    }
    return " ".join(filter(None, [facts.proof, after[run.data_after], *run.remarks]))
