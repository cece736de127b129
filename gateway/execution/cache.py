"""The documents used last, so that an operation a client repeats is parsed and validated once."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

from gateway.execution.operation import Document

Key = tuple[str, str | None]


@dataclass(slots=True)
class DocumentCache:
    """Keeps documents by text and operation name, and forgets those that were not used for longest.

    Bounded by number and by characters: a syntax tree takes up to 250 bytes a character.
    """

    max_documents: int = 1_000
    max_characters: int = 256 * 1024
    _documents: OrderedDict[Key, Document] = field(default_factory=OrderedDict)
    _characters: int = 0

    def get(self, key: Key) -> Document | None:
        """The document, which now counts as just used."""
        if key in self._documents:
            self._documents.move_to_end(key)
        return self._documents.get(key)

    def put(self, key: Key, document: Document) -> None:
        """Keep the document for as long as there is room."""
        self._documents[key] = document
        self._characters += len(key[0])
        while len(self._documents) > self.max_documents or self._characters > self.max_characters:
            (text, _), _ = self._documents.popitem(last=False)
            self._characters -= len(text)

    def __len__(self) -> int:
        return len(self._documents)
