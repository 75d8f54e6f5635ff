"""The HTML page, and what else repeats the numbers of all runs."""
