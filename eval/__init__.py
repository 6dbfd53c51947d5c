"""Evaluation as measurement: cases, runs, scores, reports. Uses only the public face of ``rag``."""
