"""scikit-learn's logistic regression, learned on train and valid and judged on test: on what the rules count, and on all features
of leadforge's own task.

    reference.py BUNDLE COUNTS.csv
"""

import pathlib
import sys

import numpy
import pandas
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

bundle = pathlib.Path(sys.argv[1])


def top_decile(outcome: numpy.ndarray, score: numpy.ndarray) -> float:
    highest = numpy.argsort(-score, kind="stable")[: round(len(score) / 10)]
    return outcome[highest].sum() / outcome.sum()


def judged(name: str, model, train, outcome, test, truth) -> None:
    model.fit(train, outcome)
    score = model.predict_proba(test)[:, 1]
    print(f"{name}|{roc_auc_score(truth, score):.3f}|{top_decile(truth.to_numpy(), score):.3f}")


counts = pandas.read_csv(sys.argv[2])
features = [c for c in counts.columns if c not in ("lead", "split", "converted")]
is_test = counts.split == "test"
judged("scikit-learn, on what the rules count", make_pipeline(StandardScaler(), LogisticRegression(max_iter=5000)),
       counts.loc[~is_test, features], counts.converted[~is_test], counts.loc[is_test, features], counts.converted[is_test])

label = "converted_within_90_days"
train, valid, test = (pandas.read_parquet(bundle / "tasks" / label / f"{s}.parquet") for s in ("train", "valid", "test"))
train = pandas.concat([train, valid])
# Its documentation says of the last one that it looks ahead.
features = [c for c in train.columns if c not in (label, "account_id", "contact_id", "lead_id", "lead_created_at", "total_touches_all")]
words = [c for c in features if not pandas.api.types.is_numeric_dtype(train[c])]
numbers = [c for c in features if c not in words]
for frame in train, test:
    frame[numbers] = frame[numbers].astype("Float64").astype(float)
    frame[words] = frame[words].astype(object)
judged("scikit-learn, on all of leadforge's own features",
       make_pipeline(make_column_transformer((make_pipeline(SimpleImputer(add_indicator=True), StandardScaler()), numbers),
                                             (OneHotEncoder(handle_unknown="ignore"), words)), LogisticRegression(max_iter=5000)),
       train[features], train[label].astype(bool), test[features], test[label].astype(bool))
