"""What a hospital has delivered so far: the newest version of every row, and which persons a night touches."""
