"""Where providers of models are, and how they are asked which models they offer."""

from __future__ import annotations

from collections.abc import Mapping

from gateway import Secret

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


def models_url(provider: str, base_url: str | None) -> str | None:
    """The URL of a provider's list of models; None if nobody has said where the provider is."""
    base = base_url or USUAL.get(provider)
    return None if base is None else base.rstrip("/") + "/models"


def headers(provider: str, secret: Secret) -> Mapping[str, str]:
    """The headers of a request to a provider."""
    if provider == "anthropic":
        return {"x-api-key": secret.reveal(), "anthropic-version": "2023-06-01"}
    return {"Authorization": f"Bearer {secret.reveal()}"}
