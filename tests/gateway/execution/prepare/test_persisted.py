"""Operations that are sent as a hash."""

from __future__ import annotations

import hashlib

import pytest

from gateway.execution import Engine
from gateway.execution.prepare.request import OperationRequest, RequestErrors
from tests.gateway.toy import toy_schema

TEXT = "query A { hello } query B { double(of: 2) }"
SHA256 = hashlib.sha256(TEXT.encode()).hexdigest()


@pytest.fixture
def engine() -> Engine:
    return Engine(toy_schema())


def refused(engine: Engine, request: OperationRequest) -> RequestErrors:
    with pytest.raises(RequestErrors) as caught:
        engine.prepare(request)
    return caught.value


def test_hash_is_enough_once_the_text_has_come_with_it(engine: Engine) -> None:
    error = refused(engine, OperationRequest("", "A", sha256=SHA256))
    assert (str(error), error.code) == ("PersistedQueryNotFound", "PERSISTED_QUERY_NOT_FOUND")
    first = engine.prepare(OperationRequest(TEXT, "A", sha256=SHA256))
    assert engine.prepare(OperationRequest("", "A", sha256=SHA256)).document is first.document
    assert engine.prepare(OperationRequest(TEXT, "A", sha256=SHA256)).document is first.document


def test_each_operation_of_a_document_is_sent_once(engine: Engine) -> None:
    engine.prepare(OperationRequest(TEXT, "A", sha256=SHA256))
    assert refused(engine, OperationRequest("", "B", sha256=SHA256)).code == "PERSISTED_QUERY_NOT_FOUND"


@pytest.mark.parametrize("text", ["{ hello }", "\ud800", TEXT + " "])
def test_hash_of_another_text_is_refused(engine: Engine, text: str) -> None:
    engine.prepare(OperationRequest(TEXT, "A", sha256=SHA256))
    error = refused(engine, OperationRequest(text, "A", sha256=SHA256))
    assert (str(error), error.code) == ("The hash is not the SHA-256 of the document.", "BAD_REQUEST")


def test_text_that_is_refused_is_not_kept_under_its_hash(engine: Engine) -> None:
    wrong = "{ wrong }"
    sha256 = hashlib.sha256(wrong.encode()).hexdigest()
    assert refused(engine, OperationRequest(wrong, sha256=sha256)).code == "GRAPHQL_VALIDATION_FAILED"
    assert refused(engine, OperationRequest("", sha256=sha256)).code == "PERSISTED_QUERY_NOT_FOUND"


def test_text_that_looks_like_a_hash_is_not_one(engine: Engine) -> None:
    engine.prepare(OperationRequest(TEXT, "A", sha256=SHA256))
    assert refused(engine, OperationRequest(SHA256, "A")).code == "GRAPHQL_PARSE_FAILED"
