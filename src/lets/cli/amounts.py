"""Large amounts for people: `1.11 GFLOP`, `42.7 MB`."""

PREFIXES = ("", "k", "M", "G", "T", "P", "E", "Z", "Y")


def amount(value: float, unit: str = "") -> str:
    """Return three digits with a decimal prefix and the unit; whole numbers below a thousand as they are."""
    power = 0
    while float(f"{value:.3g}") >= 1000 and power < len(PREFIXES) - 1:
        value, power = value / 1000, power + 1
    whole = power == 0 and value == int(value)
    digits = f"{value:.0f}" if whole or value >= 100 else f"{value:#.3g}"
    return f"{digits} {PREFIXES[power]}{unit}".rstrip()
