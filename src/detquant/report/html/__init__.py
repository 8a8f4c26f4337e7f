"""report.html: a report as one page that needs no network, no server and no script.

Each view is a file in `views`, in the order of its table; what they draw with is in `svg`, what makes text into markup,
and escapes it, in `markup`.
"""

from __future__ import annotations

from detquant.report.html.page import START
from detquant.report.html.pictures import kind_of
from detquant.report.html.runs import Run, runs_to_html, to_html, wanted

__all__ = ["START", "Run", "kind_of", "runs_to_html", "to_html", "wanted"]
