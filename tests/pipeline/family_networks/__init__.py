"""Networks of published topologies, narrow and with seeded weights, for what no trained file is at hand."""
