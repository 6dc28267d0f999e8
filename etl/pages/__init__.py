"""How every page looks: `page.py` renders a template with style, script, charts and numbers; a page itself stands as
`page.py` or `pages.py`, with its `templates/`, in the room whose content it shows, and is registered nowhere.
"""
