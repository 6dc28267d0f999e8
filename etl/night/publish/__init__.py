"""Stage `publish`: accounts are reconciled, approvals asked for, and the candidate goes to the warehouse in one
transaction or not at all.
"""
