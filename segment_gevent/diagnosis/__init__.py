"""The doctor: facts of the running environment, and what they mean, in words.

facts.py        what is known of each subject: plain frozen values, without a secret in them
gathering/      where they come from: a file for what is asked of one part of the world
checks/         what they mean: a file for each subject, functions of facts alone
finding.py      one thing found             report.py       all of them, and whether something is wrong
examination.py  gathers, checks, reports; imported when somebody asks
"""
