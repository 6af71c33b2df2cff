import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragstrip.load.distributed.seal import Seal, Unsealed, claimed_name

TOKENS = st.text(min_size=16)


@given(TOKENS, st.binary())
def test_what_is_sealed_is_opened_with_the_same_token(token: str, content: bytes) -> None:
    assert Seal(token).open(Seal(token).close(content)) == content


@given(TOKENS, TOKENS, st.binary(), st.integers(0, 10_000), st.integers(1, 255))
def test_another_token_or_any_changed_byte_is_refused(
    token: str, other: str, content: bytes, place: int, change: int
) -> None:
    frame = Seal(token).close(content)
    changed = bytearray(frame)
    changed[place % len(frame)] ^= change
    strangers: list[bytes] = []
    seal = Seal(token)
    seal.on_stranger = strangers.append
    for wrong in (bytes(changed), content, frame[:-1], frame + b"x"):
        with pytest.raises(Unsealed):
            seal.open(wrong)
    assert len(strangers) == 4
    assert not seal.is_trusted
    if other != token:
        with pytest.raises(Unsealed):
            Seal(other).open(frame)


@given(st.binary())
def test_any_frame_is_named_on_one_line(frame: bytes) -> None:
    assert claimed_name(frame).isprintable()
    assert 0 < len(claimed_name(frame)) <= 80


def test_a_stranger_is_named_by_what_it_says() -> None:
    message = msgpack.dumps(("client_ready", "2.47", "host\n_7"))
    assert claimed_name(message) == claimed_name(b"\0" * 32 + message) == "host?_7"
