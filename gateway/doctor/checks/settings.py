"""Settings that are unknown, contradict each other, or let tokens travel in the clear."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

import aiohttp

from gateway.doctor.check import Findings, check
from gateway.doctor.finding import NotChecked, note, warning
from gateway.doctor.installation import Installation
from gateway.environment import unknown_variables, variable

TLS_ADVICE = (
    "Serve behind a reverse proxy that ends TLS (deploy/README.md, Reverse proxy and TLS), with PARLEY_HOST=127.0.0.1 "
    "if it runs on this machine, and PARLEY_TRUSTED_PROXIES set to the number of proxies."
)

STRICT = "Strict-Transport-Security"

PARTS_OF_TOTALS = {
    "max_connections_per_address": "max_connections",
    "max_sockets_per_address": "max_sockets",
    "max_sockets_per_user": "max_sockets",
    "max_anonymous_sockets": "max_sockets",
    "max_anonymous_sockets_per_address": "max_anonymous_sockets",
    "max_subscriptions_per_socket": "max_subscriptions_per_user",
    "max_subscriptions_per_user": "max_subscriptions",
}
"""Limits of one, and the limits of all that contain them."""

ANSWER_SECONDS = 2.0


@check("Unknown variables")
async def unknown_settings(installation: Installation) -> Findings:
    """Variables that begin with PARLEY_ and are no settings, which Parley ignores."""
    for problem in unknown_variables():
        name = problem.partition(" ")[0]
        yield warning(
            f"{problem} It has no effect.",
            "Rename it, or remove it from the environment or the file .env.",
            command=f"unset {name}",
            subject=name,
        )


@check("Contradictory settings")
async def contradictory_settings(installation: Installation) -> Findings:
    """Settings that are valid one by one, and do not fit together."""
    settings = installation.settings
    if settings.chosen_broker == "process:" and settings.workers > 1:
        yield warning(
            f"PARLEY_BROKER_URL is process:, but there are {settings.workers} workers: events of one reach subscribers "
            "of another only by polling, up to two seconds late, and presence and typing not at all.",
            "Let them notify each other through PostgreSQL.",
            command="export PARLEY_BROKER_URL=postgres:",
            subject="PARLEY_BROKER_URL",
        )
    if settings.demo and not settings.embedded:
        yield warning(
            "PARLEY_DEMO is on for a database of your own. The demo account's password is published.",
            "Turn it off. The account itself stays until its user deletes it.",
            command="export PARLEY_DEMO=false",
            subject="PARLEY_DEMO",
        )
    if settings.pool_wait_seconds >= settings.operation_seconds:
        yield warning(
            "PARLEY_POOL_WAIT_SECONDS is not less than PARLEY_OPERATION_SECONDS, so an operation that waits for a "
            "connection always times out first.",
            command=f"export PARLEY_POOL_WAIT_SECONDS={settings.operation_seconds / 10:g}",
            subject="PARLEY_POOL_WAIT_SECONDS",
        )
    for part, total in PARTS_OF_TOTALS.items():
        least = getattr(settings, total)
        if getattr(settings, part) > least and {part, total} & settings.model_fields_set:
            yield note(
                f"{variable(part)} is above {variable(total)} ({least:,}), so it has no effect.", subject=variable(part)
            )
    if settings.refresh_token_days > settings.session_days:
        yield note(
            f"PARLEY_REFRESH_TOKEN_DAYS is above PARLEY_SESSION_DAYS ({settings.session_days}), so it has no effect.",
            subject="PARLEY_REFRESH_TOKEN_DAYS",
        )


@check("Tokens in the clear")
async def tokens_in_the_clear(installation: Installation) -> Findings:
    """Ways on which access tokens and passwords would travel without TLS."""
    settings = installation.settings
    if not is_this_machine(settings.host) and settings.trusted_proxies == 0 and installation.public_url is None:
        yield warning(
            f"PARLEY_HOST is {settings.host}, Parley itself speaks plain HTTP, and no proxy is configured: passwords "
            "and access tokens would travel in the clear.",
            f"{TLS_ADVICE} To have the result checked: parley doctor --url https://…",
            subject="PARLEY_HOST",
        )
    for origin in settings.trusted_origins:
        if origin.startswith("http://") and not is_this_machine(urlsplit(origin).hostname or ""):
            yield warning(
                f"Pages of {origin} are loaded without TLS, so anyone on the way can read the tokens that they use.",
                "Serve these pages over https, and list that origin in PARLEY_TRUSTED_ORIGINS.",
                subject="PARLEY_TRUSTED_ORIGINS",
            )
    if settings.metrics_port is not None and not is_this_machine(settings.metrics_host):
        yield note(
            f"Metrics are served on {settings.metrics_host}. Anyone who can reach port {settings.metrics_port} can "
            "read them.",
            subject="PARLEY_METRICS_HOST",
        )


@check("The public address")
async def public_address(installation: Installation) -> Findings:
    """Whether the address that clients use has TLS, and tells browsers to insist on it."""
    url = installation.public_url
    if url is None:
        raise NotChecked("It is not known how clients reach Parley. Name the address: parley doctor --url https://…")
    parts = urlsplit(url)
    if parts.scheme != "https":
        if not is_this_machine(parts.hostname or ""):
            yield warning(
                f"{url} has no TLS: passwords and access tokens travel in the clear.", TLS_ADVICE, subject=url
            )
        return
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS)) as http,
            http.get(url.rstrip("/") + "/healthz", allow_redirects=False) as response,
        ):
            if response.status != 200:
                yield warning(
                    f"{url}/healthz answers {response.status} instead of 200, so the proxy does not reach Parley.",
                    subject=url,
                )
            elif STRICT not in response.headers:
                yield warning(
                    f"{url} sends no {STRICT}: a browser that is sent to http:// would send its tokens in the clear.",
                    "Let the proxy add it. For nginx, in the server block: "
                    f'add_header {STRICT} "max-age=31536000" always;',
                    subject=url,
                )
    except aiohttp.ClientConnectorCertificateError as error:
        yield warning(
            f"The certificate of {url} is not valid: {error.certificate_error}.", "Renew or replace it.", subject=url
        )
    except (TimeoutError, aiohttp.ClientError, OSError) as error:
        yield warning(
            f"{url} does not answer: {str(error) or 'timed out'}.",
            "If only clients can reach it, run parley doctor --url where they are.",
            subject=url,
        )


def is_this_machine(host: str) -> bool:
    """Whether a host can be reached from this machine alone."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
