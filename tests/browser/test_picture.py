"""The README's picture of the chat page can be taken again, and is small."""

from tests.browser.chromium import Page
from tests.browser.picture import LARGEST_BYTES, PICTURE, at_work
from tests.kit.serving import Serving

PNG = b"\x89PNG"


async def test_picture_can_be_taken(page: Page, serving: Serving) -> None:
    taken = await at_work(page, serving)
    assert taken.startswith(PNG)
    assert len(taken) <= LARGEST_BYTES


def test_picture_of_the_readme_is_small() -> None:
    kept = PICTURE.read_bytes()
    assert kept.startswith(PNG)
    assert len(kept) <= LARGEST_BYTES
