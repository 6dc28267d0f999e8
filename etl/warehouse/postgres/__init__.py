"""The consortium's warehouse on PostgreSQL: hospitals are partitions that are loaded aside and swapped in."""
