"""The QDQ graph as codes, multipliers, shifts and tables, run by NumPy, exactly."""
