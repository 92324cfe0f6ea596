"""What leadforge has generated, as leads and their activities of the first 30 days, with its label and its split.

    leads.py BUNDLE LEADS.csv ACTIVITIES.csv
"""

import csv
import json
import pathlib
import sys

import pandas

bundle, leads_file, activities_file = map(pathlib.Path, sys.argv[1:])


def table(name: str) -> pandas.DataFrame:
    return pandas.read_parquet(bundle / "tables" / f"{name}.parquet")


label = "converted_within_90_days"
splits = {name: pandas.read_parquet(bundle / "tasks" / label / f"{name}.parquet") for name in ("train", "valid", "test")}
converted = {row.lead_id: (name, bool(getattr(row, label))) for name, split in splits.items() for row in split.itertuples()}
leads = table("leads").merge(table("accounts"), on="account_id").merge(table("contacts"), on="contact_id", suffixes=("", "_contact"))
created = dict(zip(leads.lead_id, pandas.to_datetime(leads.lead_created_at)))

with leads_file.open("w", newline="") as file:
    out = csv.writer(file)
    for lead in leads.itertuples():
        attributes = {"source": lead.lead_source, "role": lead.buyer_role, "seniority": lead.seniority, "employees": lead.employee_band,
                      "maturity": lead.process_maturity_band, "address": lead.email_domain_type}
        out.writerow([lead.lead_id, *converted[lead.lead_id], json.dumps(attributes)])

# The stage of an opportunity is that of the end of the simulation, so only its beginning is taken.
with activities_file.open("w", newline="") as file:
    out = csv.writer(file)

    def write(lead_id: str, at: str, activity_type: str) -> None:
        days = (pandas.to_datetime(at) - created[lead_id]).days
        if 0 <= days <= 30:
            out.writerow([lead_id, days, activity_type])

    for touch in table("touches").itertuples():
        write(touch.lead_id, touch.touch_timestamp, f"{touch.touch_direction}_touch")
    for session in table("sessions").itertuples():
        write(session.lead_id, session.session_timestamp, session.session_type)
    for activity in table("sales_activities").itertuples():
        write(activity.lead_id, activity.activity_timestamp, activity.activity_type)
    for opportunity in table("opportunities").itertuples():
        write(opportunity.lead_id, opportunity.created_at, "opportunity")
