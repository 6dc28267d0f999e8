"""The warehouse on PostgreSQL: a partition per hospital, roles and clearances."""
