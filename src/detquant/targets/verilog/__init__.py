"""Hardware: the network as a program, memories and RTL of a fixed engine, proven bit for bit in simulation."""
