"""Rounding that is learnt: parts of a quantised net are brought back to what they give in float, one after another.

What AdaRound and block reconstruction have in common; the files import torch, this one does not.
"""
