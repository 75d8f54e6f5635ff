"""Figures: one file a kind; `canvas` alone imports matplotlib, when one is drawn."""
