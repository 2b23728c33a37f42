"""Deploys the worker to an AWS account: what `make secret`, `make deploy` and `make undeploy` run.

    make secret ──► Secrets Manager: hautech-worker-STAGE
                        │
    make deploy ──► preflight ──► resources stack ──► osls: functions ──► .deployed/STAGE.env
                                                             └──► monitoring stack, if wanted

Nothing is created before the preflight has found nothing wrong. It is never shipped.
"""
