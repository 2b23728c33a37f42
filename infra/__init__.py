"""How the worker gets to AWS: templates, and the code that makes what they deploy."""
