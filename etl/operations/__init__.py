"""The wing of who runs the nights: data engineers, at night and at 3 a.m.; it decides when and whether work is done,
never what a row becomes.
"""
