"""For researchers who want to take results along and those who check them: nothing leaves a project space that the
rules refuse, and nothing that two others have not released.
"""
