"""The AXI wrapper `dq_axi` as its driver sees it: registers, and what is written to them for a network."""
