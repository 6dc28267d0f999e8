"""Stages `check_source` and `check_cdm`: the gates run the Great Expectations suites, which are JSON in
`expectations/`; a check is added there.
"""
