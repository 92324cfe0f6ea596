"""Sends what an application's server sends, with Segment's own library, unchanged: client.py ENDPOINT KEY VISITOR."""

import sys

import segment.analytics as analytics
from segment.analytics.version import VERSION

endpoint, key, visitor = sys.argv[1:]
failed = []
analytics.host = endpoint
analytics.write_key = key
analytics.on_error = lambda error, items: failed.append(error)
analytics.max_retries = 1

yes = {"consent": {"categoryPreferences": {"Analytics": True}}}
analytics.identify("candidate:a", {"name": "Somebody"}, anonymous_id=visitor, context=yes)
for nth in range(100):
    # Each message twice, as after a time-out.
    for _ in range(2):
        analytics.track("candidate:b", "jobview", {"job": str(nth)}, context=yes, message_id=f"client-{nth}")
analytics.page("candidate:b", "Jobs", "Engineer", {"url": "https://example.org/jobs/12?mail=a@example.org"}, context=yes)
analytics.screen("candidate:b", "Jobs")
analytics.alias("laptop", "candidate:b", context=yes)
analytics.track("candidate:b", "Newsletter Opened")
analytics.flush()
print(f"# segment-analytics-python {VERSION}")
sys.exit(str(failed) if failed else 0)
