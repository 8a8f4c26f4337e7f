"""What the pages take from the code itself when they are built: tables, a page for each family, pictures.

```{code-table} targets
```
"""

from __future__ import annotations

from typing import Any

from sphinx.application import Sphinx

from detquant_docs.beside import put_in
from detquant_docs.directives import CodeTable, Commands, FamilyFacts, Notebooks, Picture, Play


def setup(app: Sphinx) -> dict[str, Any]:
    """Adds the directives."""
    app.add_directive("code-table", CodeTable)
    app.add_directive("commands", Commands)
    app.add_directive("family", FamilyFacts)
    app.add_directive("picture", Picture)
    app.add_directive("play", Play)
    app.add_directive("notebooks", Notebooks)
    app.connect("source-read", put_in)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
