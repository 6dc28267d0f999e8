"""The wing of who brings a new hospital or maps its codes: it proposes, a person decides; nothing here takes part in a
night.
"""
