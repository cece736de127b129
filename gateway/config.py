"""Parley's settings: environment variables that start with `PARLEY_`, or the same names in a `.env` file.

They are read once, by the command line, and passed on. The descriptions here are the settings table of
deploy/README.md, which `make schema` writes.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from platformdirs import user_data_path
from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from gateway.database_url import hosts
from gateway.refusal import Refusal
from gateway.setting_form import HEADER_NAME, ORIGIN, is_a_broker, is_a_webhook_secret

PREFIX = "PARLEY_"

ROOTS_DIRECTORY = Path("/var/lib/parley")
"""Default data directory for root, because other accounts cannot enter root's home."""

Plan = Literal["free", "pro", "enterprise"]

LogLevel = Literal["debug", "info", "warning", "error"]


class ConfigError(Refusal):
    """One or more settings cannot be used."""

    exit_status = 2


def default_data_dir() -> Path:
    """The user's data directory. For root, one outside its home, unless an earlier version stored data there."""
    own = user_data_path("parley")
    return ROOTS_DIRECTORY if os.geteuid() == 0 and not own.exists() else own


class Settings(BaseSettings):
    """Everything that an operator can choose."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True
    )

    host: str = Field(
        default="127.0.0.1",
        description="Address to listen on. `0.0.0.0` is every IPv4 interface; `::` is every IPv4 and IPv6 interface.",
    )
    port: int = Field(default=8000, ge=0, le=65535, description="TCP port to listen on; 0 picks a free one.")
    database_url: SecretStr | None = Field(
        default=None,
        description="PostgreSQL 14 or newer, as the role that serves requests. With several hosts, as in "
        "`postgresql://app@one:5432,two:5432/parley`, Parley uses the primary. If unset, Parley runs an embedded "
        "PostgreSQL.",
    )
    owner_url: SecretStr | None = Field(
        default=None,
        description="The same database, as a role that may migrate it. `parley migrate` requires it. If set, `parley "
        "serve` migrates at startup.",
    )
    data_dir: Path = Field(
        default_factory=default_data_dir,
        description="Directory of the embedded database and the signing keys. If Parley runs as root, the account "
        "that runs the database must be able to enter it; it cannot enter root's home.",
        json_schema_extra={"shown": f"the user's data directory, `{ROOTS_DIRECTORY}` for root"},
    )
    broker_url: SecretStr | None = Field(
        default=None,
        description="How processes notify each other of changes: `process:` (not at all), `postgres:`, or NATS as "
        "`nats://user:password@host:4222`. Separate several NATS servers with commas; use `tls://` for TLS.",
        json_schema_extra={"shown": "`postgres:`, or `process:` for one process with the embedded database"},
    )
    workers: int = Field(
        default=1, ge=1, le=64, description="Number of processes that serve the port. More than one requires Linux."
    )
    pool_size: int = Field(
        default=10, ge=1, le=500, description="Maximum database connections for requests, per process."
    )
    pool_wait_seconds: float = Field(
        default=2,
        gt=0,
        le=60,
        description="Maximum wait for a database connection, in seconds. Then the request fails with `OVERLOADED` "
        "(HTTP 503).",
    )
    pipelining: bool = Field(
        default=True,
        description="Under load, send statements of different users to PostgreSQL in one transaction. Turn it off for "
        "a database that is sharded by user.",
    )
    signing_keys: Path = Field(
        default_factory=lambda data: data["data_dir"] / "signing-keys.json",
        description="File of the private keys that sign access tokens. Created at first start.",
        json_schema_extra={"shown": "`signing-keys.json` in the data directory"},
    )
    access_token_seconds: int = Field(
        default=900, ge=30, le=86_400, description="Lifetime of an access token, in seconds."
    )
    refresh_token_days: int = Field(
        default=30, ge=1, le=365, description="Lifetime of an unused refresh token, in days."
    )
    session_days: int = Field(
        default=90,
        ge=1,
        le=3650,
        description="Maximum lifetime of a session, in days. Then the device must sign in again.",
    )
    sign_ups_per_address: int = Field(
        default=20,
        ge=1,
        description="Sign-ups per hour from one IPv4 address or IPv6 /64 network without a delay. Further ones are "
        "delayed by up to a minute.",
    )
    trusted_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Other origins whose pages may call Parley, separated by commas: `https://app.example.com`, or "
        "for apps `tauri://localhost`, `capacitor://localhost`, `chrome-extension://…`. If empty, only pages of "
        "Parley's own origin may.",
        json_schema_extra={"shown": "none"},
    )
    allowed_headers: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Additional request headers that pages of trusted origins may send, separated by commas. Headers "
        "of tracing and of Apollo's clients are always allowed.",
        json_schema_extra={"shown": "none"},
    )
    allowed_networks: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Networks that are not public and that Parley may connect to for users who configure a provider "
        "there, separated by commas: `127.0.0.0/8, 10.20.0.0/16`. If empty, only public addresses.",
        json_schema_extra={"shown": "none"},
    )
    trusted_proxies: int = Field(
        default=0,
        ge=0,
        le=10,
        description="Number of reverse proxies in front of Parley. Each must append the address of its caller to "
        "`X-Forwarded-For`.",
    )
    graphiql: bool = Field(default=True, description="Serve GraphiQL and the chat page to browsers.")
    introspection: bool = Field(default=True, description="Answer introspection queries.")
    demo: bool | None = Field(
        default=None,
        description="Offer the demo account and its data.",
        json_schema_extra={"shown": "only with the embedded database"},
    )
    max_connections: int = Field(
        default=10_000,
        ge=1,
        description="Maximum connections per process, excluding websockets and event streams. At the limit, a new "
        "connection replaces the one that has been idle longest.",
    )
    max_connections_per_address: int = Field(
        default=1_000,
        ge=1,
        description="Maximum of those connections from one address. Ignored if `PARLEY_TRUSTED_PROXIES` is set.",
    )
    max_body_bytes: int = Field(
        default=2 * 1024 * 1024, ge=1024, description="Maximum size of a request body, in bytes."
    )
    max_operations_per_user: int = Field(
        default=100,
        ge=1,
        description="Maximum concurrent queries and mutations of one user, per process. Further ones fail with "
        "`OVERLOADED`.",
    )
    max_subscriptions_per_socket: int = Field(
        default=20, ge=1, le=10_000, description="Maximum subscriptions on one websocket."
    )
    max_subscriptions_per_user: int = Field(
        default=500, ge=1, description="Maximum subscriptions of one user, per process."
    )
    max_subscriptions: int = Field(default=50_000, ge=1, description="Maximum subscriptions per process.")
    max_sockets_per_user: int = Field(
        default=100, ge=1, description="Maximum websockets and event streams of one user, per process."
    )
    max_sockets_per_address: int = Field(
        default=1_000,
        ge=1,
        description="Maximum websockets and event streams from one address, per process. Behind proxies, set "
        "`PARLEY_TRUSTED_PROXIES`; otherwise all clients share the proxy's address.",
    )
    max_sockets: int = Field(default=10_000, ge=1, description="Maximum websockets and event streams per process.")
    max_anonymous_sockets_per_address: int = Field(
        default=100,
        ge=1,
        description="Maximum websockets and event streams from one address that have not sent an access token, per "
        "process.",
    )
    max_anonymous_sockets: int = Field(
        default=1_000,
        ge=1,
        description="Maximum websockets and event streams that have not sent an access token, per process.",
    )
    max_messages_per_second: int = Field(
        default=200, ge=1, description="Messages read from one websocket per second. Further messages wait."
    )
    init_timeout_seconds: float = Field(
        default=10, gt=0, le=300, description="Seconds within which a new websocket must send `connection_init`."
    )
    heartbeat_seconds: float = Field(
        default=20,
        gt=0,
        le=300,
        description="Seconds between pings on a websocket, and between comments on an event stream.",
    )
    feed_poll_seconds: float = Field(
        default=1.5,
        gt=0,
        le=60,
        description="Seconds between polls of the change feed, which find changes whose notification was lost.",
    )
    lease_seconds: float = Field(
        default=120,
        ge=5,
        le=86_400,
        description="Lease of a streamed message or a running tool execution, in seconds. Without an append or a "
        "`renewToolExecution` in that time, it ends as `FAILED`.",
    )
    feed_days: int = Field(
        default=30,
        ge=1,
        le=90,
        description="Days for which the change feed is kept. A client that comes back later reads the current state "
        "again (`RESYNC`).",
    )
    work: bool = Field(
        default=True,
        description="Run background jobs in the processes of `parley serve`. If you turn it off, run `parley work`.",
    )
    work_concurrency: int = Field(
        default=2, ge=2, le=64, description="Background jobs that a process runs at the same time."
    )
    work_lease_seconds: float = Field(
        default=30,
        ge=1,
        le=3600,
        description="Seconds after which the jobs of a process that has died are taken over by another.",
    )
    polar_webhook_secret: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        default=(),
        description="Secret of the webhook at Polar, which sends events about subscriptions to `POST /hooks/polar`. "
        "While you change it, the old and the new one, separated by a comma. If unset, there is no such address.",
        json_schema_extra={"shown": "none"},
    )
    polar_products: Annotated[Mapping[str, Plan], NoDecode] = Field(
        default={},
        description="The plan of each product at Polar, separated by commas: `<product id>=pro,<product "
        "id>=enterprise`. Events about other products are ignored.",
        json_schema_extra={"shown": "none"},
    )
    drain_seconds: float = Field(
        default=0,
        ge=0,
        le=600,
        description="Seconds to keep serving after SIGTERM while `/readyz` fails, so that load balancers notice. Use "
        "5 on Kubernetes.",
    )
    shutdown_seconds: float = Field(
        default=15, ge=0, le=600, description="Seconds that running requests have to finish after SIGTERM."
    )
    operation_seconds: float = Field(
        default=20,
        gt=0,
        le=600,
        description="Maximum duration of a query, a mutation or one event of a subscription, in seconds.",
    )
    max_operation_bytes: int = Field(
        default=16 * 1024 * 1024,
        ge=64 * 1024,
        description="Maximum bytes that an operation reads from the database and returns. All operations of one user "
        "together may use four times as many, per process.",
    )
    executor: Literal["breadth_first", "depth_first"] = Field(
        default="breadth_first",
        description="Execution strategy: `breadth_first` (level by level) or `depth_first` (object by object). The "
        "second is slower; use it only if the first returns a wrong result.",
    )
    metrics_port: int | None = Field(
        default=None,
        ge=0,
        le=65535,
        description="TCP port of `GET /metrics` for Prometheus. If unset, metrics are off.",
    )
    metrics_host: str = Field(
        default="127.0.0.1", description="Address to listen on for metrics. Anyone who can reach it can read them."
    )
    metrics_names: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Additional host names under which metrics are served, separated by commas. IP addresses, "
        "`localhost` and the machine's own name always work.",
        json_schema_extra={"shown": "none"},
    )
    traces: bool = Field(
        default=False,
        description="Export OpenTelemetry traces, configured by the `OTEL_*` variables. Requires `parley[otel]`.",
    )
    log_level: LogLevel = Field(default="info", description="Minimum severity of log lines.")
    log_format: Literal["auto", "text", "json"] = Field(
        default="auto", description="`text`, `json`, or `auto`: text in a terminal, JSON elsewhere."
    )

    @property
    def embedded(self) -> bool:
        """Whether Parley runs PostgreSQL itself."""
        return self.database_url is None

    @property
    def offers_demo(self) -> bool:
        """Whether the demo account exists."""
        return self.embedded if self.demo is None else self.demo

    @property
    def chosen_broker(self) -> str:
        """The broker's URL, or a suitable default if none is set. It may contain a password."""
        if self.broker_url is not None:
            return self.broker_url.get_secret_value()
        return "process:" if self.embedded and self.workers == 1 else "postgres:"

    @field_validator("broker_url")
    @classmethod
    def _names_a_broker(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and not is_a_broker(url.get_secret_value()):
            raise ValueError("should be process:, postgres:, or like nats://user:password@host:4222")
        return url

    @field_validator("database_url", "owner_url")
    @classmethod
    def _is_a_postgres_url(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and not url.get_secret_value().startswith(("postgresql://", "postgres://")):
            raise ValueError("should look like postgresql://user:password@host:5432/database")
        if url is not None:
            hosts(url.get_secret_value())
        return url

    @field_validator("data_dir", "signing_keys")
    @classmethod
    def _is_absolute(cls, path: Path) -> Path:
        return path.expanduser().absolute()

    @field_validator(
        *("trusted_origins", "allowed_headers", "allowed_networks", "metrics_names", "polar_webhook_secret"),
        mode="before",
    )
    @classmethod
    def _between_commas(cls, value: object) -> object:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @field_validator("trusted_origins")
    @classmethod
    def _are_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        if not all(ORIGIN.fullmatch(origin) for origin in origins):
            raise ValueError("should list origins like https://app.example.com, without a path")
        # Browsers send origins in lower case.
        return tuple(origin.lower() for origin in origins)

    @field_validator("allowed_networks")
    @classmethod
    def _are_networks(cls, networks: tuple[str, ...]) -> tuple[str, ...]:
        try:
            return tuple(str(ipaddress.ip_network(network)) for network in networks)
        except ValueError:
            raise ValueError("should list networks like 127.0.0.0/8, fd00::/8, without bits of a host") from None

    @field_validator("allowed_headers")
    @classmethod
    def _are_header_names(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if not all(HEADER_NAME.fullmatch(name) for name in names):
            raise ValueError("should list names of headers, like X-Tenant, X-Trace")
        return names

    @field_validator("polar_webhook_secret")
    @classmethod
    def _are_keys(cls, secrets: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        if not all(is_a_webhook_secret(secret.get_secret_value()) for secret in secrets):
            raise ValueError("should have at least 16 characters or, after whsec_, be base64 of at least 16 bytes")
        return secrets

    @field_validator("polar_products", mode="before")
    @classmethod
    def _pairs(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        pairs = [part.strip().partition("=") for part in value.split(",") if part.strip()]
        if not all(name and plan for name, _, plan in pairs):
            raise ValueError("should list products with their plans, like 123=pro,456=enterprise")
        return {name.strip(): plan.strip().lower() for name, _, plan in pairs}

    @field_validator("log_level", "log_format", "executor", mode="before")
    @classmethod
    def _in_small_letters(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value
