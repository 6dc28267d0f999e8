"""For researchers and those who answer for the data: the chain from a request to data, in which no step comes before
the one that it needs, and nothing that was said is changed.
"""
