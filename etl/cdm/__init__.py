"""The OMOP Common Data Model v5.4 as data: tables, fields, keys, domains, and how entries fill tables."""
