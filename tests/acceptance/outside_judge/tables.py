"""Tables judged by acro: which of their cells are below its threshold, dominated, or too near their largest value.

Run by the judge's own Python. Standard input: CSV of records with `number` (of the table), `a`, `b` and `v`. Standard
output: JSON, by table and check the cells as pairs of labels.
"""

from __future__ import annotations

import json
import logging
import sys
import warnings

import pandas as pd
from acro import ACRO

CHECKS = {"MinimumThresholdCheck": "threshold", "NKCheck": "dominance", "PPercentCheck": "p_ratio"}


def main() -> None:
    """Make every table as acro's users do, and read what it says of the cells."""
    warnings.filterwarnings("ignore")
    acro = ACRO(suppress=False)
    logging.disable(logging.CRITICAL)
    found = {}
    for number, rows in pd.read_csv(sys.stdin, dtype={"a": str, "b": str}).groupby("number"):
        table = acro.crosstab(rows["a"], rows["b"], values=rows["v"], aggfunc="sum")
        cells = acro.results.get_index(-1).sdc["cells"]
        found[number] = {
            ours: [[table.index[row], table.columns[column]] for row, column in cells.get(theirs, [])]
            for theirs, ours in CHECKS.items()
        }
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
