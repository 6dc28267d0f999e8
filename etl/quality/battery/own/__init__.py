"""Reads the checks of ours for who asks the battery; nothing that is written in them runs before it was judged."""
