"""The program's memories: their bits, and the files that hold them."""
