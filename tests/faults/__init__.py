"""The fault matrix: every outside call of a job against every fault, on the adapters that ship.

worker (real engine, real clients) ──sockets──► gateway ──► AWS emulator, stand-in of Hautech
                                                 ▲
                                 the fault of one cell strikes here
"""
