"""The journey of one delivery: `pipeline.py` lists the stages, each is a room of that name, and rooms meet only in what
they leave in `lake`.
"""
