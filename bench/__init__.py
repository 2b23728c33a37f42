"""How fast, how frugal and how small a worker is: measured against the sandbox, beside a bare floor."""
