"""How every page looks: template, style, script, charts, numbers; a page itself stands as `page.py` or `pages.py` in
the room whose content it shows.
"""
