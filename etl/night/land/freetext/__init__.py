"""Free text while it lands: what names, numbers or reaches somebody is blanked out of it.

Texts are sought in a folded form (see `folding`) and blanked as they were delivered.
"""
