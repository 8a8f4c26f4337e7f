"""`python -m detquant` is `detquant`."""

from __future__ import annotations

import sys

from detquant.cli import main

if __name__ == "__main__":
    sys.exit(main())
