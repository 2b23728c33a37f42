"""A garment and a pose, drawn when needed, for whoever has no photos of their own at hand.

Nothing is stored in the repository but the drawing itself, and the same picture comes out each
time: 832 x 1200 pixels, the size of the aspect ratio 7:10 at Hautech.
"""

from sandbox.samples.files import SampleFiles, write_samples
from sandbox.samples.garment import draw_garment
from sandbox.samples.pose import draw_pose

__all__ = ["SampleFiles", "draw_garment", "draw_pose", "write_samples"]
