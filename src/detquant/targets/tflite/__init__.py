"""LiteRT (TensorFlow Lite): a graph lowered to a ``.tflite`` file with builtin operators only, and run there."""
