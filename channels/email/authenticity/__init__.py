"""Who wrote a mail? What our mail server says, else what we find out ourselves. The whole story: docs/authenticity.md.

results.py     what the Authentication-Results of our own mail server say (RFC 8601). Pure
inquiry.py     asks the DNS what judging a mail will need. In a worker, bounded in time; never before the yes
spf.py         whether the peer may send for the envelope's domain (RFC 7208)
names.py       the DNS: cached, limited, forgiving
signatures.py  DKIM signatures against keys that were asked for before (RFC 6376). Pure, in the reader's child
dmarc.py       records, alignment and policy (RFC 9989). Pure
verdict.py     all of this together: aligned, unproved or failed, and why. Pure
"""
