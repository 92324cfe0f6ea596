"""scikit-learn's logistic regression on what the rules count, learned on 30 September 1997 and judged on 30 March 1998.

    reference.py COUNTED.csv
"""

import csv
import sys

import numpy
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

with open(sys.argv[1], newline="") as file:
    rows = list(csv.DictReader(file))
units = numpy.array([[float(row[name]) for name in ("recent", "regular", "silence")] for row in rows])
again = numpy.array([int(row["again"]) for row in rows])
is_judged = numpy.array([row["day"] == "1998-03-30" for row in rows])

model = make_pipeline(StandardScaler(), LogisticRegression()).fit(units[~is_judged], again[~is_judged])
score, truth = model.predict_proba(units[is_judged])[:, 1], again[is_judged]
highest = numpy.argsort(-score, kind="stable")[: round(len(score) / 10)]
print(f"scikit-learn, on what the rules count|{roc_auc_score(truth, score):.3f}|{truth[highest].sum() / truth.sum():.3f}")
