"""Settings come from the environment, and what cannot be used is named."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from gateway.config import ConfigError, Settings
from gateway.environment import read_settings, settings_table, unknown_variables


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(f"PARLEY_{name.upper()}", raising=False)


def test_defaults_serve_this_machine_only_from_an_embedded_database() -> None:
    settings = read_settings()
    assert (settings.host, settings.port, settings.embedded, settings.offers_demo) == (
        "127.0.0.1",
        8000,
        True,
        True,
    )


def test_signing_keys_are_kept_in_the_data_directory_unless_told_otherwise(tmp_path: Path) -> None:
    assert read_settings(data_dir=tmp_path).signing_keys == tmp_path / "signing-keys.json"
    assert read_settings(data_dir=tmp_path, signing_keys="/keys.json").signing_keys == Path("/keys.json")


def test_demo_is_not_offered_on_an_operators_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARLEY_DATABASE_URL", "postgresql://parley_app@db/parley")
    assert not read_settings().offers_demo
    monkeypatch.setenv("PARLEY_DEMO", "true")
    assert read_settings().offers_demo


def test_command_line_comes_before_environment_and_environment_before_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("PARLEY_PORT=1001\nPARLEY_HOST=file\nPARLEY_POOL_SIZE=7\n")
    monkeypatch.setenv("PARLEY_PORT", "1002")
    monkeypatch.setenv("PARLEY_HOST", "environment")
    settings = read_settings(port=1003)
    assert (settings.port, settings.host, settings.pool_size) == (1003, "environment", 7)


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        read_settings().__setattr__("port", 1)


def test_origins_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARLEY_TRUSTED_ORIGINS", "https://app.example.com, http://localhost:3000")
    assert read_settings().trusted_origins == ("https://app.example.com", "http://localhost:3000")


@pytest.mark.parametrize(
    "origin", ["tauri://localhost", "app://.", "capacitor://localhost", "chrome-extension://abcdefghijklmnop"]
)
def test_origins_of_apps_are_origins(origin: str) -> None:
    assert read_settings(trusted_origins=f"{origin}, HTTPS://App.example.com").trusted_origins == (
        origin,
        "https://app.example.com",
    )


@pytest.mark.parametrize("value", ["null", "localhost", "https://", "tauri://localhost/page", "://x", "1a://x"])
def test_what_is_no_origin_is_refused(value: str) -> None:
    with pytest.raises(ConfigError, match="should list origins"):
        read_settings(trusted_origins=value)


def test_allowed_headers_are_names() -> None:
    assert read_settings(allowed_headers="X-Tenant, x-flag").allowed_headers == ("X-Tenant", "x-flag")
    with pytest.raises(ConfigError, match="should list names of headers"):
        read_settings(allowed_headers="X-Tenant: 1")


def test_all_unusable_settings_are_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARLEY_PORT", "99999")
    monkeypatch.setenv("PARLEY_LOG_FORMAT", "xml")
    monkeypatch.setenv("PARLEY_TRUSTED_ORIGINS", "app.example.com")
    monkeypatch.setenv("PARLEY_DATABASE_URL", "mysql://someone:hunter2@db/parley")
    with pytest.raises(ConfigError) as caught:
        read_settings()
    message = str(caught.value)
    assert len(caught.value.problems) == 4
    assert "PARLEY_PORT: '99999' should be less than or equal to 65535" in message
    assert "PARLEY_LOG_FORMAT: 'xml' should be 'auto', 'text' or 'json'" in message
    assert "PARLEY_TRUSTED_ORIGINS: 'app.example.com' should list origins like https://app.example.com" in message
    assert "PARLEY_DATABASE_URL: the value should look like postgresql://" in message
    assert "hunter2" not in message


def test_a_bad_data_directory_is_one_problem_not_two() -> None:
    with pytest.raises(ConfigError) as caught:
        read_settings(data_dir=3)
    assert [problem.split(":")[0] for problem in caught.value.problems] == ["PARLEY_DATA_DIR"]


def test_port_of_a_kubernetes_service_link_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARLEY_PORT", "tcp://10.0.0.1:80")
    with pytest.raises(ConfigError, match="enableServiceLinks: false"):
        read_settings()


def test_port_of_the_metrics_is_explained_likewise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARLEY_METRICS_PORT", "tcp://10.0.0.1:9100")
    with pytest.raises(ConfigError, match="enableServiceLinks: false"):
        read_settings()


def test_several_hosts_have_one_port_or_one_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARLEY_DATABASE_URL", "postgresql://app@/parley?host=one,two,three&port=1,2")
    with pytest.raises(ConfigError, match="PARLEY_DATABASE_URL: the value should name one port, or one for each host"):
        read_settings()


def test_executor_is_one_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_settings().executor == "breadth_first"
    monkeypatch.setenv("PARLEY_EXECUTOR", "DEPTH_FIRST")
    assert read_settings().executor == "depth_first"
    monkeypatch.setenv("PARLEY_EXECUTOR", "both")
    with pytest.raises(ConfigError, match="PARLEY_EXECUTOR: 'both' should be 'breadth_first' or 'depth_first'"):
        read_settings()


def test_passwords_are_not_shown() -> None:
    settings = read_settings(
        database_url="postgresql://parley_app:hunter2@db/parley",
        owner_url="postgresql://admin:hunter2@db/parley",
        broker_url="nats://parley:hunter2@nats:4222",
    )
    assert "hunter2" not in repr(settings)
    assert "hunter2" not in str(settings.model_dump())


@pytest.mark.parametrize(
    ("given", "chosen"),
    [
        ({}, "process:"),
        ({"workers": 2}, "postgres:"),
        ({"database_url": "postgresql://parley_app@db/parley"}, "postgres:"),
        ({"database_url": "postgresql://parley_app@db/parley", "broker_url": "process:"}, "process:"),
        ({"broker_url": "postgres:"}, "postgres:"),
        ({"broker_url": "nats://one,tls://token@[::1]:4222/"}, "nats://one,tls://token@[::1]:4222/"),
    ],
)
def test_broker_fits_where_none_is_given(given: dict[str, Any], chosen: str) -> None:
    assert read_settings(**given).chosen_broker == chosen


@pytest.mark.parametrize(
    "url",
    [
        *("redis://hunter2", "ws://one", "postgres", "nats:", "nats://", "nats://one,two", "nats://one,"),
        *("nats://nats:hunter2", "nats://one:0", "nats://one/hunter2", "nats://one?hunter2", "nats://one two"),
    ],
)
def test_broker_that_cannot_be_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(ConfigError, match="PARLEY_BROKER_URL: the value should be process:, postgres:, or") as caught:
        read_settings(broker_url=url)
    assert "hunter2" not in str(caught.value)


def test_deployments_name_no_setting_that_is_none() -> None:
    deploy = Path(__file__).parents[2] / "deploy"
    texts = [path.read_text("utf-8") for path in deploy.rglob("*") if path.is_file()]
    named = {name for text in texts for name in re.findall(r"PARLEY_[A-Z_]+", text)}
    assert {"PARLEY_WORKERS", "PARLEY_METRICS_PORT"} <= named
    assert unknown_variables(dict.fromkeys(named, "")) == []


def test_unknown_variables_are_told_with_the_nearest_setting() -> None:
    found = unknown_variables({"PARLEY_INTROSPECTON": "false", "PARLEY_HOST": "h", "PARLEY_QZX": ""})
    assert found == [
        "PARLEY_INTROSPECTON is not a setting. Did you mean PARLEY_INTROSPECTION?",
        "PARLEY_QZX is not a setting.",
    ]


def test_kubernetes_service_links_are_not_mistaken_for_settings() -> None:
    assert unknown_variables({"PARLEY_SERVICE_HOST": "10.0.0.1", "PARLEY_PORT_8000_TCP_ADDR": "10.0.0.1"}) == []


def test_table_has_a_row_for_each_setting_and_no_path_of_this_machine() -> None:
    table = settings_table()
    assert all(f"| `PARLEY_{name.upper()}` |" in table for name in Settings.model_fields)
    assert all(field.description for field in Settings.model_fields.values())
    assert str(Path.home()) not in table


def test_products_have_plans_and_secrets_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARLEY_POLAR_PRODUCTS", " one = pro , two=Enterprise,")
    monkeypatch.setenv("PARLEY_POLAR_WEBHOOK_SECRET", "polar_whs_0123456789, whsec_MDEyMzQ1Njc4OWFiY2RlZg==")
    settings = read_settings()
    assert settings.polar_products == {"one": "pro", "two": "enterprise"}
    assert len(settings.polar_webhook_secret) == 2
    assert "whs" not in repr(settings)


@pytest.mark.parametrize("secret", ["short", "whsec_no base64 at all", "whsec_c2hvcnQ=", "polar_whs_0123456789,short"])
def test_a_secret_that_is_none_is_refused_without_showing_it(secret: str) -> None:
    with pytest.raises(ConfigError, match="PARLEY_POLAR_WEBHOOK_SECRET: the value should have at least 16") as refused:
        read_settings(polar_webhook_secret=secret)
    assert secret.rpartition(",")[2] not in str(refused.value)


@pytest.mark.parametrize("products", ["one", "one=", "=pro", "one=gold"])
def test_what_is_no_plan_is_refused(products: str) -> None:
    with pytest.raises(ConfigError, match="PARLEY_POLAR_PRODUCTS"):
        read_settings(polar_products=products)
