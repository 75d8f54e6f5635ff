"""Tests of differences: paired, equivalent, ranked, corrected. Numbers in, numbers out; nothing here knows of runs."""
