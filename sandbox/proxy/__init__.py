"""A TCP proxy that misbehaves on purpose: it cuts, delays and drips, and can be told to stop it.

with TcpProxy(seed=7) as proxy:
    start_something(url=proxy.url)      # the port is known before the target is
    proxy.aim_at("http://127.0.0.1:4566")
    proxy.set_mood(HOSTILE)
"""

from sandbox.proxy.mischief import CALM, HOSTILE, Fate, Mischief, Mood, draw_fate
from sandbox.proxy.tcp_proxy import TcpProxy

__all__ = ["CALM", "HOSTILE", "Fate", "Mischief", "Mood", "TcpProxy", "draw_fate"]
