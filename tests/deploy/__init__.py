"""The functions from their real zip, deployed by the commands that people run, on an emulator with IAM.

Every test here uses the same deployment and its own request ids. What must hold for all of them
together (nothing paid twice, no secret in a log) is looked at in `test_z_afterwards.py`.
"""
