"""A QDQ graph, or a float one, as a torch module whose grids let gradients through; torch is imported by its files."""
