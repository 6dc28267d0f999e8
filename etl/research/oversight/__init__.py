"""For the privacy officer, auditors and the board's secretary: the register that the law asks for, and what is unusual
in the audit log and has to be looked at by somebody else.
"""
