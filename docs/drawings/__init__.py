"""The pictures of the concepts: what detquant makes of the embedded detector.  cd docs \&\& python -m drawings"""
