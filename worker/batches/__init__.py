"""Many requests from one message: manifests, matrices, and the batch that follows them. No I/O."""
