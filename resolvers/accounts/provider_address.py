"""Where providers of models are, and how they are asked which models they offer."""

from __future__ import annotations

import re
from collections.abc import Mapping

from gateway import Invalid, Secret, origin_of

USUAL = {
    "anthropic": "https://api.anthropic.com/v1",
    "cerebras": "https://api.cerebras.ai/v1",
    "deepseek": "https://api.deepseek.com",
    "fireworks": "https://api.fireworks.ai/inference/v1",
    "google": "https://generativelanguage.googleapis.com/v1beta/openai",
    "groq": "https://api.groq.com/openai/v1",
    "mistral": "https://api.mistral.ai/v1",
    "openai": "https://api.openai.com/v1",
    "openrouter": "https://openrouter.ai/api/v1",
    "together": "https://api.together.xyz/v1",
    "x-ai": "https://api.x.ai/v1",
}
"""The addresses of the APIs of providers, by the names that the catalogue of models gives them."""

_SERVER = re.compile(r"https?://[!-~]{1,2040}\Z", re.IGNORECASE)


def server_mistake(server: str | None, provider: str, base_url: str | None) -> Invalid | None:
    """Why a key for this server, which a person names, must not be stored for the one that it would be sent to, if so.

    Somebody else may have set the base URL. So whoever gives a key for one names its server.
    """
    if server is None and base_url is None:
        return None
    usual = USUAL.get(provider)
    used = f"Keys of {provider} are sent to {origin_of(base_url)}, its baseUrl" if base_url else ""
    if server is None:
        instead = f", and not to {origin_of(usual)}" if usual else ""
        return Invalid(f"{used}{instead}. If that is right, set the server.", field="server")
    if not _SERVER.match(server):
        return Invalid("A server is written as https://api.example.com.", field="server")
    if origin_of(server) == origin_of(base_url or usual or ""):
        return None
    used = used or (f"Keys of {provider} are sent to {origin_of(usual)}" if usual else f"{provider} has no baseUrl yet")
    return Invalid(f"{used}, and the server is {origin_of(server)}.", field="server")


def models_url(provider: str, base_url: str | None) -> str | None:
    """The URL of a provider's list of models; None if nobody has said where the provider is."""
    base = base_url or USUAL.get(provider)
    return None if base is None else base.rstrip("/") + "/models"


def headers(provider: str, secret: Secret) -> Mapping[str, str]:
    """The headers of a request to a provider."""
    if provider == "anthropic":
        return {"x-api-key": secret.reveal(), "anthropic-version": "2023-06-01"}
    return {"Authorization": f"Bearer {secret.reveal()}"}
