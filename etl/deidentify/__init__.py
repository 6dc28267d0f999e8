"""What stands between identifiers and everything else: the key store and the blanking of free text."""
