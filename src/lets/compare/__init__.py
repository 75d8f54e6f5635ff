"""Does this tree agree with another one? Runs, cells, ranks and verdicts of both, side by side."""
