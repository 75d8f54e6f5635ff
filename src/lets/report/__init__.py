"""Tables, figures and the page, from run records alone.

`render_table`, `figure_files` and `render_page` are pure: the audit calls them again and compares bytes.
Nothing here imports torch; matplotlib and seaborn are imported when a figure is drawn.
"""

from lets.report.claims import claims_texts, write_claims
from lets.report.figures import figure_data, figure_files, write_figure
from lets.report.page import render_page, write_page
from lets.report.runs import runs_text, write_runs
from lets.report.tables import render_table, write_table
from lets.report.variants import summary_text, write_summary

__all__ = [
    "claims_texts",
    "figure_data",
    "figure_files",
    "render_page",
    "render_table",
    "runs_text",
    "summary_text",
    "write_claims",
    "write_figure",
    "write_page",
    "write_runs",
    "write_summary",
    "write_table",
]
