"""All our ways to touch the world, as the engine needs them, a file for each need; adapters implement these.

Every method raises only errors of `worker.errors`: adapters translate foreign errors once, with
`raise … from`, and name the call. One test suite per port runs on every adapter.
"""
