"""Stages `check_source` and `check_cdm`: the gates run the Great Expectations suites; a check is a line of JSON in
`expectations/source/<hospital>/<source>.json` or `expectations/cdm/<table>.json`.
"""
