"""Photos that are dropped into a folder of S3: which rule is theirs, and which requests they become."""
