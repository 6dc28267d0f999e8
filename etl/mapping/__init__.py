"""The mapping language: its words, reading, checking, compiling and explaining of what `mappings/` says; it reads no
row of a patient by itself.
"""
