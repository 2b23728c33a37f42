"""Makes the zip that the Lambda functions run from: the same bytes from the same commit.

    requirements/lambda.txt ─► install ─► prune ─┐
                                                 ├─► byte-compile ─► archive ─► build/*.zip
    worker/ ─► the modules the handlers import ──┘

Each file does one of these steps; `build` knows their order.
"""
