"""Rules of the house: imports, layout, names, stored names, hooks, documents."""
