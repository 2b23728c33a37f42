"""What of an output may be kept: links without what opens them."""

import pytest

from worker.jobs.outputs import without_secrets


@pytest.mark.parametrize(
    ("link", "bare"),
    [
        ("https://cdn.hautech.ai/a.png?X-Amz-Signature=s", "https://cdn.hautech.ai/a.png"),
        ("HTTPS://user:pw@cdn.hautech.ai/a.png#token", "https://cdn.hautech.ai/a.png"),
        ("https://[broken", "(a link that cannot be read)"),
        ("not a link?x=1", "not a link?x=1"),
    ],
)
def test_links_lose_query_fragment_and_user(link: str, bare: str) -> None:
    assert without_secrets(link) == bare


def test_links_are_found_at_any_depth_and_the_rest_stays() -> None:
    value = {"a": [{"url": "https://h/x?s=1"}, 7, None, True], "b": "text"}
    assert without_secrets(value) == {"a": [{"url": "https://h/x"}, 7, None, True], "b": "text"}


@pytest.mark.parametrize(
    "text",
    [
        " https://cdn.hautech.ai/a.png?sig=hush",
        "see https://user:hush@cdn.hautech.ai/a.png, please",
        "gs://pictures/a.png?X-Goog-Signature=hush",
    ],
)
def test_a_link_within_a_text_loses_what_opens_it_too(text: str) -> None:
    assert "hush" not in str(without_secrets({"note": [text]}))
