"""Drawings of the analyses, which import matplotlib: kinds import them when they draw."""
