"""The images that the Dockerfile makes, built and run for real, without a daemon; as root.

    base ─► buildah ─► two images ─► podman + runc ─► the worker on the sandbox
                                                 └──► the functions on a runtime API

`make image-check` runs it. It is no part of `make test`: it takes minutes, and packages of the
system. Everything it makes lies in one folder and is removed, apart from the base.
"""
