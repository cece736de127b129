"""A corpus of tokens that must not be accepted, nearly all of them signed with the real key.

A wrong signature stops everything, so a case that lacks a right one tests little else. `_signed` is given
each header and claim as the case wants it; given none, its token is accepted, which shows that each case
fails for its own reason.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc.jwk import OKPKey

from gateway.auth.keyring import KeyRing
from gateway.auth.token import TokenAuthority
from gateway.errors import Unauthenticated

NOW = 1_800_000_000


def _key(seed: int) -> OKPKey:
    """The same in every process: the names of the cases tell of it."""
    key = OKPKey.import_key(Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32))
    key.ensure_kid()
    return key


KEY, SECOND_KEY, STRANGER = (_key(seed) for seed in range(3))
ORDER = 2**252 + 27742317777372353535851937790883648493  # of the Ed25519 base point (RFC 8032, section 5.1)

HEADER = {"alg": "EdDSA", "typ": "at+jwt", "kid": KEY.kid}
CLAIMS: dict[str, Any] = {
    "iss": "https://parley.test",
    "aud": "parley",
    "sub": "11111111-aaaa-4bbb-8ccc-222222222222",
    "sid": "33333333-aaaa-4bbb-8ccc-444444444444",
    "jti": "token-1",
    "iat": NOW,
    "exp": NOW + 900,
    "scope": "",
    "act": {"sub": "user"},
}


def _base64(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _signature(text: str, key: OKPKey) -> bytes:
    return key.get_op_key("sign").sign(text.encode())  # type: ignore[union-attr]


def _signed(header: object = HEADER, claims: object = CLAIMS, key: OKPKey = KEY) -> str:
    raw_header = header if isinstance(header, bytes) else _json(header)
    raw_claims = claims if isinstance(claims, bytes) else _json(claims)
    text = f"{_base64(raw_header)}.{_base64(raw_claims)}"
    return f"{text}.{_base64(_signature(text, key))}"


def _with(**changes: object) -> dict[str, Any]:
    return {**CLAIMS, **changes}


GOOD = _signed()
GOOD_HEADER, GOOD_CLAIMS, GOOD_SIGNATURE = GOOD.split(".")


def _algorithms() -> Iterator[tuple[str, str]]:
    names = (
        "none",
        "None",
        "NONE",
        "nOnE",
        "",
        "HS256",
        "RS256",
        "ES256",
        "PS256",
        "ES256K",
        "Ed448",
        "Ed25519",
        "eddsa",
    )
    for name in names:
        token = _signed({**HEADER, "alg": name})
        yield f"alg {name!r} with our signature", token
        yield f"alg {name!r} with no signature", token.rpartition(".")[0] + "."
    yield "alg missing", _signed({"typ": "at+jwt", "kid": KEY.kid})
    yield "alg null", _signed({**HEADER, "alg": None})
    yield "alg a list", _signed({**HEADER, "alg": ["EdDSA"]})


def _public_key_as_secret() -> Iterator[tuple[str, str]]:
    public = OKPKey.import_key({**KEY.as_dict(private=False)})
    raw = urlsafe_b64decode(str(public["x"]) + "=")
    forms = {
        "raw": raw,
        "pem": public.as_pem(),
        "der": public.as_der(),
        "jwk": _json(public.as_dict()),
        "empty": b"",
    }
    for name, secret in forms.items():
        for algorithm in ("HS256", "HS384", "HS512"):
            text = f"{_base64(_json({**HEADER, 'alg': algorithm}))}.{GOOD_CLAIMS}"
            digest = getattr(hashlib, f"sha{algorithm[2:]}")
            yield (
                f"{algorithm} with the {name} public key",
                f"{text}.{_base64(hmac.digest(secret, text.encode(), digest))}",
            )
        # The same without saying so, against a verifier that goes by the kind of signature.
        text = f"{GOOD_HEADER}.{GOOD_CLAIMS}"
        yield (
            f"a silent HMAC with the {name} public key",
            f"{text}.{_base64(hmac.digest(secret, text.encode(), 'sha512'))}",
        )


def _key_ids() -> Iterator[tuple[str, str]]:
    odd: tuple[object, ...] = (
        "",
        "unknown",
        "../../../../dev/null",
        "' OR 1=1 --",
        "https://evil.test/key",
        f"{KEY.kid} ",
        None,
        0,
        [KEY.kid],
        {},
    )
    for kid in odd:
        yield f"kid {kid!r}", _signed({**HEADER, "kid": kid})
    yield "kid missing", _signed({"alg": "EdDSA", "typ": "at+jwt"})
    yield "kid of another key of ours", _signed({**HEADER, "kid": SECOND_KEY.kid})
    yield "signed by another key of ours", _signed(key=SECOND_KEY)
    yield "signed by a stranger", _signed(key=STRANGER)
    yield "a stranger under its own kid", _signed({**HEADER, "kid": STRANGER.kid}, key=STRANGER)


def _header_parameters() -> Iterator[tuple[str, str]]:
    jwk = STRANGER.as_dict(private=False)
    for name, value in {
        "jwk": jwk,
        "jku": "https://evil.test/keys",
        "x5u": "https://evil.test/certificate",
        "x5c": ["MIIB"],
        "x5t": "AAAA",
        "cty": "JWT",
        "zip": "DEF",
        "b64": True,
        "unknown": 1,
    }.items():
        yield f"{name}, signed by us", _signed({**HEADER, name: value})
        yield f"{name}, signed by a stranger", _signed({**HEADER, name: value}, key=STRANGER)
    for critical in ([], ["exp"], ["unknown"], ["alg"], "exp", None):
        yield f"crit {critical!r}", _signed({**HEADER, "crit": critical})
    yield "crit b64", _signed({**HEADER, "crit": ["b64"], "b64": True})
    for kind in ("JWT", "jwt", "at+JWT", "AT+JWT", "application/at+jwt", "dpop+jwt", "", None, 1, ["at+jwt"]):
        yield f"typ {kind!r}", _signed({**HEADER, "typ": kind})
    yield "typ missing", _signed({"alg": "EdDSA", "kid": KEY.kid})
    yield "header with a repeated alg", _signed(_json(HEADER)[:-1] + b',"alg":"none"}')
    yield "header in another order", _signed(dict(reversed(HEADER.items())))
    yield "header with spaces", _signed(json.dumps(HEADER).encode())
    yield "header in UTF-16", _signed(json.dumps(HEADER).encode("utf-16"))
    for text in (b"", b"{}", b"[]", b"null", b"{", b"\xff"):
        yield f"header {text!r}", _signed(text)


def _claims() -> Iterator[tuple[str, str]]:
    for name in CLAIMS:
        yield f"{name} missing", _signed(claims={key: value for key, value in CLAIMS.items() if key != name})
        wrong: tuple[object, ...] = (None, True, [], {}, [CLAIMS[name]], 1.5)
        for value in wrong:
            yield f"{name} {value!r}", _signed(claims=_with(**{name: value}))
        repeated = _json({name: CLAIMS[name]})[1:]
        yield f"{name} twice", _signed(claims=_json(CLAIMS)[:-1] + b"," + repeated)
    yield "claims in UTF-16", _signed(claims=json.dumps(CLAIMS).encode("utf-16"))
    for issuer in (
        "",
        "https://parley.test/",
        "HTTPS://PARLEY.TEST",
        "https://evil.test",
        ["https://evil.test"],
    ):
        yield f"iss {issuer!r}", _signed(claims=_with(iss=issuer))
    for audience in ("", "Parley", "parley ", "other", ["parley", "other"]):
        yield f"aud {audience!r}", _signed(claims=_with(aud=audience))
    for name in ("sub", "sid"):
        plain: str = CLAIMS[name]
        for text in (
            "",
            "1",
            plain.upper(),
            plain.replace("-", ""),
            f"{{{plain}}}",
            f"urn:uuid:{plain}",
            plain + "0",
        ):
            yield f"{name} {text!r}", _signed(claims=_with(**{name: text}))
    for end in (
        str(NOW + 900),
        float(NOW + 900),
        10**12,
        10**20,
        10**400,
        float("nan"),
        float("inf"),
        "never",
    ):
        yield f"exp {end!r:.30}", _signed(claims=_with(exp=end))
    for start in (NOW + 61, 10**20, str(NOW), float(NOW)):
        yield f"iat {start!r}", _signed(claims=_with(iat=start))
    for actor in (
        "user",
        {"sub": "agent"},
        {"sub": "admin"},
        {"sub": "User"},
        {"sub": ["user"]},
        {"sub": "user", "act": {"sub": "agent"}},
    ):
        yield f"act {actor!r}", _signed(claims=_with(act=actor))
    yield (
        "act with two subjects",
        _signed(claims=_json(CLAIMS).replace(b'{"sub":"user"}', b'{"sub":"agent","sub":"user"}')),
    )
    for scope in ("read", " ", 'a"b'):
        yield f"scope {scope!r}", _signed(claims=_with(scope=scope))
    for raw in (b"", b"null", b"[]", b"1", b"{", b"\xff", b"\xef\xbb\xbf" + _json(CLAIMS), b"[" * 2500):
        yield f"claims {raw[:10]!r}", _signed(claims=raw)


def _shapes() -> Iterator[tuple[str, str]]:
    for length in range(0, len(GOOD), 29):
        yield f"cut to {length}", GOOD[:length]
    yield "cut by one", GOOD[:-1]
    for index in range(3):
        segments = GOOD.split(".")
        for position in (0, 1, len(segments[index]) // 2, -2, -1):
            letters = list(segments[index])
            letters[position] = "B" if letters[position] == "A" else "A"
            changed = [*segments[:index], "".join(letters), *segments[index + 1 :]]
            yield f"segment {index} changed at {position}", ".".join(changed)
        yield f"segment {index} empty", ".".join([*segments[:index], "", *segments[index + 1 :]])
        yield (
            f"segment {index} padded",
            ".".join([*segments[:index], segments[index] + "=", *segments[index + 1 :]]),
        )
        yield (
            f"segment {index} with a newline",
            ".".join([*segments[:index], segments[index] + "\n", *segments[index + 1 :]]),
        )
    yield "segments exchanged", f"{GOOD_HEADER}.{GOOD_SIGNATURE}.{GOOD_CLAIMS}"
    yield "four segments", f"{GOOD}.{GOOD_SIGNATURE}"
    yield "five segments, as JWE has", f"{GOOD}..{GOOD_SIGNATURE}"
    yield (
        "another token's signature",
        f"{GOOD_HEADER}.{GOOD_CLAIMS}.{_signed(claims=_with(jti='2')).rpartition('.')[2]}",
    )
    for text in (
        "",
        ".",
        "..",
        "...",
        " " + GOOD,
        GOOD + " ",
        GOOD + "\n",
        GOOD + "\0",
        "Bearer " + GOOD,
        GOOD * 2,
    ):
        yield f"text {text[:8]!r}…{text[-3:]!r}", text
    yield "not ASCII", GOOD + "é"
    yield "half a surrogate pair", GOOD + "\ud800"
    yield "full-width letters", GOOD_HEADER + ".\uff21." + GOOD_SIGNATURE
    yield "huge", "A" * 1_000_000
    yield "huge claims", _signed(claims=_with(padding="x" * 1_000_000))
    yield "huge header", _signed({**HEADER, "padding": "x" * 100_000})
    yield "huge signature", GOOD + "A" * 1_000_000
    yield "too long, but otherwise good", _signed(claims=_with(jti="j" * 4096))
    yield "many dots", "." * 1_000_000


def _json_forms() -> Iterator[tuple[str, str]]:
    signature = {"protected": GOOD_HEADER, "signature": GOOD_SIGNATURE}
    for name, form in {
        "flattened": {"payload": GOOD_CLAIMS, **signature},
        "general": {"payload": GOOD_CLAIMS, "signatures": [signature]},
        "general without signatures": {"payload": GOOD_CLAIMS, "signatures": []},
        "unprotected header": {"payload": GOOD_CLAIMS, "header": HEADER, "signature": GOOD_SIGNATURE},
    }.items():
        yield name, _json(form).decode()
        yield f"{name}, in base64url", _base64(_json(form))
        yield f"{name}, after a good header", f"{GOOD_HEADER}.{_json(form).decode()}"


def _signatures() -> Iterator[tuple[str, str]]:
    raw = urlsafe_b64decode(GOOD_SIGNATURE + "==")
    malleable = raw[:32] + (int.from_bytes(raw[32:], "little") + ORDER).to_bytes(32, "little")
    for name, signature in {
        "zeros": bytes(64),
        "ones": b"\xff" * 64,
        "the neutral point": b"\x01" + bytes(63),
        "the order added (RFC 8032, section 5.1.7)": malleable,
        "too short": raw[:63],
        "too long": raw + b"\0",
    }.items():
        yield f"signature of {name}", f"{GOOD_HEADER}.{GOOD_CLAIMS}.{_base64(signature)}"


CORPUS = [
    pytest.param(token, id=f"{family.__name__[1:]}: {name}")
    for family in (
        _algorithms,
        _public_key_as_secret,
        _key_ids,
        _header_parameters,
        _claims,
        _shapes,
        _json_forms,
        _signatures,
    )
    for name, token in family()
    if token != GOOD
]


@pytest.fixture(scope="module")
def authority() -> TokenAuthority:
    keys = KeyRing(signing=KEY, verifying=(KEY, SECOND_KEY), refresh_key=bytes(32))
    return TokenAuthority(keys, issuer="https://parley.test", audience="parley", clock=lambda: NOW)


def test_the_token_that_all_forgeries_begin_from_is_good(authority: TokenAuthority) -> None:
    assert authority.verify(GOOD).user_id == UUID(CLAIMS["sub"])


@pytest.mark.parametrize("token", CORPUS)
def test_forgery_is_refused(authority: TokenAuthority, token: str) -> None:
    authority.verify(GOOD)  # so that what is remembered is attacked as well
    with pytest.raises(Unauthenticated) as refusal:
        authority.verify(token)
    assert refusal.value.message == "The access token is not valid."


@pytest.mark.parametrize("end", [NOW, NOW - 1, 0, -1, -(10**9)])
def test_a_genuine_token_of_the_past_is_called_expired(authority: TokenAuthority, end: int) -> None:
    with pytest.raises(Unauthenticated, match="has expired"):
        authority.verify(_signed(claims=_with(exp=end)))


def test_the_corpus_is_large() -> None:
    assert len(CORPUS) >= 300
    assert len({case.values[0] for case in CORPUS}) >= 290
