"""Prints how alike the rows of a CSV file are, as pycanon measures it: k, l, t of the column `value`."""

import json
import sys

import pandas as pd
from pycanon import anonymity

rows = pd.read_csv(sys.argv[1], dtype=str, keep_default_na=False)
known = [name for name in rows.columns if name != "value"]
print(json.dumps({
    "k": int(anonymity.k_anonymity(rows, known)),
    "l": int(anonymity.l_diversity(rows, known, ["value"])),
    "t": float(anonymity.t_closeness(rows, known, ["value"])),
}))  # fmt: skip
