"""The pictures of the concepts, of what detquant makes of the embedded detector:  python -m drawings  (in docs)."""
