"""Servers that answer a character at a time, partly, or never: a try ends in time, and what may have arrived is known as that."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from common.adapters.notifiers.deadline import TRY_SECONDS
from common.adapters.notifiers.slack import SlackNotifier, SlackSettings
from common.adapters.notifiers.smtp import SmtpNotifier, SmtpSettings
from common.domain import outbox
from common.errors import Retryable, Unanswered
from common.ports import Notification

NOTIFICATION = Notification("id", "Subject", "Text")
TRY = 1.0
ADA = "ada@example.com"
Talk = Callable[[socket.socket], None]


@contextmanager
def server(talk: Talk) -> Iterator[int]:
    """A port on loopback where each caller is talked to so."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    caller, _ = listening.accept()
                    threading.Thread(target=answer, args=(caller,), daemon=True).start()

        def answer(caller: socket.socket) -> None:
            with caller, suppress(OSError, ssl.SSLError):
                talk(caller)

        threading.Thread(target=serve, daemon=True).start()
        yield listening.getsockname()[1]


def drip(caller: socket.socket) -> None:
    for _ in range(200):
        caller.sendall(b"x")
        time.sleep(0.1)


def until(caller: socket.socket, end: bytes) -> None:
    read = b""
    while end not in read:
        piece = caller.recv(1 << 16)
        if not piece:
            raise OSError
        read += piece


def smtp_dripping_at(step: str) -> Talk:
    """A mail server that answers as it should until this step."""

    def talk(caller: socket.socket) -> None:
        for name, answer, end in [
            ("greeting", b"220 peer\r\n", b"\r\n"),
            ("EHLO", b"250 peer\r\n", b"\r\n"),
            ("MAIL", b"250 ok\r\n", b"\r\n"),
            ("RCPT", b"250 ok\r\n", b"\r\n"),
            ("DATA", b"354 go on\r\n", b"\r\n.\r\n"),
        ]:
            if name == step:
                drip(caller)
                return
            caller.sendall(answer)
            until(caller, end)
        drip(caller)

    return talk


def tried(send: Callable[[], str]) -> tuple[type[Exception] | None, float]:
    """What a try raised, and how long it took."""
    began = time.monotonic()
    try:
        send()
    except Exception as error:
        return type(error), time.monotonic() - began
    return None, time.monotonic() - began


def smtp(port: int) -> SmtpNotifier:
    return SmtpNotifier(SmtpSettings("127.0.0.1", "a@example.com", (ADA,), port, starttls=False, try_seconds=TRY))


@pytest.mark.parametrize("step", ["greeting", "EHLO", "RCPT", "DATA"])
def test_a_mail_server_that_drips_is_left_in_time(step: str) -> None:
    with server(smtp_dripping_at(step)) as port:
        kind, seconds = tried(lambda: smtp(port).send(NOTIFICATION, ADA))
    assert kind is Retryable and TRY / 2 < seconds < TRY + 3


def test_a_mail_server_that_drips_its_last_answer_may_have_the_message() -> None:
    with server(smtp_dripping_at("the end")) as port:
        kind, seconds = tried(lambda: smtp(port).send(NOTIFICATION, ADA))
    assert kind is Unanswered and seconds < TRY + 3


@pytest.mark.parametrize(
    "beginning", [b"", b"HTTP/1.1 200 OK\r\nx-slow: "], ids=["before the status", "before the end of the head"]
)
def test_a_webhook_that_drips_may_have_the_message(beginning: bytes) -> None:
    def talk(caller: socket.socket) -> None:
        until(caller, b"\r\n\r\n")
        caller.sendall(beginning)
        drip(caller)

    with server(talk) as port:
        settings = SlackSettings(f"http://127.0.0.1:{port}/hook", try_seconds=TRY)
        kind, seconds = tried(lambda: SlackNotifier(settings).send(NOTIFICATION))
    assert kind is Unanswered and seconds < TRY + 1


@pytest.mark.parametrize(("status", "kind"), [(b"200 OK", None), (b"500 Oh", Retryable), (b"429 Wait", Retryable)])
def test_a_webhook_whose_status_came_is_believed_however_slow_its_body(status: bytes, kind: type[Exception]) -> None:
    def talk(caller: socket.socket) -> None:
        until(caller, b"\r\n\r\n")
        caller.sendall(b"HTTP/1.1 " + status + b"\r\nRetry-After: 30\r\nContent-Length: 1000\r\n\r\n")
        drip(caller)

    with server(talk) as port:
        settings = SlackSettings(f"http://127.0.0.1:{port}/hook", try_seconds=TRY)
        found, seconds = tried(lambda: SlackNotifier(settings).send(NOTIFICATION))
    assert found is kind and seconds < TRY + 1


def test_a_try_and_its_farewell_end_before_the_claim() -> None:
    assert TRY_SECONDS + 2 < outbox.CLAIM_SECONDS
