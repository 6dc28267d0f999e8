"""The data dictionary: what the specification says of every field, what fills it, and what the published warehouse
holds in it.
"""
