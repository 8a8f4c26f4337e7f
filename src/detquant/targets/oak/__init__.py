"""Luxonis' OAK cameras: a half-precision graph for the MyriadX in them, and the archive that DepthAI reads."""
