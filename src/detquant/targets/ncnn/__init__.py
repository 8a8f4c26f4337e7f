"""ncnn: a writer of its ``.param`` and ``.bin`` files, and its own runtime."""
