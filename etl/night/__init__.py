"""The journey of one delivery: `pipeline.py` lists the stages, each is a room of that name, rooms meet only in what
they leave in `lake`, and a killed run goes on where `finished.py` finds work that is done.
"""
