"""`etl clean`: removes what no published night needs any more, from lake, pages and warehouse; never what one builds
on.
"""
