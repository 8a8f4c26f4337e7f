"""Arm Ethos-U NPUs."""
