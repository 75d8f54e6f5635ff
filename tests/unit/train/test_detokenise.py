import pytest

from lets.train.translation import detokenise


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("so , it &apos;s here ( or not ) .", "so, it's here (or not)."),
        ("don &apos;t ask &quot; why &quot; ?", 'don\'t ask " why "?'),
        ("r &amp; d : 3.5 % of &#91; a &#93; !", "r & d: 3.5% of [a]!"),
        ("&amp;quot; 'tis rock 'n ' roll", "&quot; 'tis rock 'n ' roll"),
        ("they 're two-to-three .", "they're two-to-three."),
    ],
)
def test_running_text(words: str, text: str) -> None:
    assert detokenise(words) == text
