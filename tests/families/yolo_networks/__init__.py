"""YOLO-like detectors of their published topology, narrow, with seeded weights, in ONNX as their exporters write it."""
