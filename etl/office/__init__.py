"""The door for people at a browser: routes, sign-in, sessions and forms around the pages that the rooms below give,
and nothing that such a room could do.
"""
