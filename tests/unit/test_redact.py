"""What is taken out of a text, and what is left alone."""

from __future__ import annotations

import logging

import pytest

from dragstrip.errors import BackendError
from dragstrip.redact import excerpt, redact, redact_logs, register_address, register_secret


@pytest.mark.parametrize(
    ("secret", "text", "shown"),
    [
        ("supersecretkey", "got xsupersecretkeyx", "got x***x"),
        ("hunter2", "no hunter2, but hunter22 and hunter2s", "no ***, but hunter22 and hunter2s"),
        ("x|k9", "key x|k9 is bad", "key *** is bad"),
        ("name|longersecret", "wrong: longersecret", "wrong: ***"),
        ("p", "a p95 past the p of the pool", "a p95 past the p of the pool"),
        ("p", "password=p, Bearer p", "password=***, Bearer ***"),
        ("p", "postgresql://u:p@h/p", "postgresql://u:***@h/p"),
        ("postgres", "no role postgres", "no role postgres"),
        ("postgres", '{"password": "postgres"}', '{"password": "***"}'),
        ("a/b c+d=e&f<g", "?key=a%2Fb%20c%2Bd%3De%26f%3Cg", "?key=***"),
        ("a/b c+d=e&f<g", "a/b c+d=e&amp;f&lt;g", "***"),
        ('say "friend" here', r"\"key\": \"say \"friend\" here\"", r"\"key\": \"***\""),
        ("schlüssel-wort", r'"schl\u00fcssel-wort"', '"***"'),
    ],
)
def test_a_secret_goes_and_its_likeness_stays(secret: str, text: str, shown: str) -> None:
    register_secret(secret)
    assert redact(text) == shown


def test_of_two_secrets_the_longer_one_goes_whole() -> None:
    register_secret("first-secret")
    register_secret("first-secret-and-more")
    assert redact("first-secret-and-more") == "***"


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:hunter2secret@h/db",
        "postgresql://u:[hunter2secret]@h/db",
        "postgresql://h/db?password=hunter2secret",
        "postgresql://u:%68unter2secret@h/db",
    ],
)
def test_the_password_of_an_address_is_a_secret_by_itself(url: str) -> None:
    register_address(url)
    assert redact("FATAL: not hunter2secret") == "FATAL: not ***"
    assert "unter2" not in redact(f"cannot use {url}")


def test_a_password_in_an_unknown_address_goes() -> None:
    assert redact("at https://me:unknown@h:1/x") == "at https://me:***@h:1/x"


def test_an_address_without_one_and_our_own_template_stay() -> None:
    for text in ("http://h:80/a", "postgresql://USER:PASSWORD@HOST:PORT/DATABASE"):
        assert redact(text) == text


def test_an_excerpt_is_cut_after_it_was_redacted() -> None:
    register_secret("supersecretkey")
    assert "super" not in excerpt("x" * 290 + " supersecretkey")


def test_every_error_is_redacted_whoever_raises_it() -> None:
    register_secret("supersecretkey")
    error = BackendError("it said supersecretkey", fix="not supersecretkey")
    assert (str(error), error.message, error.fix) == ("it said ***", "it said ***", "not ***")


def test_a_log_holds_no_secret_in_a_message_or_a_traceback(
    capsys: pytest.CaptureFixture[str],
) -> None:
    register_secret("supersecretkey")
    log = logging.Logger("of this test")
    handler = logging.StreamHandler()
    logging.root.addHandler(handler)
    try:
        redact_logs()
        log.addHandler(handler)
        try:
            int("bad value supersecretkey")
        except ValueError:
            log.exception("with %s", "supersecretkey")
    finally:
        logging.root.removeHandler(handler)
    said = capsys.readouterr().err
    assert "with ***" in said
    assert "ValueError: invalid literal for int() with base 10: 'bad value ***'" in said
    assert "supersecretkey" not in said
