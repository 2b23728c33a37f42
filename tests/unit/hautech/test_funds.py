"""An empty account stops all work, so nothing else may look like one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.hautech.fakes import unhurried
from worker.hautech import mentions_funds

OUT_OF_FUNDS = (
    "Insufficient balance",
    "insufficient funds",
    "INSUFFICIENT_FUNDS",
    "Insufficient account balance",
    "insufficient_credit_balance",
    "Not enough credits to run this workflow",
    "not enough of your credits",
    "Account does not have enough credits",
    "You have run out of funds",
    "OUT_OF_CREDITS",
    "No funds.",
    "NO_CREDITS",
    "no credits left",
    "no remaining credits",
    "low balance",
    "LOW_BALANCE",
    "negative balance",
    "BALANCE_TOO_LOW",
    "Your account's balance is too low",
    "account balance is negative",
    "balance (-0.25) is too low",
    "The balance of -0.25 credits is not sufficient",
    "Balance: -0.25 is insufficient",
    "Your credits have been used up",
    "credits exhausted",
    "exceeded your credit limit",
    "credit limit reached",
    "Payment Required",
    "Insufficient balance for the prompt 'a red coat'",
)

FASHION = (
    "New Balance",
    "label: New Balance",
    "prompt: low New Balance sneakers",
    "not enough contrast in New Balance shoe",
    "woman balanced on one leg",
    "not enough garment for a balanced fit",
    "a balance bike of low weight",
    "white balance failed",
    "insufficient white balance",
    "insufficient colour balance",
    "insufficient light, balance the picture",
    "credit card",
    "no credit card holder",
    "low credit card pocket",
    "not enough credit card slots",
    "no credit to the artist",
    "insufficient credit to the photographer",
    "accredited shop",
    "a well-funded look",
    "the image exceeds 20 MB",
    "balance must be a string",
)


@pytest.mark.parametrize("text", OUT_OF_FUNDS)
def test_a_phrase_about_too_little_money_is_recognised(text: str) -> None:
    assert mentions_funds(None, text)
    assert mentions_funds(text.upper())


@pytest.mark.parametrize("text", FASHION)
def test_the_words_of_fashion_and_photography_are_not(text: str) -> None:
    assert not mentions_funds(text, None)
    assert not mentions_funds(text.lower())


@pytest.mark.parametrize("marks", ['""', "''", "``", "“”", "‘’", "«»"])
@pytest.mark.parametrize("text", OUT_OF_FUNDS)
def test_what_is_quoted_does_not_count(text: str, marks: str) -> None:
    assert not mentions_funds(f"label {marks[0]}{text}{marks[1]} matches nothing")
    assert not mentions_funds(f"label {marks[0]}{text}")  # cut off


def test_a_code_in_camel_case_is_read_as_words() -> None:
    assert mentions_funds("insufficientBalance")


def test_an_apostrophe_opens_no_quotation() -> None:
    assert mentions_funds("the users' balance is insufficient")


def test_an_escaped_mark_does_not_end_a_quotation() -> None:
    assert not mentions_funds(r'prompt "a \"model\" with insufficient balance" is refused')


def test_what_follows_a_quotation_counts() -> None:
    assert mentions_funds('cannot run "red coat": insufficient balance')
    assert mentions_funds("for 'the model's coat': insufficient balance")


@unhurried
@given(st.text(st.characters(exclude_characters='"\\'), max_size=60), st.sampled_from(OUT_OF_FUNDS))
def test_no_quoted_prompt_can_empty_the_account(prompt: str, phrase: str) -> None:
    assert not mentions_funds(f'prompt "{prompt} {phrase} {prompt}" is not allowed')


@unhurried
@given(st.lists(st.sampled_from([*"\"'`“”‘’«»\\ -_", "no", "balance", "insufficient", "(1)"])))
def test_any_text_is_read(pieces: list[str]) -> None:
    assert mentions_funds(" ".join(pieces)) in {True, False}
