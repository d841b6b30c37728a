from tests.emulator.demo import verdict


def test_the_demo_shows_an_answer_of_the_model() -> None:
    assert verdict('{"category": "billing", "urgent": true}') == ("billing", "yes")


def test_the_demo_shows_an_echo_as_it_is() -> None:
    assert verdict("You charged my card twice for order 8841.") == ("You charged my card ", "-")
    assert verdict("[]") == ("[]", "-")
