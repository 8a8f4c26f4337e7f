"""Arguments that the benchmarks' commands share: counts, and several values after one option."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

Count = Annotated[int, Parameter(validator=Number(gte=1))]
Counts = Annotated[list[Count] | None, Parameter(consume_multiple=True)]
Names = Annotated[list[str] | None, Parameter(consume_multiple=True)]
