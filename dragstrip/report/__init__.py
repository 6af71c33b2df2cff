"""A stored run becomes something to look at. Nothing here measures or decides."""
