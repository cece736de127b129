"""Logs are readable or JSON, and hold neither secrets nor what people wrote."""

from __future__ import annotations

import json
import logging

import pytest
import structlog

from gateway.environment import read_settings
from gateway.telemetry.log import REDACTED, configure_logging, redacted

pytestmark = pytest.mark.usefixtures("restored_logging")


@pytest.mark.parametrize(
    "key",
    [
        "password",
        "token",
        "accessToken",
        "refresh_token",
        "Authorization",
        "content",
        "secret",
        "api_key",
        "Cookie",
    ],
)
def test_secrets_are_redacted_at_any_depth(key: str) -> None:
    assert redacted({"input": [{"deep": ({key: "hunter2"},)}]}) == {"input": [{"deep": [{key: REDACTED}]}]}


@pytest.mark.parametrize("kept", [{"input_tokens": 7}, {"content_type": "text/html"}, {"user_id": "u"}])
def test_what_only_sounds_secret_is_kept(kept: dict[str, object]) -> None:
    assert redacted(kept) == kept


def test_password_inside_a_url_is_redacted() -> None:
    assert redacted("at postgresql://app:hunter2@db/parley now") == "at postgresql://app:***@db/parley now"


def test_json_lines_carry_level_logger_message_and_redacted_fields(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logging(read_settings(log_format="json"))
    structlog.stdlib.get_logger("gateway.test").info("Signed in", user_id="u", password="hunter2")
    line = json.loads(capsys.readouterr().err)
    assert {name: line[name] for name in ("level", "logger", "message", "user_id", "password")} == {
        "level": "info",
        "logger": "gateway.test",
        "message": "Signed in",
        "user_id": "u",
        "password": REDACTED,
    }


def test_standard_library_loggers_are_in_the_same_stream(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(read_settings(log_format="json"))
    logging.getLogger("aiohttp.server").warning("Lost %s", "one", extra={"authorization": "Bearer hunter2"})
    line = json.loads(capsys.readouterr().err)
    assert (line["logger"], line["message"], line["authorization"]) == (
        "aiohttp.server",
        "Lost one",
        REDACTED,
    )


def test_exception_is_in_the_line_without_the_password_of_its_url(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(read_settings(log_format="json"))
    try:
        raise ConnectionError("postgresql://app:hunter2@db/parley")
    except ConnectionError:
        structlog.stdlib.get_logger().exception("Lost the database")
    written = capsys.readouterr().err
    assert "ConnectionError" in json.loads(written)["exception"]
    assert "hunter2" not in written


def test_text_lines_are_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(read_settings(log_format="text"))
    structlog.stdlib.get_logger("gateway.test").info("Serving", url="http://127.0.0.1:8000", token="hunter2")
    written = capsys.readouterr().err
    assert "Serving" in written
    assert "url=http://127.0.0.1:8000" in written
    assert "hunter2" not in written


def test_lines_below_the_level_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(read_settings(log_format="json", log_level="warning"))
    structlog.stdlib.get_logger().info("quiet")
    logging.getLogger("asyncpg").info("quiet")
    assert capsys.readouterr().err == ""
