"""Two addresses on the command line become two targets, or one clear error."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dragstrip.config.target_pair import target_pair
from dragstrip.errors import UsageError

if TYPE_CHECKING:
    from tests.support.calls import Call

OLD, NEW = "http://old:1", "https://new"


@pytest.mark.parametrize(
    ("given", "urls"),
    [
        ((OLD, NEW), {"baseline": OLD, "challenger": NEW}),
        ((f"a={OLD}", f"b={NEW}"), {"a": OLD, "b": NEW}),
        ((OLD, f"next={NEW}"), {"baseline": OLD, "next": NEW}),
        (("http://h/?a=b", NEW), {"baseline": "http://h/?a=b", "challenger": NEW}),
        (("a=http://h/?b=c", NEW), {"a": "http://h/?b=c", "challenger": NEW}),
    ],
)
def test_two_addresses_are_two_targets_in_their_order(
    given: tuple[str, ...], urls: dict[str, str]
) -> None:
    sections = target_pair(given)
    targets = sections["targets"]
    assert targets == {name: {"kind": "http", "url": url} for name, url in urls.items()}
    assert [sections["race"]["baseline"], sections["race"]["challenger"]] == list(urls)


def test_no_address_leaves_the_configuration_alone() -> None:
    assert target_pair(()) == {}


@pytest.mark.parametrize(
    ("given", "words", "fix"),
    [
        ((OLD,), "1 address given", "BASELINE and CHALLENGER"),
        ((OLD, NEW, OLD), "3 addresses given", "BASELINE and CHALLENGER"),
        ((f"a={OLD}", f"a={NEW}"), "both addresses are named a", "NAME=URL NAME=URL"),
        ((f"challenger={OLD}", NEW), "both addresses are named challenger", "NAME=URL NAME=URL"),
    ],
)
def test_anything_else_is_refused(given: tuple[str, ...], words: str, fix: str) -> None:
    with pytest.raises(UsageError) as caught:
        target_pair(given)
    assert words in caught.value.message
    assert fix in str(caught.value.fix)
    assert caught.value.exit_code == 2


def test_an_address_that_is_none_is_refused_by_its_field(call: Call) -> None:
    done = call("race", "--quick", "ftp://old", NEW, CRM_API_KEY="k")
    assert done.code == 2
    assert "targets.baseline.url: must be an http" in done.err
