"""The figures of the service: what happened to every ticket, counted by day, and read under any filter.

    ticket, ticket_event, message ──keep──▶ figure_fact ──(what changed)──▶ figure_cell, figure_share ──read──▶ pages
         the truth                          a row a ticket                  sums by day and by month

`fact.py` says what one ticket's history means in figures, `cells.py` which sums it is part of: both are pure. `keep.py`
keeps the rows up to what has happened, a batch of tickets at a time; `recount.py` reads everything again, as the proof.
`period.py` and `choice.py` are the question (which days, which tickets), `read.py` and `times.py` find the answer,
`kpi.py` words it as the figures of docs/figures.md, `rows.py` gives the tickets behind a figure.
"""
