import pytest

from lets.cli.plan import amount


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0 B"),
        (7, "7 B"),
        (999, "999 B"),
        (999.4, "999 B"),
        (999.6, "1.00 kB"),
        (1000, "1.00 kB"),
        (1_110_845_440, "1.11 GB"),
        (12_345, "12.3 kB"),
        (999_499, "999 kB"),
        (999_500, "1.00 MB"),
        (0.25, "0.250 B"),
        (4e20, "400 EB"),
    ],
)
def test_three_digits_and_a_prefix(value: float, text: str) -> None:
    assert amount(value, "B") == text


def test_without_a_unit() -> None:
    assert (amount(12), amount(41_300_000)) == ("12", "41.3 M")
