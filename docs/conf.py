"""How the pages are built:  make docs"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

DOCS = Path(__file__).parent
ROOT = DOCS.parent
sys.path.insert(0, str(DOCS / "_ext"))

import detquant  # noqa: E402

# The notebook lies beside the code that it runs; Sphinx reads nothing above its own folder.
shutil.rmtree(DOCS / "notebooks", ignore_errors=True)
for notebook in sorted((ROOT / "notebooks").glob("*.ipynb")):
    (DOCS / "notebooks").mkdir(exist_ok=True)
    shutil.copy(notebook, DOCS / "notebooks")

project = "detquant"
author = "the authors of detquant"
project_copyright = "the authors of detquant. Apache-2.0"
version = release = detquant.__version__
language = "en"

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "detquant_docs"]
exclude_patterns = ["_build", "_ext", "play", "**.ipynb_checkpoints"]

myst_enable_extensions = ["attrs_inline", "colon_fence", "deflist"]
myst_heading_anchors = 3
smartquotes_action = "qe"  # two hyphens begin an option
nb_execution_mode = "off"  # what a notebook shows is what it has shown when it was run
nb_ipywidgets_js = {}  # they would be loaded from elsewhere

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented_params"
autodoc_class_signature = "separated"
napoleon_numpy_docstring = False
napoleon_use_ivar = True
# What other libraries and the rooms below call their types; nothing here describes those.
nitpick_ignore_regex = [("py:.*", ".*")]

html_theme = "pydata_sphinx_theme"
html_title = "detquant"
html_static_path = ["_static"]
html_css_files = ["detquant.css"]
html_js_files = ["print.js"]
html_context = {"default_mode": "auto"}
html_show_sourcelink = False
html_sidebars = {name: [] for name in ("index", "start", "decide")}  # they have no sections of their own
html_show_sphinx = False
html_copy_source = False
html_theme_options = {
    "navigation_with_keys": False,
    "show_toc_level": 2,
    "navbar_align": "left",
    "header_links_before_dropdown": 7,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "show_prev_next": True,
    "logo": {"text": "detquant"},
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
