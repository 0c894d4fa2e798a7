"""Length: how long a text is in UTF-16 units, as SQL Server, Java and JavaScript count.

An emoji, and any other character above U+FFFF, counts as two. The limits of ids are meant this way:
the clients that the HTTP contract was made for count so, and a SQL Server column holds as many.
"""


def utf16_length(text: str) -> int:
    """Return how many UTF-16 units a text has."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2
