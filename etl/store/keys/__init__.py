"""The key stores, which alone link a record number to an id; opened by landing, looked into by the doctor, by nobody
else.
"""
