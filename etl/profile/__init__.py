"""What a new hospital's export looks like (`etl profile`), and a first draft of its mappings (`etl new`)."""
