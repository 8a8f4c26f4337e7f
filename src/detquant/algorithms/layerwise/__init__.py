"""Layers solved one after another: as matrix products, on sums over sampled positions, beside the float network."""
