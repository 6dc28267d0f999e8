"""Serves landing, which hands it what people wrote: what names, numbers or reaches somebody is blanked out of it, and
nothing is sought in any other than its folded form.
"""
